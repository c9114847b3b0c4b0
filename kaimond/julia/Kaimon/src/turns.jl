# A person's turn on the eval task.

"The capture whose output goes to a terminal now, or nothing."
const TURN = Ref{Any}(nothing)

"""
Has the terminal that output goes to gone away? Then it goes to the session's log from here on.

Asked when a write has failed. The code that printed must not suffer for a lost connection.
"""
function output_lost()
    capture = TURN[]
    capture === nothing && return false
    TURN[] = nothing
    route_output(capture, capture.log)
    return true
end

"Give the process's input and output, and what Julia calls interactive, to `terminal`."
function give_turn(capture::Capture, terminal::Terminal)
    route_output(capture, terminal.fd)
    redirect_fd(terminal.fd, 0)
    TURN[] = capture
    DISPLAY_SIZE[] = size_of(terminal)
    OUTPUT_COLOR[] = terminal.color
    set_standard_input(terminal.tty)
    in_terminal(:enter_repl, terminal)
    return nothing
end

"Take back what `give_turn` gave."
function take_turn_back(capture::Capture)
    TURN[] = nothing
    OUTPUT_COLOR[] = false
    route_output(capture, capture.log)
    nothing_fd = open_to_read("/dev/null")
    redirect_fd(nothing_fd, 0)
    close_fd(nothing_fd)
    set_standard_input(devnull)
    in_terminal(:leave_repl)
    return nothing
end

"Rows and columns of `terminal` now."
function size_of(terminal::Terminal)
    try
        rows, columns = displaysize(terminal.tty)
        return max(rows, 1), max(columns, 1)
    catch
        # It is gone.
        return DISPLAY_SIZE[]
    end
end

"Tell the daemon what happens to `terminal`."
tell(server::Server, terminal::Terminal, event::String, reason::String="") =
    send(server, terminal.peer, reply_frames(to_frame(terminal.id), "terminal",
                                             [Field("event", event), Field("reason", reason)]))

"Run what a person entered. It has its own way of showing values and errors."
function run_request(server::Server, input::PersonInput)
    input.withdrawn && return nothing
    consume_stale_sigint()
    server.running = input
    # Before it runs: code that computes keeps the gate from saying anything.
    tell(server, input.terminal, "running")
    try
        give_turn(server.capture, input.terminal)
        revise_before(server, input)
        in_user_code(server, call, input.work)
    catch error
        # The work describes its own errors, so this is what ended a description: another
        # interrupt, or the end of the terminal.
        error isa Base.IOError || println(Core.stderr, "ERROR: ", error_text(error))
    end
    conclude(server, input)
end

call(@nospecialize(work)) = work()

function conclude(server::Server, input::PersonInput)
    take_turn_back(server.capture)
    server.running = nothing
    input.terminal.input = nothing
    tell(server, input.terminal, "idle")
    put!(input.done, nothing)
end

"Bring to an end what cannot be brought to its regular one."
abandon(server::Server, input::PersonInput, ::String) = conclude(server, input)

in_turn(f, server::Server, input::PersonInput) = f(server, input)

"Keep what waits at the terminal `id` from beginning; tells whether something did."
function withdraw_input(server::Server, id::String)
    terminal = find_terminal(id)
    (terminal === nothing || terminal.input === nothing) && return false
    input = terminal.input::PersonInput
    (input === server.running || input.withdrawn) && return false
    input.withdrawn = true
    terminal.input = nothing
    put!(input.done, nothing)
    return true
end

"""
End the evaluation `id` that waits behind a person's input.

The daemon does not hand one over then, unless both come at the same time.
"""
function withdraw_behind_person(server::Server, id::String)
    request = pending_request(server, id)
    server.running isa PersonInput && request !== nothing || return nothing
    finish(server, request, "interrupted", 0, 0,
           plain_failure_fields("it was interrupted before it began"))
end

"""
Open a terminal at `path` and run a line editor on it. Refusal if that is impossible.

A repeated request changes nothing but who is told.
"""
function open_terminal(server::Server, message::Message)
    id = eval_id(required(message, "terminal"))
    path = required(message, "path")
    isabspath(path) && !occursin('\0', path) ||
        throw(Refusal("the field path is not an absolute path"))
    known = find_terminal(id)
    if known !== nothing
        known.peer = message.peer
        return nothing
    end
    load_terminal(get(server.config.environment, CACHE_VARIABLE, ""))
    type = optional(message, "term", "dumb")
    terminal = Terminal(id, message.peer, type, in_terminal(:has_color, type),
                        get(server.config.environment, ENVIRONMENT_PREFIX * "REVISE", "auto"),
                        -1, nothing, nothing, Channel{Any}(Inf), nothing)
    try
        in_terminal(:open_frontend, server, terminal, path)
    catch error
        throw(Refusal("the terminal $path cannot be used: $(error_text(error))"))
    end
    return nothing
end

"Forget `terminal`, whose line editor has ended because of `reason`."
function close_terminal(server::Server, terminal::Terminal, reason::String)
    filter!(other -> other !== terminal, TERMINALS)
    close(terminal.notices)
    try
        close(terminal.tty)
    catch
        # It was closed by what ended it.
    end
    close_fd(terminal.fd)
    tell(server, terminal, "closed", reason)
end
