Kaimon.load_reviser()
using Kaimon: parse_pieces, code_key, SourceProblem, static_path, condition

pieces(text) = parse_pieces(text, "/p/src/a.jl")
described(text) = [(piece.kind, piece.name) for piece in pieces(text)]

@testset "what a piece defines" begin
    for (text, kind, name) in (
            ("f(x) = 1", :method, :f), ("function f(x) where T; end", :method, :f),
            ("f(x)::Int = 1", :method, :f), ("function f end", :method, :f),
            ("\"doc\"\nf(x) = 1", :method, :f), ("@inline f(x) = 1", :method, :f),
            ("P{T}(x) where T = 1", :method, :P), ("a + b = 1", :method, :+),
            ("macro m(x) end", :macro, :m), ("struct S{T} <: A; x; end", :type, :S),
            ("mutable struct S end", :type, :S), ("abstract type A <: B end", :type, :A),
            ("@enum Color red green", :type, :Color), ("Base.@kwdef struct S; x=1; end", :type, :S),
            ("const C = 1", :const, :C), ("\"doc\"\nconst C = 1", :const, :C),
            ("P{T} = Vector{T}", :const, :P), ("x = 1", :global, :x), ("module M end", :module, :M), ("using A", :names, nothing),
            ("include(\"a\")", :include, nothing), ("@eval \$f(x) = 1", :other, nothing),
            ("x[1] = 2", :other, nothing), ("g(1)", :other, nothing))
        @test described(text) == [(kind, name)]
    end
    @test pieces("Base.show(x) = 1")[1].name == :(Base.show)
    @test pieces("(p::P)(x) = 1")[1].name == :(p::P)
end

@testset "blocks and lists of names are taken apart" begin
    @test length(pieces("begin\nf() = 1\ng() = 2\nend\nexport a, b")) == 4
    @test length(pieces("module M\nf() = 1\nend")[1].children) == 1
end

@testset "lines do not count, all else does" begin
    key(text) = pieces(text)[1].key
    @test key("f(x) = @m x") == key("\n\n# c\nf(x) =\n  @m x")
    @test key("function f()\n1\nend") == key("function f()\n\n  1 # c\nend")
    for (one, other) in (("x = 1", "x = 1.0"), ("x = 1", "x = 0x01"), ("x = :a", "x = \"a\""),
                         ("x = 0.0", "x = -0.0"), ("f(a, b) = 1", "f(b, a) = 1"),
                         ("x = :(1)", "x = :(1.0)"), ("x = 'a'", "x = \"a\""))
        @test key(one) != key(other)
    end
end

@testset "a piece reaches to the next one" begin
    found = pieces("f() = 1\n\nfunction g()\n1\nend\n# c\nh() = 1\n")
    @test [(piece.line, piece.last) for piece in found] == [(1, 2), (3, 6), (7, 8)]
end

@testset "text that does not parse says where" begin
    for (text, line) in (("f() = 1\n\nfunction g(\nend", 4), ("f() = )", 1))
        problem = try
            pieces(text)
        catch error
            error
        end
        @test problem isa SourceProblem
        @test startswith(problem.reason, "syntax error: ")
        VERSION < v"1.10" && @test problem.line == line
    end
end

@testset "paths that can be told without running anything" begin
    path(text) = static_path(@__MODULE__, Meta.parse(text), "/p/src/a.jl")
    @test path("\"b.jl\"") == "b.jl"
    @test path("joinpath(@__DIR__, \"b.jl\")") == "/p/src/b.jl"
    @test path("joinpath(dirname(@__DIR__), \"b.jl\")") == "/p/b.jl"
    @test path("\"\$(@__DIR__)/b.jl\"") == "/p/src/b.jl"
    @test path("rand([\"a\"])") === nothing
    @test path("n * \".jl\"") === nothing
end

@testset "only harmless conditions are evaluated" begin
    @test condition(Main, :(VERSION >= v"1.0" && !Sys.iswindows())) === true
    @test condition(Main, :(push!(x, 1))) === nothing
    @test condition(Main, :(nowhere == 1)) === nothing
end
