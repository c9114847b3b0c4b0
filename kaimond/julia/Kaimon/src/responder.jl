# A thread that reads the socket while the main thread computes. From Julia 1.9 on.
#
# Evaluations run on the main thread, which is also the one that Julia interrupts by SIGINT, so
# without this thread nobody would hear a request until the running code lets other tasks run. The
# thread is none of Julia's: it takes no task of the user's, and `Threads.nthreads()` does not count
# it. It answers what it can and hands everything else to the pump, on the main thread.
#
# One thing still makes it wait: a garbage collection waits until every thread reaches a point where
# it may be stopped, and a loop without calls and allocations has none.

"""
What the thread and the main thread share.

- `wake`: the two ends of a pipe; a byte in it wakes the thread.
- `poked`: is there one already?
- `guard`: held by whoever uses `inbox`, or the lists of evaluations of the `Server`.
- `inbox`: messages for the pump, oldest first.
- `arrived`: wakes the pump.
- `stopped`: the thread is to close the socket and end.
"""
mutable struct Responder
    wake::Tuple{Cint,Cint}
    poked::Threads.Atomic{Bool}
    guard::Threads.SpinLock
    inbox::Vector{Message}
    arrived::Base.AsyncCondition
    stopped::Bool
end

Responder() = Responder(open_pipe(), Threads.Atomic{Bool}(false), Threads.SpinLock(), Message[],
                      Base.AsyncCondition(), false)

"Wake the thread; from any thread, and from code that may be interrupted anywhere."
function wake(responder::Responder)
    Threads.atomic_xchg!(responder.poked, true) && return nothing
    write_byte(responder.wake[2])
    return nothing
end

"Call `f()` while no other thread uses what `server` knows of evaluations."
guarding(f, server) = server.responder === nothing ? f() : lock(f, server.responder.guard)

"Milliseconds that the pump gets to take a ping while nothing is evaluated."
const PUMP_PATIENCE = 500

function listen(pointer::Ptr{Cvoid})
    # `SERVER` or `CURRENT_GATE` keep it alive.
    server = unsafe_pointer_to_objref(pointer)::Server
    responder = server.responder::Responder
    watched = [PollEntry(get_option(server.socket, ZMQ_FD)), PollEntry(responder.wake[1])]
    while !responder.stopped
        try
            wait = hear_all(server, responder)
            wait_for_input(watched, wait)
            if is_readable(watched[2])
                read_byte(responder.wake[1])
                responder.poked[] = false
            end
        catch error
            note("the responder met an error and goes on: $(error_text(error))")
            Libc.systemsleep(0.02)
        end
    end
    lock(() -> close_socket(server.socket), server.lock)
    foreach(close_fd, responder.wake)
    return nothing
end

"Start the thread of `server`; false if the system refuses."
function start_responder(server)
    entry = @cfunction(listen, Cvoid, (Ptr{Cvoid},))
    thread = Ref{UInt}(0)
    return ccall(:uv_thread_create, Cint, (Ptr{UInt}, Ptr{Cvoid}, Ptr{Cvoid}),
                 thread, entry, pointer_from_objref(server)) == 0
end

"""
Serve every message that has arrived, and tell what is new of the running evaluation. Returns how
many milliseconds may pass until something must be done without a message, -1 for any number.
"""
function hear_all(server, responder::Responder)
    while true
        frames = lock(() -> receive_frames(server.socket), server.lock)
        if frames === nothing
            # Looking is what makes the descriptor signal the next message.
            lock(() -> readable(server.socket), server.lock) || break
        elseif addressable(frames)
            hear(server, responder, frames)
        end
    end
    return sooner(answer_late_pings(server, responder), tell_news(server))
end

sooner(one::Int, other::Int) = one < 0 ? other : other < 0 ? one : min(one, other)

function hear(server, responder::Responder, frames::Vector{Frame})
    message = answering(server, frames) do
        message = parse_message(frames)
        answer_beside(server, message) ? nothing : message
    end
    message === nothing && return nothing
    lock(() -> push!(responder.inbox, message), responder.guard)
    ccall(:uv_async_send, Cint, (Ptr{Cvoid},), responder.arrived.handle)
    return nothing
end

"Serve `message` here if the main thread is not needed for it; tells whether that was done."
function answer_beside(server, message::Message)
    verb = message.verb
    if verb == "ping"
        server.running === nothing && return false
        on_ping(server, message)
    elseif verb == "result"
        on_result(server, message)
    elseif verb == "ack"
        on_ack(server, message)
    else
        # Code that asks is_cancelled by itself is told here, and need not let other tasks run.
        return verb == "interrupt" && ask_beside(server, message)
    end
    return true
end

function ask_beside(server, message::Message)
    running = server.running
    running isa EvalRequest && running.id == required(message, "eval") && ask_to_end() ||
        return false
    reply(server, message, "interrupt", [Field("outcome", "asked")])
    return true
end

"""
Answer the pings that the pump does not take: an evaluation has begun meanwhile, or something else
computes on the main thread.
"""
function answer_late_pings(server, responder::Responder)
    now = time_ns()
    late, next = Tuple{Message,Int}[], -1
    lock(responder.guard) do
        filter!(responder.inbox) do message
            message.verb == "ping" || return true
            waited = Int((now - message.arrived) ÷ 1_000_000)
            if server.running === nothing && waited < PUMP_PATIENCE
                next = sooner(next, PUMP_PATIENCE - waited)
                return true
            end
            push!(late, (message, waited))
            return false
        end
    end
    for (message, waited) in late
        answering(server, Frame[message.peer, message.id]) do
            silent = server.running === nothing && !REHEARSING[] ?
                Field[Field("silent", decimal_seconds(1000waited))] : Field[]
            on_ping(server, message, silent)
        end
    end
    return next
end

"Messages for the pump."
function take_inbox(responder::Responder)
    return lock(responder.guard) do
        taken = responder.inbox
        responder.inbox = Message[]
        taken
    end
end
