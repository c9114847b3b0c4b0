# What can be asked of a gate: one handler per verb. A handler may throw Refusal.

function on_ping(server::Server, message::Message, more::Vector{Field}=Field[])
    permit_to_look(message)
    reply(server, message, "pong", append!(pong_fields(server), more))
end

function pong_fields(server::Server)
    identity, config = server.identity, server.config
    return Field[
        Field("pid", string(identity.pid)),
        Field("start", identity.start),
        Field("boot", identity.boot),
        Field("nonce", config.nonce),
        Field("session", config.session),
        Field("protocol", string(PROTOCOL)),
        Field("gate", String(PACKAGE_VERSION)),
        Field("gate-code", PRECOMPILED ? "precompiled" : "evaluated"),
        Field("julia", string(VERSION)),
        Field("pwd", text_or_empty(pwd)),
        Field("project", text_or_empty(Base.active_project)),
        Field("threads", string(Threads.nthreads())),
        Field("state", server.running === nothing ? "idle" : "busy"),
        Field("eval", server.running === nothing ? "" : server.running.id),
        Field("terminal", server.running isa PersonInput ? server.running.id : ""),
        Field("queued", string(length(server.pending) - (server.running isa EvalRequest))),
        Field("tracked", text_or_empty(() -> follows_any(server.reviser) ?
                                       in_reviser(:tracked_text, server.reviser) : "")),
        Field("responder", server.responder === nothing ? "" : "1"),
    ]
end

"""
The text that `f()` gives, or \"\" if there is none.

The directory may have been removed, or user code have broken the load path; a ping is answered
whatever the session is in.
"""
function text_or_empty(f)
    try
        text = f()
        return text isa String ? text : ""
    catch
        return ""
    end
end

function on_eval(server::Server, message::Message)
    id = eval_id(utf8(message.id, "the request id"))
    # The image before this one may have run it already, and nobody here would know.
    optional(message, "boot", server.identity.boot) == server.identity.boot ||
        throw(Refusal("the process image that it was for is gone"))
    result, request = known_eval(server, id)
    if result !== nothing
        send(server, message.peer, result)
    elseif request !== nothing
        request.peer = message.peer
        reply(server, message, "accepted")
    elseif guarding(() -> id in server.acknowledged, server)
        throw(Refusal("already acknowledged"))
    else
        spool = required(message, "spool")
        isabspath(spool) && !occursin('\0', spool) ||
            throw(Refusal("the field spool is not an absolute path"))
        rows, columns = positive(message, "rows", 24), positive(message, "columns", 80)
        request = EvalRequest(message.peer, id, required(message, "code"), spool,
                              optional(message, "quiet", "") == "1",
                              optional(message, "silent", "") == "1", (rows, columns),
                              revise_choice(optional(message, "revise", "auto")),
                              optional(message, "thorough", "") == "1",
                              optional(message, "known", NOT_ASKED), call_in(message))
        guarding(() -> server.pending[id] = request, server)
        put!(server.queue, request)
        reply(server, message, "accepted")
    end
end

revise_choice(text::String) = text in ("auto", "revise", "builtin", "off") ? text :
    throw(Refusal("the field revise is neither auto, revise, builtin nor off"))

"`text` if it can be the id of an evaluation; it becomes part of the file name in backtraces."
function eval_id(text::String)
    length(text) == 8 || throw(Refusal("an eval id is 8 hexadecimal digits"))
    for character in text
        '0' <= character <= '9' || 'a' <= character <= 'f' ||
            throw(Refusal("an eval id is 8 hexadecimal digits"))
    end
    return text
end

"The result of the evaluation `id` if it has one; else the request if it is pending."
known_eval(server::Server, id::String) =
    guarding(() -> (get(server.results, id, nothing), get(server.pending, id, nothing)), server)

pending_request(server::Server, id::String) = known_eval(server, id)[2]
is_pending(server::Server, id::String) = pending_request(server, id) !== nothing

function on_result(server::Server, message::Message)
    id = required(message, "eval")
    result, request = known_eval(server, id)
    if result !== nothing
        send(server, message.peer, result)
    elseif request !== nothing
        # Whoever asks may be a new daemon, and the result must reach it.
        request.peer = message.peer
        fields = pushfirst!(notes_of(request), Field("eval", id))
        reply(server, message, "pending", fields)
    else
        reply(server, message, "unknown", [Field("eval", id)])
    end
end

function on_ack(server::Server, message::Message)
    id = required(message, "eval")
    guarding(server) do
        haskey(server.results, id) || return nothing
        delete!(server.results, id)
        push!(server.acknowledged, id)
    end
    return nothing
end

on_sources(server::Server, message::Message) =
    reply(server, message, "sources",
          append!(stale_fields(server.reviser), source_fields(server.reviser, NOTHING_KNOWN)))

function on_interrupt(server::Server, message::Message)
    id = required(message, "eval")
    running = server.running
    withdraw_waiting(server, id)
    withdraw_input(server, id)
    withdraw_behind_person(server, id)
    outcome = if running !== nothing && running.id == id && server.interruptible
        if ask_to_end()
            "asked"
        else
            schedule(server.eval_task, InterruptException(); error=true)
            "thrown"
        end
    elseif running !== nothing && running.id != id
        "other-running"
    elseif is_pending(server, id)
        # It is about to run, or is before or behind the user's code: whoever asks asks again.
        "not-now"
    else
        "not-running"
    end
    reply(server, message, "interrupt", [Field("outcome", outcome)])
end

function on_terminal(server::Server, message::Message)
    server.joined === nothing || throw(Refusal("this REPL has a terminal of its own"))
    open_terminal(server, message)
    reply(server, message, "opened")
end

function on_restart(server::Server, message::Message)
    server.joined === nothing || return on_joined_restart(server, message)
    reason = execute(server, required(message, "nonce"), repeated(message, "arg"))
    reply(server, message, "failed", [Field("reason", reason)])
end

"Seconds that ZMQ's own thread gets to put the last reply on the wire."
const LAST_REPLY_SECONDS = 0.05

function on_exit(server::Server, message::Message)
    reply(server, message, "bye")
    Libc.systemsleep(LAST_REPLY_SECONDS)
    server.joined === nothing || return on_joined_exit(server)
    # Exit hooks are user code.
    reenable_sigint(() -> exit(0))
end

"""
The function that serves `verb`, or nothing.

A chain of comparisons and not a dictionary: building one took a quarter of a second at start-up.
"""
function handler_of(verb::String)
    verb == "ping" && return on_ping
    verb == "eval" && return on_eval
    verb == "result" && return on_result
    verb == "ack" && return on_ack
    verb == "sources" && return on_sources
    verb == "tools" && return on_tools
    verb == "interrupt" && return on_interrupt
    verb == "terminal" && return on_terminal
    verb == "restart" && return on_restart
    verb == "exit" && return on_exit
    return nothing
end
