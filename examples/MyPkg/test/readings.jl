using Dates

@testset "readings" begin
    @testset "a line gives a time and a temperature" begin
        @test parse_reading("2026-03-01T06:00:00 -1.4C") == Reading(DateTime(2026, 3, 1, 6), -1.4)
        @test parse_reading("2026-03-01T12:00:00 50.0F").celsius ≈ 10
    end

    @testset "a malformed line is refused" begin
        for line in ("", "2026-03-01T06:00:00", "yesterday 3C", "2026-03-01T06:00:00 3K",
                     "2026-03-01T06:00:00 C")
            @test_throws ArgumentError parse_reading(line)
        end
    end

    @testset "a log is read in order, and malformed lines are told" begin
        mktemp() do path, io
            write(io, "# two days\n2026-03-02T00:00:00 2C\n\nnonsense\n2026-03-01T00:00:00 1C\n")
            close(io)
            log = @test_logs (:warn, "1 malformed line(s) left out") read_log(path)
            @test [reading.celsius for reading in log] == [1, 2]
        end
    end

    @testset "@or_missing keeps other errors" begin
        @test @or_missing(parse(Int, "twelve")) === missing
        @test_throws DivideError @or_missing(1 ÷ 0)
    end
end
