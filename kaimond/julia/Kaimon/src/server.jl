# The state of an open gate, and its pump.

"""
An evaluation that was asked for.

`peer` is whoever asked last, and gets the result. `silent` keeps it out of the session's terminal.
`revise` says who takes up changed source before it runs: "auto", "revise", "builtin" or "off";
`thorough`, whether every file is read for it; `known`, what revision of the session's sources
whoever asks knows; `call`, which tool of the session is called, and with what, instead of the code.
"""
mutable struct EvalRequest
    peer::Frame
    id::String
    code::String
    spool::String
    quiet::Bool
    silent::Bool
    display_size::Tuple{Int,Int}
    revise::String
    thorough::Bool
    known::String
    call::Vector{Field}
end

"""
An open gate.

- `pending`: evaluations accepted and not finished, by id; the values are `EvalRequest`s.
- `results`: results that the daemon has not acknowledged, by id; the values are the frames of each.
  A reply in flight when the connection breaks is lost, so each is kept to be asked for again.
- `acknowledged`: ids that are done with; an evaluation must not run twice.
- `queue`: what the eval task is to do: `EvalRequest`s and `PersonInput`s.
- `running`: what the eval task is busy with.
- `interruptible`: is the eval task in user code? Only then may an exception be thrown into it.
- `shield`: lowered for as long, so that the daemon may send a SIGINT.
- `reviser`: keeps packages as their files are.
- `draining`: a task is reading messages already; see `drain`.
- `responder`: the thread that reads the socket, or nothing if the pump does it.
- `joined`: what only a process has that a person started, or nothing.

The dictionaries are of type Any because the system image holds their code; any other type costs
a twentieth of a second to compile.
"""
mutable struct Server
    config::Config
    identity::Identity
    capture::Union{Capture,Screen}
    display::EvalDisplay
    socket::Socket
    watcher::Union{FileWatching.FDWatcher,Nothing}
    lock::Union{ReentrantLock,Threads.SpinLock}
    queue::Channel{Any}
    pending::Dict{String,Any}
    results::Dict{String,Any}
    acknowledged::Set{String}
    running::Union{EvalRequest,PersonInput,Nothing}
    interruptible::Bool
    shield::Shield
    reviser::Reviser
    eval_task::Task
    draining::Bool
    responder::Union{Responder,Nothing}
    joined::Union{Joined,Nothing}

    function Server(config::Config, capture::Union{Capture,Screen},
                    joined::Union{Joined,Nothing}=nothing)
        socket = router_socket(LibZMQ(config.libzmq))
        bind_ipc(socket, config.endpoint)
        responder = ADOPTS_THREADS ? Responder() : nothing
        watcher = responder === nothing ?
            FileWatching.FDWatcher(RawFD(get_option(socket, ZMQ_FD)), true, false) : nothing
        # Two threads would wait for each other only for as long as a message is copied.
        socket_lock = responder === nothing ? ReentrantLock() : Threads.SpinLock()
        server = new(config, Identity(), capture, EvalDisplay(), socket, watcher, socket_lock,
                     Channel{Any}(Inf), Dict{String,Any}(),
                     Dict{String,Any}(), Set{String}(), nothing, false,
                     Shield(config.endpoint), Reviser())
        server.draining = false
        server.responder = responder
        server.joined = joined
        return server
    end
end

"Start serving, on two tasks, and from Julia 1.9 on a thread, that live as long as the process."
function start(server::Server)
    # A script dies from SIGINT by default; here it is how a computing evaluation is interrupted.
    server.joined === nothing && Base.exit_on_sigint(false)
    server.eval_task = @async eval_loop(server)
    @async pump(server)
    SERVER[] = server
    server.responder === nothing || start_responder(server) || error("no thread could be started")
    return nothing
end

"Send a reply and take in what arrived meanwhile."
function send(server::Server, peer::Frame, frames::Vector{Frame})
    has_hung_up(server) && return nothing
    lock(server.lock) do
        send_frames(server.socket, pushfirst!(copy(frames), peer))
    end
    # Sending can swallow the wake-up of a message that arrived meanwhile.
    responder = server.responder
    if responder === nothing
        drain(server)
    elseif lock(() -> readable(server.socket), server.lock)
        wake(responder)
    end
    return nothing
end

reply(server::Server, message::Message, verb::String, fields::Vector{Field}=Field[]) =
    send(server, message.peer, reply_frames(message.id, verb, fields))

"""
Handle every message that has arrived.

The descriptor of a ZMQ socket signals edges: there may be more messages, or none, per wake-up. A
handler that replies gets here again; it leaves the rest to the call that is already at it, which
looks again before it ends, or thousands of requests in one go would nest thousands of calls deep.
"""
function drain(server::Server)
    (server.draining || has_hung_up(server)) && return nothing
    server.draining = true
    try
        while true
            frames = lock(() -> receive_frames(server.socket), server.lock)
            if frames === nothing
                lock(() -> readable(server.socket), server.lock) || return nothing
            elseif addressable(frames)
                handle(server, frames)
            end
        end
    finally
        server.draining = false
    end
end

"Serve the request in `frames`."
handle(server::Server, frames::Vector{Frame}) =
    answering(() -> serve(server, parse_message(frames)), server, frames)

handle(server::Server, message::Message) =
    answering(() -> serve(server, message), server, Frame[message.peer, message.id])

function serve(server::Server, message::Message)
    server.joined === nothing || (server.joined.heard = time())
    handler = handler_of(message.verb)
    handler === nothing && throw(Refusal("unknown verb $(repr(message.verb))"))
    handler(server, message)
end

"""
`f()`, which serves the request that begins with `frames`. Whatever is wrong with that is told to
its sender and goes no further; the value is nothing then.
"""
function answering(f, server::Server, frames::Vector{Frame})
    try
        return f()
    catch error
        reason = error isa Refusal ? error.reason : "the gate failed: $(error_text(error))"
        send(server, frames[1], reply_frames(frames[2], "refused", [Field("reason", reason)]))
        return nothing
    end
end

"Has a person taken the process back?"
has_hung_up(server::Server) = !isopen(server.queue)

"Serve what has arrived on the main thread."
function serve_arrived(server::Server)
    server.responder === nothing && return drain(server)
    foreach(message -> handle(server, message), take_inbox(server.responder))
end

wait_for_arrival(server::Server) =
    wait(server.responder === nothing ? server.watcher : server.responder.arrived)

"Serve requests for ever, or until the gate is closed."
function pump(server::Server)
    disable_sigint() do
        while !has_hung_up(server)
            try
                serve_arrived(server)
                take_sigint(server)
                calmly(() -> wait_for_arrival(server), server)
                take_sigint(server)
                istaskdone(server.eval_task) && unseen(replace_eval_task)(server)
            catch error
                has_hung_up(server) && break
                note("the pump met an error and goes on: $(error_text(error))")
                # Should the error come back at once, do not fill the log and the processor.
                Libc.systemsleep(0.02)
            end
        end
    end
end

"""
Take a SIGINT that came too late for the evaluation it was meant for.

While deferred it stays pending, and would hit whatever innocent code next enables SIGINT.
"""
function consume_stale_sigint()
    try
        reenable_sigint(() -> ccall(:jl_gc_safepoint, Cvoid, ()))
    catch
        # It was stale.
    end
    return nothing
end

"A forced SIGINT can kill the eval task where nothing could catch it. The session goes on."
function replace_eval_task(server::Server)
    note("the eval task died and is replaced")
    server.interruptible = false
    request = server.running
    server.eval_task = @async eval_loop(server)
    server.joined === nothing || end_turn(server.joined)
    request === nothing ||
        abandon(server, request, "the interrupt ended the evaluation in the midst of its clean-up")
    return nothing
end

"A line in the session's log (or in the output of the running evaluation, if there is one)."
note(text::String) = println(Core.stderr, "kaimon: ", text)
