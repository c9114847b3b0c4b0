# What travels on the socket: [peer][request id][verb][name][value][name][value]...

const Frame = Vector{UInt8}

"A named value of a message: text, or raw bytes."
struct Field
    name::String
    value::Frame
end

Field(name::String, text::String) = Field(name, to_frame(text))

to_frame(text::String) = Frame(codeunits(text))

"A request that cannot be served; `reason` is told to whoever sent it."
struct Refusal <: Exception
    reason::String
end

"""
A request, and when it arrived, in nanoseconds. Names may repeat and keep their order; unknown ones
are ignored.
"""
struct Message
    peer::Frame
    id::Frame
    verb::String
    fields::Vector{Field}
    arrived::UInt64
end

Message(peer::Frame, id::Frame, verb::String, fields::Vector{Field}) =
    Message(peer, id, verb, fields, time_ns())

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
    fields = Field[]
    for index in 4:2:length(frames)
        push!(fields, Field(utf8(frames[index], "a field name"), frames[index + 1]))
    end
    return Message(frames[1], frames[2], verb, fields)
end

"Can an answer to these frames be addressed?"
addressable(frames::Vector{Frame}) = length(frames) >= 2

function utf8(bytes::Frame, what::String)
    text = String(copy(bytes))
    isvalid(text) || throw(Refusal(what * " is not valid UTF-8"))
    return text
end

"The text of the field `name`; Refusal if it is missing or not UTF-8."
function required(message::Message, name::String)
    texts = repeated(message, name)
    isempty(texts) && throw(Refusal("the field " * name * " is missing"))
    return texts[1]
end

"The text of the field `name`, or `default` if it is missing."
function optional(message::Message, name::String, default::String)
    texts = repeated(message, name)
    return isempty(texts) ? default : texts[1]
end

"The positive whole number in the field `name`, or `default` if it is missing."
function positive(message::Message, name::String, default::Int)
    number = tryparse(Int, optional(message, name, string(default)))
    (number === nothing || number < 1) &&
        throw(Refusal("the field " * name * " is not a positive whole number"))
    return number
end

"The texts of all fields called `name`, in order."
function repeated(message::Message, name::String)
    texts = String[]
    for field in message.fields
        field.name == name && push!(texts, utf8(field.value, "the field " * name))
    end
    return texts
end

"The frames of a reply, without the peer."
function reply_frames(id::Frame, verb::String, fields::Vector{Field})
    frames = Frame[id, to_frame(verb)]
    for field in fields
        push!(frames, to_frame(field.name))
        push!(frames, field.value)
    end
    return frames
end
