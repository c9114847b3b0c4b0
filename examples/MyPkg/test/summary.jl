@testset "summary" begin
    summary = summarize(read_log(MyPkg.sample_log()))

    @test summary.count == 12
    @test (summary.lowest, summary.highest) == (-1.4, 12.8)
    @test summary.mean ≈ 60.7 / 12
    @test occursin("lowest   -1.4 °C", sprint(show, MIME("text/plain"), summary))
    @test_throws ArgumentError summarize(Reading[])
    @test greet("you") == "Hello, you!"
end
