"""
What a person uses of Kaimon: `using Kaimon; Gate.serve()` lets agents use this REPL as a session.

See `Gate.serve`, `Gate.status`, `Gate.restart` and `Gate.stop`.
"""
module Gate

import ..Kaimon
import ..Kaimon: is_cancelled, progress, stash

"""
    Gate.serve(; name="", session_id=nothing, force=false, namespace="",
               allow_restart=true, allow_mirror=true, on_shutdown=nothing, tools=[])

Let agents use this process as a session. Returns the session's key at once; agents are served in
the background, and nothing of yours changes. A daemon need not be running: it comes when it starts.
Calling it again is harmless.

- `name`: tells several sessions of one project apart.
- `session_id`: 8 hexadecimal digits to be known by, instead of random ones.
- `force`: also in a process without a prompt, such as a script.
- `namespace`: what the names of tools begin with that this process offers.
- `allow_restart`: may agents restart this process?
- `allow_mirror`: may what agents evaluate be shown here?
- `on_shutdown`: called without arguments before an agent's shutdown ends the process; it has
  $(Kaimon.SHUTDOWN_HOOK_SECONDS) seconds.
- `tools`: functions that this process offers to agents, as `GateTool`s. A later call adds some, or
  replaces those of the same name; so it does in a session that kaimond has started.
"""
function serve(; name::AbstractString="", session_id::Union{AbstractString,Nothing}=nothing,
               force::Bool=false, namespace::AbstractString="", allow_restart::Bool=true,
               allow_mirror::Bool=true, on_shutdown=nothing, tools=[])
    ccall(:jl_generating_output, Cint, ()) != 0 && return nothing
    settings = Kaimon.Settings(plain(name, "name"), plain(namespace, "namespace"), allow_restart,
                               allow_mirror)
    session_id === nothing || occursin(r"^[0-9a-f]{8}$", session_id) ||
        throw(ArgumentError("session_id must be 8 hexadecimal digits (0-9, a-f)"))
    managed = get(ENV, Kaimon.SESSION_VARIABLE, "")
    if Kaimon.MANAGED[] || haskey(ENV, "KAIMON_NONCE")
        Kaimon.offer(tools, settings.namespace)
        isempty(tools) || return managed
        @info "kaimond started this session ($managed), so agents use it already. " *
              "Gate.serve() has nothing to do here."
        return managed
    end
    server = Kaimon.current_gate()
    if server !== nothing
        Kaimon.offer(tools, settings.namespace)
        isempty(tools) || return server.config.session
        @info "This process is the session $(server.config.session) already."
        return server.config.session
    end
    if !force && !Kaimon.becomes_interactive()
        @info "Gate.serve() opens no gate in a process without a prompt. " *
              "Gate.serve(force=true) does."
        return nothing
    end
    return open(settings, session_id, on_shutdown, tools)
end

function open(settings::Kaimon.Settings, session_id, on_shutdown, tools)
    resume = Kaimon.ORIGIN.resume
    resumed = !isempty(resume)
    key = resumed ? resume["key"] : session_id === nothing ? Kaimon.random_hex(4) :
          String(session_id)
    nonce = resumed ? resume["nonce"] : Kaimon.random_hex(8)
    # Binding would take the socket away from whoever has it.
    if !resumed && any(ispath, (Kaimon.announcement_path(key), Kaimon.socket_path(key)))
        @warn "Agents cannot use this process: there is a session $key already. " *
              "Leave session_id out, or give another one."
        return nothing
    end
    try
        Kaimon.open_gate(key, nonce, settings)
    catch error
        Kaimon.CURRENT_GATE[] = nothing
        @warn "Agents cannot use this process: $(Kaimon.error_text(error))"
        return nothing
    end
    Kaimon.ORIGIN.resume = Dict{String,String}()
    Kaimon.SHUTDOWN_HOOK[] = on_shutdown
    Kaimon.offer(tools, settings.namespace)
    @info "Agents can use this process as the session $key. Gate.stop() ends that."
    return key
end

"""
    Gate.tools!(tools)

Offer agents exactly these `GateTool`s; `Gate.tools!([])` offers none any more. Returns their names.
"""
tools!(tools) = Kaimon.replace_offer(tools)

plain(text::AbstractString, what::String) = any(iscntrl, text) || !isvalid(text) ?
    throw(ArgumentError("the $what must be plain text on one line")) : String(text)

"""
    Gate.stop()

Take this process back: agents cannot use it any more, and it goes on without them. Its key is
retired.
"""
function stop()
    server = Kaimon.current_gate()
    if server === nothing
        @info none()
    else
        Kaimon.close_gate(server)
        @info "The session $(server.config.session) has ended; this process goes on without agents."
    end
    return nothing
end

"""
    Gate.restart()

Execute Julia anew in this process: the same terminal, the same session for agents, and nothing in
memory. Returns only if that fails.
"""
function restart()
    server = Kaimon.current_gate()
    if server === nothing
        @info none()
        return nothing
    end
    if server.running !== nothing
        @warn "Not restarted: this is code of an agent. Agents restart with manage_repl."
        return nothing
    end
    reason = Kaimon.execute_joined(server, Kaimon.random_hex(8))
    @warn "Not restarted, and everything is as it was: $reason"
    return nothing
end

none() = Kaimon.MANAGED[] ? "kaimond started this session; kaimonctl restarts and stops it." :
    "There is no gate in this process. Gate.serve() opens one."

"What `Gate.status()` returns."
struct Status
    key::String
    project::String
    evaluation::String
    queued::Int
    heard::Float64
end

"""
    Gate.status()

What agents can do with this process now, and when a daemon last spoke to it. `nothing` if there is
no gate.
"""
function status()
    server = Kaimon.current_gate()
    if server === nothing
        @info none()
        return nothing
    end
    running = server.running
    return Status(server.config.session, Kaimon.text_or_empty(Kaimon.project_directory),
                  running === nothing ? "" : running.id, length(server.pending),
                  server.joined.heard)
end

function Base.show(io::IO, ::MIME"text/plain", status::Status)
    println(io, "session ", status.key, " of ", status.project)
    heard = status.heard == 0 ? "no daemon has come yet; `kaimond --detach` starts one" :
        "a daemon last spoke to it $(round(Int, time() - status.heard)) s ago"
    println(io, heard)
    print(io, isempty(status.evaluation) ? "no agent evaluates" :
        "an agent evaluates ($(status.evaluation))")
end

end

"""
    Kaimon.connect!(; settings...)

The same as `Gate.serve`.
"""
connect!(; settings...) = Gate.serve(; settings...)
