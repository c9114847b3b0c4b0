using MyPkg
using Test

@testset "MyPkg" begin
    include("readings.jl")
    include("summary.jl")
    include("trends.jl")
end
