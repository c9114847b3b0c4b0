"""
The display that collects what an evaluation shows with `display(x)`.

It stays in Julia's stack of displays for good, so that displays which user code pushes keep their
place above it. It takes only what the eval task shows while an evaluation runs; all else falls
through to the next display, which prints text.
"""
mutable struct EvalDisplay <: AbstractDisplay
    owner::Union{Task,Nothing}
    payloads::Vector{Field}
    bytes::Int
end

EvalDisplay() = EvalDisplay(nothing, Field[], 0)

"Limits on what one evaluation can collect; past them, display(x) prints text like anything else."
const MAX_DISPLAYED = 1000
const MAX_DISPLAYED_BYTES = 64 << 20

takes(display::EvalDisplay) = display.owner === current_task() &&
    length(display.payloads) < MAX_DISPLAYED && display.bytes < MAX_DISPLAYED_BYTES

function collect_payload!(display::EvalDisplay, payload::Field)
    push!(display.payloads, payload)
    display.bytes += length(payload.value)
    return nothing
end

# A MethodError is how a display says "not mine" to Base.display, which then asks the next one.
function Base.display(display::EvalDisplay, @nospecialize(value))
    takes(display) || throw(MethodError(Base.display, (display, value)))
    foreach(payload -> collect_payload!(display, payload), render(value))
end

function Base.display(display::EvalDisplay, type::MIME, @nospecialize(value))
    takes(display) || throw(MethodError(Base.display, (display, type, value)))
    collect_payload!(display, represent(string(type), value))
end

Base.displayable(display::EvalDisplay, ::MIME) = takes(display)

"Collect for the current task what is shown from here on."
function begin_collecting(display::EvalDisplay)
    any(other -> other === display, Base.Multimedia.displays) || pushdisplay(display)
    display.owner = current_task()
    return nothing
end

"Stop collecting; returns what was shown, in order."
function end_collecting(display::EvalDisplay)
    payloads = display.payloads
    display.owner = nothing
    display.payloads = Field[]
    display.bytes = 0
    return payloads
end
