# The eval task: one evaluation after the other, each captured, shown and answered.

const NANOSECONDS = 1e9

"Run what is queued, for ever."
function eval_loop(server::Server)
    disable_sigint() do
        while true
            try
                run_request(server, take!(server.queue))
            catch error
                note("an evaluation met an error of the gate: $(error_text(error))")
                request = server.running
                request === nothing || abandon(server, request, error_text(error))
            end
        end
    end
end

function run_request(server::Server, request::EvalRequest)
    consume_stale_sigint()
    server.running = request
    DISPLAY_SIZE[] = request.display_size
    started = time_ns()
    try
        begin_spool(server.capture, request.spool)
    catch error
        reason = "the output file cannot be written, so nothing was run: $(error_text(error))"
        return finish(server, request, "error", 0.0, 0, plain_failure_fields(reason))
    end
    status, fields = attempt(server, request)
    seconds = (time_ns() - started) / NANOSECONDS
    finish(server, request, status, seconds, end_spool(server.capture), fields)
end

"Evaluate and show, or describe what was thrown; returns the status and the fields for it."
function attempt(server::Server, request::EvalRequest)
    begin_collecting(server.display)
    local stack
    try
        shown = in_user_code(server, evaluate_and_render, request)
        return "ok", vcat(display_fields(end_collecting(server.display)), shown)
    catch
        stack = exception_stack()
    end
    displayed = display_fields(end_collecting(server.display))
    status = status_of(stack[end][1])
    try
        # Describing an error runs user code too (showerror), which may fail or hang in its turn.
        return status, vcat(displayed, in_user_code(server, failure_fields, stack))
    catch
        reason = "$(nameof(typeof(stack[end][1]))) (describing it was interrupted)"
        return status, vcat(displayed, plain_failure_fields(reason))
    end
end

"""
Call `f(argument)` with SIGINT enabled and in the newest world.

`interruptible` is cleared before anything here can wait again: an exception can be thrown into the
task only inside the `try` of whoever called this.
"""
function in_user_code(server::Server, f, argument)
    try
        return reenable_sigint() do
            server.interruptible = true
            result = Base.invokelatest(f, argument)
            server.interruptible = false
            result
        end
    finally
        server.interruptible = false
    end
end

display_fields(payloads) = Field["display:" * type => bytes for (type, bytes) in payloads]

"Run the code of `request`; returns the fields that show its value."
function evaluate_and_render(request::EvalRequest)
    parsed = parse_code(request.code, "eval-" * request.id)
    value = evaluate_toplevel(parsed)
    set_ans(value)
    (request.quiet || value === nothing || hides_value(request.code)) && return Field[]
    # The code may just have defined how its value is shown.
    payloads = Base.invokelatest(render, value)
    fields = Field["value:" * type => bytes for (type, bytes) in payloads]
    return push!(fields, "type" => cut_middle(to_frame(type_name(value))))
end

"Run `parsed` in Main. Backtraces are cut off at this function, which is why it is one."
@noinline evaluate_toplevel(@nospecialize parsed) = Core.eval(Main, parsed)

"Record and send the result of `request`."
function finish(server::Server, request::EvalRequest, status::String, seconds::Float64,
                output::Integer, fields::Vector{Field})
    head = Field["status" => status, "elapsed" => string(round(seconds; digits=6)),
                 "output" => string(output)]
    frames = reply_frames(to_frame(request.id), "result", vcat(head, fields))
    server.results[request.id] = frames
    delete!(server.pending, request.id)
    server.running = nothing
    send(server, request.peer, frames)
end

"Answer a request whose evaluation cannot be brought to its regular end."
function abandon(server::Server, request::EvalRequest, reason::String)
    end_collecting(server.display)
    output = end_spool(server.capture)
    finish(server, request, "interrupted", 0.0, output, plain_failure_fields(reason))
end
