using Kaimon: Config, why_not

environment = Dict("KAIMON_LIBZMQ" => "/lib", "KAIMON_ENDPOINT" => "/e", "KAIMON_SESSION" => "s",
                   "KAIMON_NONCE" => "n", "KAIMON_LOG" => "/l")
here = Config(environment, pwd())

@testset "a restart that cannot work is not tried" begin
    @test why_not(here, "n", ["/bin/sh"]) === nothing
    @test occursin("nonce", why_not(here, "", ["/bin/sh"]))
    @test occursin("no program", why_not(here, "n", String[]))
    @test occursin("absolute", why_not(here, "n", ["sh"]))
    @test occursin("does not exist", why_not(here, "n", ["/nowhere/julia"]))
    @test occursin("not executable", why_not(here, "n", [@__FILE__]))
    @test occursin("NUL", why_not(here, "n", ["/bin/sh", "a\0b"]))
    @test occursin("/gone", why_not(Config(environment, "/gone"), "n", ["/bin/sh"]))
end
