# Functions that a session offers to agents as tools. Whatever reads signatures and converts
# arguments is loaded with the first tool, as most sessions have none.

"""
    GateTool(name, f; description="")

The function `f` as a tool named `name`, for `Gate.serve(tools=[...])`.

Agents see its arguments, their types and its docstring, or `description`. The name consists of
letters, digits and `_`; with `__` in front the tool is not listed. An ArgumentError says what of
the signature agents could not call.
"""
struct GateTool
    name::String
    handler::Any
    description::String

    function GateTool(name::AbstractString, handler; description::AbstractString="")
        occursin(r"^[A-Za-z0-9_]{1,40}$", name) || throw(ArgumentError(
            "a tool's name consists of 1 to 40 letters, digits and _, unlike $(repr(name))"))
        tool = new(String(name), handler, String(description))
        in_tools(:parameters_of, tool)
        return tool
    end
end

"An argument of a tool that cannot be used; `message` names it and what it may be."
struct ArgumentProblem <: Exception
    message::String
end

Base.showerror(io::IO, problem::ArgumentProblem) = print(io, problem.message)

"""
What this process offers.

- `tools`: in the order in which they were given.
- `namespace`: what their names begin with for agents, \"\" for the project's name.
- `revision`: one more with each change.
- `told`: the description that the daemon was sent last, or nothing.
"""
mutable struct Offer
    tools::Vector{Any}
    namespace::String
    revision::Int
    told::Any
end

const OFFER = Offer(Any[], "", 0, nothing)

const TOOL_FILES = ("signature", "types", "coercion", "description", "calls")
const TOOLS_LOADED = Ref(false)

"Load what is in `tools/`, unless it is."
function load_tools()
    TOOLS_LOADED[] && return nothing
    for file in TOOL_FILES
        Base.include(@__MODULE__, joinpath(SOURCE, "tools", file * ".jl"))
    end
    TOOLS_LOADED[] = true
    return nothing
end

"Call the function `name` of those in `tools/`."
function in_tools(name::Symbol, arguments...)
    load_tools()
    return Base.invokelatest(Base.invokelatest(getfield, @__MODULE__, name), arguments...)
end

"Add `tools` to what is offered, each in the place of one with the same name; returns the names."
function offer(tools, namespace::AbstractString="")
    given = checked_tools(tools)
    for tool in given
        index = findfirst(other -> other.name == tool.name, OFFER.tools)
        index === nothing ? push!(OFFER.tools, tool) : (OFFER.tools[index] = tool)
    end
    isempty(namespace) || (OFFER.namespace = String(namespace))
    (isempty(given) && isempty(namespace)) || offer_changed()
    return String[tool.name for tool in OFFER.tools]
end

"Offer `tools` and nothing else; returns the names."
function replace_offer(tools)
    OFFER.tools = checked_tools(tools)
    offer_changed()
    return String[tool.name for tool in OFFER.tools]
end

function checked_tools(tools)
    given = Any[tool for tool in tools]
    for tool in given
        tool isa GateTool || throw(ArgumentError(
            "tools are given as GateTool(\"name\", f), unlike $(repr(tool))"))
    end
    names = [tool.name for tool in given]
    allunique(names) || throw(ArgumentError("two tools have one name: $(join(names, ", "))"))
    return given
end

"The gate of this process that was opened last."
const SERVER = Ref{Any}(nothing)

"Tell the daemon as soon as whoever offers lets other tasks run, else with the next result."
function offer_changed()
    OFFER.revision += 1
    # Compiled here, where a person or an agent waits, and not where the gate would be mute.
    offer_fields()
    server = SERVER[]
    (server === nothing || Threads.threadid() != 1) && return nothing
    keeping_random_stream() do
        @async disable_sigint(() -> tell_offer(server))
    end
    return nothing
end

"The peer that every daemon is."
const DAEMON = to_frame("kaimond")
"The request id of what is told unasked."
const UNASKED = to_frame("tools")

"Send what is offered if the daemon was not told this; it asks when it comes anew."
function tell_offer(server)
    isempty(OFFER.tools) && OFFER.told === nothing && return nothing
    try
        frames = reply_frames(UNASKED, "tools", offer_fields())
        frames == OFFER.told && return nothing
        OFFER.told = frames
        send(server, DAEMON, frames)
    catch error
        note("telling of the tools failed: $(error_text(error))")
    end
    return nothing
end

"What is offered, as fields."
function offer_fields()
    isempty(OFFER.tools) && return Field[Field("revision", string(OFFER.revision))]
    return in_tools(:description_fields, OFFER)
end

function on_tools(server, message::Message)
    fields = offer_fields()
    OFFER.told = reply_frames(UNASKED, "tools", fields)
    reply(server, message, "tools", fields)
end

"The fields of an `eval` that make it the call of a tool; none for code."
function call_in(message::Message)
    index = findfirst(field -> field.name == "tool", message.fields)
    return index === nothing ? Field[] : message.fields[index:end]
end

"Call the tool that `request` names; returns the fields that show its value."
function call_and_render(request)
    value = in_tools(:run_call, request.call)
    value === nothing && return Field[]
    # Text is meant to be read, and not as it would be written in code.
    payloads = value isa AbstractString ?
        Field[Field("text/plain", cut_middle(to_frame(String(value))))] :
        Base.invokelatest(render, value)::Vector{Field}
    fields = prefixed("value:", payloads)
    return push!(fields, Field("type", cut_middle(to_frame(type_name(value)))))
end
