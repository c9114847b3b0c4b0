using Kaimon: Config, hide_configuration!

complete() = Dict("KAIMON_LIBZMQ" => "/lib", "KAIMON_ENDPOINT" => "/e", "KAIMON_SESSION" => "s",
                  "KAIMON_NONCE" => "n", "KAIMON_LOG" => "/l", "HOME" => "/h")

@testset "what is missing is named" begin
    for name in ("LIBZMQ", "ENDPOINT", "SESSION", "NONCE", "LOG")
        environment = delete!(complete(), "KAIMON_" * name)
        try
            Config(environment, "/d")
            @test false
        catch error
            @test occursin("KAIMON_" * name, error.msg)
        end
    end
end

@testset "only 1 asks for Pkg.instantiate" begin
    @test !Config(complete(), "/d").instantiate
    @test Config(merge(complete(), Dict("KAIMON_INSTANTIATE" => "1")), "/d").instantiate
    @test !Config(merge(complete(), Dict("KAIMON_INSTANTIATE" => "0")), "/d").instantiate
end

@testset "user code sees the session's key and nothing else of ours" begin
    environment = complete()
    config = Config(copy(environment), "/d")
    hide_configuration!(environment, config)
    @test environment == Dict("KAIMON_SESSION" => "s", "HOME" => "/h")
    @test config.environment == complete()
end
