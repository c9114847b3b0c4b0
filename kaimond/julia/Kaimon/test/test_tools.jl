Kaimon.in_tools(:docstring, nothing)  # loads what is tested here

module ToolTypes
struct Holder{T}
    items::Vector{T}
end
Base.@kwdef struct Options
    depth::Int = 3
    label::String
    note::Union{Nothing,String} = nothing
end
@enum Speed slow fast
end

coerced(type, value) = Kaimon.coerce(type, value, "`v`")
told(type) = join((field.name * "=" * String(copy(field.value))
                   for field in Kaimon.type_fields(type)), " ")
map_of(pairs...) = Dict{String,Any}(pairs...)

@testset "what an agent writes becomes a $type" for (type, value, result) in (
        (Bool, true, true), (Int8, 2.0, Int8(2)), (Integer, 3, 3), (BigInt, 3, big(3)),
        (Float32, 1, 1.0f0), (Real, 1, 1), (AbstractFloat, 1, 1.0), (Rational{Int}, 0.5, 1//2),
        (Symbol, "a", :a), (Char, "x", 'x'), (VersionNumber, "1.2", v"1.2"),
        (ToolTypes.Speed, "fast", ToolTypes.fast), (Union{Nothing,Int}, nothing, nothing),
        (Union{Int,String}, "s", "s"), (Vector{Union{Nothing,Int}}, Any[1, nothing], [1, nothing]),
        (AbstractVector{<:Real}, Any[1, 2.5], [1, 2.5]), (Vector{<:Real}, Any[1, 2], [1, 2]),
        (Set{Int}, Any[1, 1], Set(1)), (NTuple{2,Float64}, Any[1, 2], (1.0, 2.0)),
        (AbstractMatrix{<:Real}, Any[Any[1, 2], Any[3, 4]], [1 2; 3 4]),
        (Dict{Int,String}, map_of("1" => "a"), Dict(1 => "a")),
        (NamedTuple{(:a,),Tuple{Int}}, map_of("a" => 1), (a=1,)),
        (Any, Any[1, "a"], Any[1, "a"]))
    found = coerced(type, value)
    @test found == result
    @test found isa type
end

@testset "structures are made of their fields" begin
    @test coerced(ToolTypes.Holder{Float64}, map_of("items" => Any[1])).items == [1.0]
    options = coerced(ToolTypes.Options, map_of("label" => "x"))
    @test (options.depth, options.label, options.note) == (3, "x", nothing)
end

@testset "what cannot be a $type is told" for (type, value, words) in (
        (Int8, 300, "fits into Int8, not 300"), (Bool, 1, "true or false, not 1"),
        (Char, "xy", "a single character"), (VersionNumber, "x.y", "invalid version string"),
        (Union{Int,String}, Any[], "one of Int"), (Matrix{Int}, Any[Any[1], Any[]], "same length"),
        (Dict{Int,Int}, map_of("a" => 1), "a key of `v` must be a number"),
        (ToolTypes.Options, map_of("label" => "x", "odd" => 1), "no field `odd`"))
    problem = try
        coerced(type, value)
    catch error
        error
    end
    @test problem isa Kaimon.ArgumentProblem
    @test occursin(words, problem.message)
    @test !occursin('\n', problem.message)
end

@testset "types are described with their parts" begin
    @test told(Union{Nothing,UInt8}) ==
        "type=union parts=2 type=nothing type=integer minimum=0 maximum=255"
    @test told(Matrix{Bool}) == "type=list type=list type=boolean"
    @test told(ToolTypes.Speed) == "type=enum choice=slow choice=fast"
    @test told(Dict{String,Vector{Int}}) == "type=map type=list type=integer"
end

@testset "signatures" begin
    f(a, b::Int=1; c::String, d=2, rest...) = nothing
    found = Kaimon.parameters_of(GateTool("f", f))
    @test [(each.name, each.required, each.keyword) for each in found] ==
        [("a", true, false), ("b", false, false), ("c", true, true), ("d", false, true)]
    @test found[3].type == String
    @test Kaimon.called_name(Core.SSAValue(1), Any[GlobalRef(Core, :UndefKeywordError)]) ===
        :UndefKeywordError
    for impossible in ((x::Function) -> 1, (x::Array{Int,3}) -> 1, (x::Vector{IO}) -> 1, session -> 1)
        @test_throws ArgumentError GateTool("f", impossible)
    end
end
