# Values as payloads: fields named like the MIME type of the representation that they hold.

"Image types an agent can be shown, best first; a value is shown as one of them at most."
const IMAGE_TYPES = ("image/png", "image/jpeg", "image/svg+xml")
"The type of a payload that tells why a representation could not be made."
const ERROR_TYPE = "text/x-error"
"The most bytes a text payload may have."
const TEXT_LIMIT = 1 << 20
"Bytes set aside for the line that says what was left out."
const OMISSION_ROOM = 64

"""
`bytes`, or if they are more than `limit`, their beginning and end with a line in between that
says how many are left out. Characters of valid UTF-8 are not cut apart.
"""
function cut_middle(bytes::Frame, limit::Int=TEXT_LIMIT)
    length(bytes) <= limit && return bytes
    keep = max(0, limit - OMISSION_ROOM) ÷ 2
    head = keep
    while head > 0 && is_continuation(bytes[head + 1])
        head -= 1
    end
    tail = length(bytes) - keep + 1
    while tail <= length(bytes) && is_continuation(bytes[tail])
        tail += 1
    end
    omission = "\n[... $(tail - head - 1) bytes left out ...]\n"
    return vcat(bytes[1:head], codeunits(omission), bytes[tail:end])
end

is_continuation(byte::UInt8) = byte & 0xc0 == 0x80

"""
The representations of `value`: text/plain, and the first image type it has.

One that cannot be made is replaced by an error payload. Only an interrupt gets out of here.
"""
function render(@nospecialize(value))
    payloads = Field[represent("text/plain", value)]
    for type in IMAGE_TYPES
        if shows_as(type, value)
            push!(payloads, represent(type, value))
            break
        end
    end
    return payloads
end

"One representation of `value`, or the error payload that says why there is none."
function represent(type::String, @nospecialize(value))
    buffer = IOBuffer()
    try
        Base.invokelatest(show, rendering_context(buffer), MIME(type), value)
    catch error
        error isa InterruptException && rethrow()
        return Base.invokelatest(showing_failed, type, value, error)::Field
    end
    bytes = take!(buffer)
    return Field(type, startswith(type, "text/") ? cut_middle(bytes) : bytes)
end

# Pairs of one type, because each new combination of types has to be compiled.
rendering_context(io::IO) = IOContext(io, Pair{Symbol,Any}(:limit, true),
                                      Pair{Symbol,Any}(:displaysize, DISPLAY_SIZE[]),
                                      Pair{Symbol,Any}(:color, false),
                                      Pair{Symbol,Any}(:module, Main))

function shows_as(type::String, @nospecialize(value))
    try
        return Base.invokelatest(showable, MIME(type), value)::Bool
    catch error
        error isa InterruptException && rethrow()
        return false
    end
end

function showing_failed(type::String, @nospecialize(value), @nospecialize(error))
    reason = "showing a value of type $(type_name(value)) as $type failed: $(error_text(error))"
    return Field(ERROR_TYPE, cut_middle(to_frame(reason)))
end

"The name of the type of `value`."
function type_name(@nospecialize(value))
    try
        return Base.invokelatest(string, typeof(value))::String
    catch error
        error isa InterruptException && rethrow()
        return "(a type that cannot be shown)"
    end
end

"What showerror says about `error`, or its type if showerror itself fails."
function error_text(@nospecialize(error))
    try
        return Base.invokelatest(sprint, showerror, error)::String
    catch failure
        failure isa InterruptException && rethrow()
        return "$(nameof(typeof(error))) (and showing this error failed too)"
    end
end
