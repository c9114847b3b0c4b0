# Opening and closing the gate of a joined session; `Gate` is what people call.

"The gate of this process if it is open, else nothing; a `Server`."
const CURRENT_GATE = Ref{Any}(nothing)

current_gate() = CURRENT_GATE[]

"""
What is called before an agent's shutdown ends the process, or nothing.

Beside the settings, because a function cannot be handed to the next process image.
"""
const SHUTDOWN_HOOK = Ref{Any}(nothing)

"Seconds that it may take."
const SHUTDOWN_HOOK_SECONDS = 5

const FILES_GO_AT_EXIT = Ref(false)

"""
Open a gate for this process under the key `key`; the current task is the person's.

An error says what misses.
"""
function open_gate(key::String, nonce::String, settings::Settings)
    prepare_directory()
    path = socket_path(key)
    length(codeunits(path)) <= MAX_SOCKET_PATH ||
        error("$path is too long for a socket ($MAX_SOCKET_PATH bytes); set XDG_CACHE_HOME to a " *
              "shorter directory, for kaimond too")
    config = Config(find_libzmq(), path, key, nonce, "", false, ORIGIN.environment,
                    ORIGIN.directory)
    server = Server(config, Screen(current_task()), Joined(settings, current_task()))
    CURRENT_GATE[] = server
    OWN_REPL[] = settings.allow_mirror
    keeping_random_stream(() -> start(server))
    announce(server, settings)
    if !FILES_GO_AT_EXIT[]
        FILES_GO_AT_EXIT[] = true
        atexit(() -> current_gate() === nothing || withdraw(current_gate().config.session))
    end
    return server
end

"Close the gate; what agents had queued is lost, and the process goes on."
function close_gate(server::Server)
    CURRENT_GATE[] = nothing
    OWN_REPL[] = false
    server.joined.left = true
    withdraw(server.config.session)
    forget_turns()
    end_turn(server.joined)
    # An evaluation that closes the gate itself is still to be answered.
    server.running === nothing && hang_up(server)
    return nothing
end

"Let go of the socket; both tasks, and the thread, end when they notice."
function hang_up(server::Server)
    isopen(server.queue) || return nothing
    close(server.queue)
    if server.responder === nothing
        close(server.watcher)
        lock(() -> close_socket(server.socket), server.lock)
    else
        server.responder.stopped = true
        wake(server.responder)
        close(server.responder.arrived)
    end
    close_fd(server.shield.fd)
    return nothing
end

"Where libzmq is, from the first of: the user, a daemon, the system. An error if nobody knows."
function find_libzmq()
    named = get(ENV, ENVIRONMENT_PREFIX * "LIBZMQ", "")
    isempty(named) || return named
    file = libzmq_file()
    if isfile(file) && stat(file).uid == user_id() && stat(file).mode & 0o022 == 0
        path = String(strip(read(file, String)))
        isfile(path) && return path
    end
    path = Libdl.find_library(["libzmq", "libzmq.so.5", "libzmq.5"])
    isempty(path) || return path
    error("no libzmq was found. Start kaimond once (`kaimond --detach`), which tells where its " *
          "own is; or set KAIMON_LIBZMQ to the path of one")
end

"Call `f(server, request)` when it is the agents' turn; a managed session is theirs alone."
function in_turn(f, server::Server, request::EvalRequest)
    server.joined === nothing && return f(server, request)
    return unseen(in_joined_turn)(f, server, server.joined, request)
end

function in_joined_turn(f, server::Server, joined::Joined, request::EvalRequest)
    joined.waiting = request.id
    mine = take_turn(server, joined)
    joined.waiting = ""
    if !mine
        reason = "it was interrupted before it began: code of the person whose REPL this is ran"
        return finish(server, request, "interrupted", 0, 0, plain_failure_fields(reason))
    end
    try
        rehearse_once(joined)
        put_on_top(server.display)
        f(server, request)
    finally
        # A SIGINT that comes too late must not hit the person's code.
        take_sigint(server)
        take_away(server.display)
        end_turn(joined)
        if joined.left
            Libc.systemsleep(LAST_REPLY_SECONDS)
            hang_up(server)
        end
    end
end

"Before the first evaluation of an agent: what is rehearsed for the sake of safe interrupts."
function rehearse_once(joined::Joined)
    joined.rehearsed && return nothing
    joined.rehearsed = true
    guard_inference()
    foreach(rehearse -> rehearse(),
            (rehearse_interrupt, rehearse_value, rehearse_message, rehearse_trace,
             rehearse_backtrace))
end

"Keep the evaluation `id` from beginning, if it waits for the person."
function withdraw_waiting(server::Server, id::String)
    joined = server.joined
    joined === nothing || isempty(id) || joined.waiting != id || (joined.withdrawn = true)
    return nothing
end

"Above what the person's displays are, so that agents see what they display, and the person not."
function put_on_top(display::EvalDisplay)
    take_away(display)
    pushdisplay(display)
    return nothing
end

take_away(display::EvalDisplay) =
    filter!(other -> other !== display, Base.Multimedia.displays)

function on_joined_restart(server::Server, message::Message)
    backend = repl_backend()
    reason = if server.running !== nothing
        "an evaluation runs"
    elseif backend !== nothing && person_evaluates(backend)
        "code of the person whose REPL this is runs"
    else
        execute_joined(server, required(message, "nonce"))
    end
    reply(server, message, "failed", [Field("reason", reason)])
end

"End the process as an agent asked, with the person's own hooks."
function on_joined_exit(server::Server)
    tell_person("an agent has shut this session down")
    server.running === nothing || end_spool(server.capture)
    reenable_sigint() do
        run_shutdown_hook()
        exit(0)
    end
end

"Run the person's own function before an agent's shutdown, but not for ever."
function run_shutdown_hook()
    hook = SHUTDOWN_HOOK[]
    hook === nothing && return nothing
    task = @async try
        Base.invokelatest(hook)
    catch error
        tell_person("on_shutdown failed: $(error_text(error))")
    end
    # Base.timedwait would have to be compiled first, which takes longer than most hooks.
    deadline = time() + SHUTDOWN_HOOK_SECONDS
    while !istaskdone(task) && time() < deadline
        sleep(0.05)
    end
    return nothing
end

random_hex(count::Int) = bytes2hex(open(io -> read(io, count), "/dev/urandom"))
