Kaimon.load_reviser()
using Kaimon: SourceFile, reread!, looks_changed

@testset "a file is changed if its text is" begin
    mktempdir() do folder
        path = joinpath(folder, "a.jl")
        write(path, "f() = 1")
        file = SourceFile(path)
        @test looks_changed(file)
        @test reread!(file)
        @test length(file.pieces) == 1
        @test !reread!(file)
        write(path, "f() = 2")
        @test looks_changed(file)
        @test reread!(file)
        # Of the same second, another edit could hide behind the same times.
        @test looks_changed(file)

        write(path, "f( = 2")
        @test reread!(file)
        @test file.problem !== nothing
        @test length(file.pieces) == 1
        rm(path)
        @test reread!(file)
        @test file.problem.reason == "the file is missing"
        @test !reread!(file)
        write(path, "f() = 2")
        @test reread!(file)
        @test file.problem === nothing
    end
end
