using MyDep
using Test

@testset "MyDep" begin
    @test to_celsius(212) ≈ 100
    @test to_fahrenheit(-40) ≈ -40
end
