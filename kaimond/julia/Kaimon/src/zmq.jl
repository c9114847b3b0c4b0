# The part of libzmq that a gate needs: one ROUTER socket, never blocking.

"Addresses of the functions of a loaded libzmq; each field is named like the function it holds."
mutable struct LibZMQ
    zmq_ctx_new::Ptr{Cvoid}
    zmq_socket::Ptr{Cvoid}
    zmq_bind::Ptr{Cvoid}
    zmq_setsockopt::Ptr{Cvoid}
    zmq_getsockopt::Ptr{Cvoid}
    zmq_errno::Ptr{Cvoid}
    zmq_strerror::Ptr{Cvoid}
    zmq_send::Ptr{Cvoid}
    zmq_msg_init::Ptr{Cvoid}
    zmq_msg_recv::Ptr{Cvoid}
    zmq_msg_data::Ptr{Cvoid}
    zmq_msg_size::Ptr{Cvoid}
    zmq_msg_more::Ptr{Cvoid}
    zmq_msg_close::Ptr{Cvoid}
    zmq_close::Ptr{Cvoid}

    LibZMQ() = new()
end

"Load the shared library at `path`. An ErrorException if it cannot be loaded or is no libzmq."
function LibZMQ(path::AbstractString)
    handle = Libdl.dlopen(path, Libdl.RTLD_LAZY | Libdl.RTLD_LOCAL)
    lib = LibZMQ()
    for name in fieldnames(LibZMQ)
        setfield!(lib, name, Libdl.dlsym(handle, name))
    end
    return lib
end

const ZMQ_ROUTER = 6
const ZMQ_FD = 14
const ZMQ_EVENTS = 15
const ZMQ_LINGER = 17
const ZMQ_SNDHWM = 23
const ZMQ_RCVHWM = 24
const ZMQ_ROUTER_HANDOVER = 56
const ZMQ_POLLIN = 1
const ZMQ_DONTWAIT = 1
const ZMQ_SNDMORE = 2
"Words in a zmq_msg_t: 64 bytes, with room to spare."
const MSG_WORDS = 16

struct ZMQError <: Exception
    call::String
    reason::String
end

Base.showerror(io::IO, error::ZMQError) = print(io, error.call, ": ", error.reason)

"A ZMQ socket. Not thread safe: use it under one lock."
struct Socket
    lib::LibZMQ
    pointer::Ptr{Cvoid}
end

zmq_errno(lib::LibZMQ) = Int(ccall(lib.zmq_errno, Cint, ()))

zmq_error(lib::LibZMQ, call::AbstractString, code::Int=zmq_errno(lib)) =
    ZMQError(call, unsafe_string(ccall(lib.zmq_strerror, Cstring, (Cint,), code)))

"A ROUTER socket without queue limits that forgets unsent messages when it closes."
function router_socket(lib::LibZMQ)
    context = ccall(lib.zmq_ctx_new, Ptr{Cvoid}, ())
    context == C_NULL && throw(zmq_error(lib, "zmq_ctx_new"))
    pointer = ccall(lib.zmq_socket, Ptr{Cvoid}, (Ptr{Cvoid}, Cint), context, ZMQ_ROUTER)
    pointer == C_NULL && throw(zmq_error(lib, "zmq_socket"))
    socket = Socket(lib, pointer)
    for option in (ZMQ_LINGER, ZMQ_SNDHWM, ZMQ_RCVHWM)
        set_option(socket, option, 0)
    end
    # A daemon that reconnects under the same identity replaces its dead connection.
    set_option(socket, ZMQ_ROUTER_HANDOVER, 1)
    return socket
end

function set_option(socket::Socket, option::Integer, value::Integer)
    code = ccall(socket.lib.zmq_setsockopt, Cint, (Ptr{Cvoid}, Cint, Ref{Cint}, Csize_t),
                 socket.pointer, option, Cint(value), sizeof(Cint))
    code == -1 && throw(zmq_error(socket.lib, "zmq_setsockopt($option)"))
    return nothing
end

function get_option(socket::Socket, option::Integer)
    value = Ref{Cint}(0)
    size = Ref{Csize_t}(sizeof(Cint))
    code = ccall(socket.lib.zmq_getsockopt, Cint, (Ptr{Cvoid}, Cint, Ptr{Cint}, Ptr{Csize_t}),
                 socket.pointer, option, value, size)
    code == -1 && throw(zmq_error(socket.lib, "zmq_getsockopt($option)"))
    return Int(value[])
end

"Bind to the Unix socket `path`, readable and writable for the owner only."
function bind_ipc(socket::Socket, path::AbstractString)
    code = with_umask(0o177) do
        ccall(socket.lib.zmq_bind, Cint, (Ptr{Cvoid}, Cstring), socket.pointer, "ipc://" * path)
    end
    code == -1 && throw(zmq_error(socket.lib, "zmq_bind(ipc://$path)"))
    return nothing
end

"Close the socket, and with it its listener; nothing may be asked of it any more."
function close_socket(socket::Socket)
    ccall(socket.lib.zmq_close, Cint, (Ptr{Cvoid},), socket.pointer)
    return nothing
end

"""
Send one message. A message to a peer that is gone is dropped by ZMQ without a word.

With queue limits off nothing here can block, so only EINTR is worth another try.
"""
function send_frames(socket::Socket, frames::Vector{Vector{UInt8}})
    for (index, frame) in enumerate(frames)
        flags = index < length(frames) ? ZMQ_DONTWAIT | ZMQ_SNDMORE : ZMQ_DONTWAIT
        while ccall(socket.lib.zmq_send, Cint, (Ptr{Cvoid}, Ptr{UInt8}, Csize_t, Cint),
                    socket.pointer, frame, sizeof(frame), flags) == -1
            code = zmq_errno(socket.lib)
            code == Libc.EINTR || throw(zmq_error(socket.lib, "zmq_send", code))
        end
    end
    return nothing
end

"The next message as its frames, or nothing if none has arrived."
function receive_frames(socket::Socket)
    lib = socket.lib
    frames = Vector{UInt8}[]
    storage = zeros(UInt64, MSG_WORDS)
    GC.@preserve storage begin
        message = Ptr{Cvoid}(pointer(storage))
        while true
            ccall(lib.zmq_msg_init, Cint, (Ptr{Cvoid},), message)
            if ccall(lib.zmq_msg_recv, Cint, (Ptr{Cvoid}, Ptr{Cvoid}, Cint),
                     message, socket.pointer, ZMQ_DONTWAIT) == -1
                code = zmq_errno(lib)
                ccall(lib.zmq_msg_close, Cint, (Ptr{Cvoid},), message)
                code == Libc.EINTR && continue
                code == Libc.EAGAIN && return nothing
                throw(zmq_error(lib, "zmq_msg_recv", code))
            end
            size = ccall(lib.zmq_msg_size, Csize_t, (Ptr{Cvoid},), message)
            data = ccall(lib.zmq_msg_data, Ptr{UInt8}, (Ptr{Cvoid},), message)
            frame = Vector{UInt8}(undef, size)
            GC.@preserve frame unsafe_copyto!(pointer(frame), data, size)
            more = ccall(lib.zmq_msg_more, Cint, (Ptr{Cvoid},), message)
            ccall(lib.zmq_msg_close, Cint, (Ptr{Cvoid},), message)
            push!(frames, frame)
            more == 0 && return frames
        end
    end
end

"Has the socket a message to read? Asking also re-arms the edge of its descriptor."
readable(socket::Socket) = get_option(socket, ZMQ_EVENTS) & ZMQ_POLLIN != 0
