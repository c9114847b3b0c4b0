# What an agent is told about an evaluation that threw.

"""
The status of an evaluation that threw `error`: "interrupted" or "error".

An interrupt can arrive wrapped: `include` wraps what a file throws, waiting for a task wraps what
the task died of.
"""
status_of(@nospecialize(error)) = is_interrupt(error) ? "interrupted" : "error"

is_interrupt(::InterruptException) = true
is_interrupt(error::LoadError) = is_interrupt(error.error)
is_interrupt(error::TaskFailedException) = is_interrupt(error.task.exception)
is_interrupt(error::CompositeException) = any(is_interrupt, error.exceptions)
is_interrupt(@nospecialize(error)) = false

"Stands between an error and the one it happened in handling, as where Julia prints both."
const CAUSED_BY = "\n\ncaused by: "

"""
The fields that describe the exceptions in `stack` (cause first, as `exception_stack` gives them):
`error` without, `backtrace` with the user's frames, `trace` with everything.
"""
function failure_fields(stack::Vector{Tuple{Any,Any}})
    messages, traces = String[], String[]
    backtrace = ""
    for (index, (error, addresses)) in Iterators.reverse(pairs(stack))
        frames = known_frames(addresses)
        push!(messages, error_text(error))
        push!(traces, full_trace(error, frames))
        index == length(stack) && !(error isa Union{SyntaxProblem,ArgumentProblem,PkgProblem}) &&
            (backtrace = user_backtrace(frames))
    end
    error = join(messages, CAUSED_BY)
    trace = join(traces, CAUSED_BY)
    return [Field("error", cut_middle(to_frame(error))),
            Field("backtrace", cut_middle(to_frame(backtrace))),
            Field("trace", cut_middle(to_frame(trace)))]
end

"The fields for an evaluation whose error could not be described; `reason` says why."
plain_failure_fields(reason::String) =
    [Field("error", reason), Field("backtrace", ""), Field("trace", "")]

"""
The frames at every address that was looked up.

Looking one up takes milliseconds in Julia's system image, in which most frames of an error are; code
stays where it is.
"""
const FRAMES = IdDict{Any,Any}()

const MOST_FRAMES = 10_000

"What `stacktrace(addresses)` gives."
function known_frames(addresses::Vector)
    frames = StackTraces.StackFrame[]
    for address in addresses
        length(FRAMES) > MOST_FRAMES && empty!(FRAMES)
        found = get(FRAMES, address, nothing)
        if found === nothing
            found = stacktrace(typeof(addresses)([address]))
            # An interpreter's address would keep the code that it belongs to alive.
            address isa Ptr && (FRAMES[address] = found)
        end
        append!(frames, found::Vector{StackTraces.StackFrame})
    end
    return frames
end

"Those of `frames` that are the user's, as Julia prints a backtrace; \"\" if none are."
function user_backtrace(frames)
    frames = trim_frames(frames)
    isempty(frames) && return ""
    return String(strip(sprint(Base.show_backtrace, frames)))
end

function full_trace(@nospecialize(error), frames)
    try
        return Base.invokelatest(sprint, showerror, error, frames)::String
    catch failure
        failure isa InterruptException && rethrow()
        return error_text(error)
    end
end

"""
`frames` (innermost first) without those of the gate.

From the call that started the evaluation outwards all are ours. Further in are those of our
display, if it was called; Base's frames that user code called stay.
"""
function trim_frames(frames)
    entry = findfirst(is_entry, frames)
    last = entry === nothing ? length(frames) : entry - 1
    # The call between our entry and the user's top level.
    while last > 0 && frames[last].func === :eval && basename(String(frames[last].file)) == "boot.jl"
        last -= 1
    end
    return filter(!is_ours, frames[1:last])
end

is_ours(frame) =
    any(folder -> startswith(String(frame.file), folder * "/"), (SOURCE, TERMINAL_SOURCE))
is_entry(frame) = frame.func === :evaluate_toplevel && is_ours(frame)
