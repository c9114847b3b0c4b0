# What a gate writes for daemons and for its own next process image.

@testset "JSON" begin
    @test Kaimon.json_object("a" => 1, "b" => true, "c" => "x") ==
          "{\"a\": 1, \"b\": true, \"c\": \"x\"}"
    @test Kaimon.json_text("say \"hi\"\\\n\e") == "\"say \\\"hi\\\"\\\\\\u000a\\u001b\""
    @test Kaimon.json_text("größer → ∞") == "\"größer → ∞\""
    # What is no text is left out; JSON has no word for it.
    @test Kaimon.json_text("\xff") == "\"\""
end

@testset "what an image hands to the next one is for the same process only" begin
    text = "pid=$(getpid())\nkey=a3f8b2c1\nname=a=b"
    @test Kaimon.parse_resume(text) ==
          Dict("pid" => string(getpid()), "key" => "a3f8b2c1", "name" => "a=b")
    @test isempty(Kaimon.parse_resume("pid=1\nkey=a3f8b2c1"))
    @test isempty(Kaimon.parse_resume(""))
    @test isempty(Kaimon.parse_resume("nonsense"))
end

@testset "a REPL that restarts again and again keeps its arguments" begin
    file = Kaimon.RESUME_FILE
    @test Kaimon.own_arguments(["-q", "--project=/p", "-L", file]) == ["-q"]
    @test Kaimon.own_arguments(["--load=mine.jl", "--"]) == ["--load=mine.jl"]
    @test Kaimon.own_arguments(String[]) == String[]
end

@testset "the arguments of Gate.serve" begin
    for wrong in ((session_id="short",), (session_id="A3F8B2C1",), (name="two\nlines",),
                  (namespace="\e[2J",))
        @test_throws ArgumentError Kaimon.Gate.serve(; wrong...)
    end
end

@testset "paths follow the environment" begin
    withenv("XDG_CACHE_HOME" => "/cache", "XDG_STATE_HOME" => "relative", "HOME" => "/home/ada") do
        @test Kaimon.announcement_path("a3f8b2c1") == "/cache/kaimon/sock/a3f8b2c1.json"
        @test Kaimon.libzmq_file() == "/home/ada/.local/state/kaimon/libzmq"
    end
end

@testset "no session loses its socket to one that wants to be known by the same key" begin
    mktempdir() do cache
        withenv("XDG_CACHE_HOME" => cache) do
            for path in (Kaimon.announcement_path, Kaimon.socket_path)
                file = path("a3f8b2c1")
                mkpath(dirname(file))
                write(file, "theirs")
                @test_logs (:warn, r"there is a session a3f8b2c1 already") begin
                    @test Kaimon.Gate.serve(force=true, session_id="a3f8b2c1") === nothing
                end
                @test read(file, String) == "theirs"
                rm(file)
            end
        end
    end
end
