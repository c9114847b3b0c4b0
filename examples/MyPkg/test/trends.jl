using MyPkg.Trends: moving_average, slope

@testset "trends" begin
    hours = [Reading(DateTime(2026, 3, 1, hour), 2hour + 1) for hour in 0:5]

    @test slope(hours) ≈ 2
    @test_throws ArgumentError slope(hours[1:1])
    @test moving_average([1, 2, 3, 10], 3) ≈ [1.5, 2, 5, 6.5]
    @test moving_average(Float64[], 3) == []
    @test_throws ArgumentError moving_average([1, 2], 2)
end
