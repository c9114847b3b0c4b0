# Values as payloads: pairs of a MIME type and the bytes of one representation.

const Payload = Pair{String,Frame}

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

cut_text(payload::Payload) =
    startswith(payload.first, "text/") ? payload.first => cut_middle(payload.second) : payload

"""
The representations of `value`: text/plain, and the first image type it has.

One that cannot be made is replaced by an error payload. Only an interrupt gets out of here.
"""
function render(@nospecialize(value))
    payloads = Payload[represent("text/plain", value)]
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
        return ERROR_TYPE => cut_middle(to_frame(showing_failed(type, value, error)))
    end
    return cut_text(type => take!(buffer))
end

rendering_context(io::IO) = IOContext(io, :limit => true, :displaysize => DISPLAY_SIZE[],
                                      :color => false, :module => Main)

function shows_as(type::String, @nospecialize(value))
    try
        return Base.invokelatest(showable, MIME(type), value)::Bool
    catch error
        error isa InterruptException && rethrow()
        return false
    end
end

showing_failed(type, @nospecialize(value), error) =
    "showing a value of type $(type_name(value)) as $type failed: $(error_text(error))"

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
