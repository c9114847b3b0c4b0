using Kaimon: Field, Frame, Message, daemon_pid, permit_to_look

ping(fields...) = Message(Frame(), Frame(), "ping", Field[fields...])

@testset "a daemon is permitted to look by its pid, and nobody and everybody are not" begin
    @test daemon_pid(ping(Field("daemon", "4711"))) == 4711
    @test daemon_pid(ping()) === nothing
    for text in ("", "0", "1", "-1", "18446744073709551615", "4294967295", "me", "7 8")
        @test daemon_pid(ping(Field("daemon", text))) === nothing
    end
    @test permit_to_look(ping(Field("daemon", string(getpid())))) === nothing
    @test permit_to_look(ping()) === nothing
end
