using Kaimon: stash, progress, is_cancelled

# What they do in an evaluation is tested from Python: tests/scenarios/test_evals_tell.py.

@testset "outside an evaluation there is nobody to tell, and that is no error" begin
    @test !stash("name", 1)
    @test !stash(:name, nothing)
    @test !progress("half")
    @test !is_cancelled()
end
