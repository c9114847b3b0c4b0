# The pure parts of the gate. What needs a real session is tested from Python: tests/gate_julia.

using Kaimon
using Test

@testset "Kaimon" begin
    @testset "$name" for name in ("package", "frames", "looking", "config", "code", "render", "displays",
                                  "errors", "gateapi", "spoolio", "zmq", "restart", "announce",
                                  "pieces", "files", "tools", "rehearsal")
        include("test_$name.jl")
    end
end
