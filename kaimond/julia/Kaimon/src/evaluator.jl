# The eval task: one evaluation after the other, each captured, shown and answered.

"Run what is queued, for ever or until the gate is closed; until the first request comes, rehearse."
function eval_loop(server::Server)
    rehearsals = Function[() -> prepare_reviser(server), rehearse_attempt, rehearse_finish,
                          rehearse_turn, rehearse_interrupt, rehearse_value, rehearse_message,
                          rehearse_trace, rehearse_backtrace, () -> rehearse_failure(server),
                          rehearse_looking, rehearse_parsing, rehearse_walking,
                          rehearse_taking_up]
    # A person's process is left alone for agents that may never come; see `in_turn`.
    server.joined === nothing ? guard_inference() : empty!(rehearsals)
    disable_sigint() do
        while !has_hung_up(server)
            try
                rehearse(server, rehearsals)
                # What was deferred until now would hit whatever task of the user's runs next.
                take_sigint(server)
                # Waiting can be cut short by a SIGINT; taking cannot.
                calmly(() -> wait(server.queue), server)
                unseen(in_turn)(run_request, server, take!(server.queue))
            catch error
                has_hung_up(server) && break
                note("an evaluation met an error of the gate: $(error_text(error))")
                request = server.running
                request === nothing || unseen(abandon)(server, request, error_text(error))
            end
        end
    end
end

"Is the main thread busy with a rehearsal? Then evaluations wait for no longer than that takes."
const REHEARSING = Ref(false)

"Rehearse what is left, until a request comes."
function rehearse(server::Server, rehearsals::Vector{Function})
    while !isready(server.queue) && !isempty(rehearsals)
        REHEARSING[] = true
        try
            popfirst!(rehearsals)()
        finally
            REHEARSING[] = false
        end
        take_sigint(server)
        yield()
    end
    return nothing
end

function run_request(server::Server, request::EvalRequest)
    is_pending(server, request.id) || return nothing
    take_sigint(server)
    server.running = request
    begin_notes(server, request)
    mirror_begin(request)
    DISPLAY_SIZE[] = request.display_size
    started = time_ns()
    try
        begin_spool(server.capture, request.spool)
    catch error
        reason = "the output file cannot be written, so nothing was run: $(error_text(error))"
        return finish(server, request, "error", 0, 0, plain_failure_fields(reason))
    end
    status, fields = attempt(server, request)
    append!(fields, revision_fields(server, request))
    elapsed = Int((time_ns() - started) ÷ 1000)
    output = end_spool(server.capture)
    finish(server, request, status, elapsed, output, fields)
    mirror_end(request, output, fields)
end

"Evaluate and show, or describe what was thrown; returns the status and the fields for it."
function attempt(server::Server, request::EvalRequest)
    begin_collecting(server.display)
    local stack
    try
        revise_before(server, request)
        shown = in_user_code(server, evaluate_and_render, request)::Vector{Field}
        return "ok", append!(display_fields(server), shown)
    catch
        stack = exception_stack()
    end
    fields = display_fields(server)
    status = status_of(stack[end][1])
    try
        # Describing an error runs user code too (showerror), which may fail or hang in its turn.
        append!(fields, in_user_code(server, failure_fields, stack)::Vector{Field})
    catch
        reason = string(nameof(typeof(stack[end][1])), " (describing it was interrupted)")
        append!(fields, plain_failure_fields(reason))
    end
    return status, fields
end

"""
Call `f(argument)` with SIGINT enabled and in the newest world.

`interruptible` is cleared before anything here can wait again: an exception can be thrown into the
task only inside the `try` of whoever called this. A SIGINT that was meant for `f` has no effect once
this has returned.
"""
function in_user_code(server::Server, @nospecialize(f), @nospecialize(argument))
    try
        return reenable_sigint() do
            server.interruptible = true
            lower(server.shield)
            result = Base.invokelatest(f, argument)
            server.interruptible = false
            result
        end
    finally
        server.interruptible = false
        raise(server.shield)
        take_sigint(server)
    end
end

"`payloads` as fields of a result; `what` says whether of the value or of a display."
function prefixed(what::String, payloads::Vector{Field})
    fields = Field[]
    for payload in payloads
        push!(fields, Field(what * payload.name, payload.value))
    end
    return fields
end

display_fields(server::Server) = prefixed("display:", end_collecting(server.display))

"""
Run the code of `request`; returns the fields that show its value, or say what it is if quiet.
"""
function evaluate_and_render(request::EvalRequest)
    isempty(request.call) || return call_and_render(request)
    inputs = inputs_of(request.code)
    value = nothing
    for (input, parsed) in zip(inputs, parse_inputs(inputs, "eval-" * request.id))
        value = evaluate_toplevel(parsed)
        # A command of Pkg has no value.
        input.mode === :julia && set_ans(value)
    end
    (value === nothing || hides_value(inputs[end].text)) && return Field[]
    # The code may just have defined how its value is shown.
    request.quiet && return Base.invokelatest(summary_fields, value)::Vector{Field}
    payloads = Base.invokelatest(render, value)::Vector{Field}
    fields = prefixed("value:", payloads)
    return push!(fields, Field("type", cut_middle(to_frame(type_name(value)))))
end

"Run `parsed` in `home`. Backtraces are cut off at this function, which is why it is one."
@noinline evaluate_toplevel(@nospecialize(parsed), home::Module=Main) = Core.eval(home, parsed)

"What is sent as the result of `request`, which took `elapsed` microseconds."
function result_frames(request::EvalRequest, status::String, elapsed::Int, output::Int,
                       fields::Vector{Field})
    all_fields = [Field("status", status), Field("elapsed", decimal_seconds(elapsed)),
                  Field("output", string(output))]
    append!(append!(all_fields, fields), end_notes(request))
    return reply_frames(to_frame(request.id), "result", all_fields)
end

"Record and send the result of `request`."
function finish(server::Server, request::EvalRequest, status::String, elapsed::Int,
                output::Int, fields::Vector{Field})
    frames = result_frames(request, status, elapsed, output, fields)
    guarding(server) do
        server.results[request.id] = frames
        delete!(server.pending, request.id)
    end
    # One that is withdrawn ends while another runs.
    server.running === request && (server.running = nothing)
    tell_offer(server)
    send(server, request.peer, frames)
end

"Microseconds as seconds with six decimals."
decimal_seconds(microseconds::Int) =
    string(microseconds ÷ 1_000_000) * "." * lpad(string(microseconds % 1_000_000), 6, '0')

"Answer a request whose evaluation cannot be brought to its regular end."
function abandon(server::Server, request::EvalRequest, reason::String)
    end_collecting(server.display)
    output = end_spool(server.capture)
    finish(server, request, "interrupted", 0, output, plain_failure_fields(reason))
end
