using Kaimon: LibZMQ, router_socket, bind_ipc, receive_frames, readable, ZMQError, send_frames, Frame

@testset "a library that is none is an error" begin
    @test_throws ErrorException LibZMQ("/nowhere/libzmq.so")
end

path = get(ENV, "KAIMON_LIBZMQ", "")
if isempty(path)
    @warn "KAIMON_LIBZMQ is not set: the binding of libzmq is not tested here"
else
    @testset "a socket binds for the owner only and has nothing to read" begin
        mktempdir() do directory
            socket = router_socket(LibZMQ(path))
            endpoint = joinpath(directory, "g")
            bind_ipc(socket, endpoint)
            @test filemode(endpoint) & 0o777 == 0o600
            @test receive_frames(socket) === nothing
            @test !readable(socket)
            # To a peer that is not there: dropped without an error.
            send_frames(socket, Frame[[0x01], [0x02], UInt8[]])
        end
    end

    @testset "a path that cannot be bound is named" begin
        socket = router_socket(LibZMQ(path))
        try
            bind_ipc(socket, "/nowhere/g")
            @test false
        catch error
            @test error isa ZMQError
            @test occursin("/nowhere/g", sprint(showerror, error))
        end
        @test_throws ZMQError bind_ipc(socket, "/tmp/" * "x"^200)
    end
end
