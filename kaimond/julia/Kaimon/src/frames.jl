# What travels on the socket: [peer][request id][verb][name][value][name][value]...

const Frame = Vector{UInt8}
"A named value of a message; the value is text or raw bytes."
const Field = Pair{String,Union{String,Frame}}

"A request that cannot be served; `reason` is told to whoever sent it."
struct Refusal <: Exception
    reason::String
end

"A request as it arrived. Names may repeat and keep their order; unknown ones are ignored."
struct Message
    peer::Frame
    id::Frame
    verb::String
    fields::Vector{Pair{String,Frame}}
end

"""
The message in `frames`, of which the first names the peer.

Throws Refusal if they are no request. At least peer and id must be there, so that the refusal can
be addressed; see `addressable`.
"""
function parse_message(frames::Vector{Frame})
    isempty(frames[2]) && throw(Refusal("the request id is empty"))
    length(frames) >= 3 || throw(Refusal("the message has no verb"))
    isodd(length(frames)) || throw(Refusal("the last field has no value"))
    verb = utf8(frames[3], "the verb")
    fields = Pair{String,Frame}[]
    for index in 4:2:length(frames)
        push!(fields, utf8(frames[index], "a field name") => frames[index + 1])
    end
    return Message(frames[1], frames[2], verb, fields)
end

"Can an answer to these frames be addressed?"
addressable(frames::Vector{Frame}) = length(frames) >= 2

function utf8(bytes::Frame, what::AbstractString)
    text = String(copy(bytes))
    isvalid(text) || throw(Refusal("$what is not valid UTF-8"))
    return text
end

"The text of the field `name`; Refusal if it is missing or not UTF-8."
function required(message::Message, name::String)
    for field in message.fields
        field.first == name && return utf8(field.second, "the field $name")
    end
    throw(Refusal("the field $name is missing"))
end

"The text of the field `name`, or `default` if it is missing."
optional(message::Message, name::String, default::String) =
    any(field -> field.first == name, message.fields) ? required(message, name) : default

"The positive whole number in the field `name`, or `default` if it is missing."
function positive(message::Message, name::String, default::Int)
    number = tryparse(Int, optional(message, name, string(default)))
    (number === nothing || number < 1) &&
        throw(Refusal("the field $name is not a positive whole number"))
    return number
end

"The texts of all fields called `name`, in order."
repeated(message::Message, name::String) =
    [utf8(field.second, "the field $name") for field in message.fields if field.first == name]

to_frame(text::String) = Frame(codeunits(text))
to_frame(bytes::Frame) = bytes

"The frames of a reply, without the peer."
function reply_frames(id::Frame, verb::String, fields)
    frames = Frame[id, to_frame(verb)]
    for (name, value) in fields
        push!(frames, to_frame(name), to_frame(value))
    end
    return frames
end
