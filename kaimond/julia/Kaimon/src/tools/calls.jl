# A call of a tool: an evaluation whose code is one call, with arguments that were sent as values.

"A tool and what it is called with; made before anything of the user's runs."
struct ToolCall
    tool::GateTool
    given::Dict{String,Any}
end

"The call in the fields of a request; a Refusal if they make no sense."
function read_call(fields::Vector{Field})
    name = utf8(fields[1].value, "the name of the tool")
    given = Dict{String,Any}()
    index = 2
    while index <= length(fields)
        fields[index].name == "argument" || throw(Refusal("an argument without a name"))
        argument = utf8(fields[index].value, "the name of an argument")
        given[argument], index = read_value(fields, index + 1)
    end
    tool = findfirst(each -> each.name == name, OFFER.tools)
    tool === nothing && throw(ArgumentProblem("this session offers no tool `$name` any more"))
    return ToolCall(OFFER.tools[tool], given)
end

"The value that begins at `index`, and the index behind it."
function read_value(fields::Vector{Field}, index::Int)
    index <= length(fields) || throw(Refusal("a value is missing"))
    kind, text = fields[index].name, utf8(fields[index].value, "a value")
    kind == "null" && return nothing, index + 1
    kind == "boolean" && return text == "true", index + 1
    kind == "text" && return text, index + 1
    if kind == "integer"
        number = something(tryparse(Int, text), tryparse(BigInt, text), Some(nothing))
        number === nothing && throw(Refusal("$text is no whole number"))
        return number, index + 1
    elseif kind == "number"
        number = tryparse(Float64, text)
        number === nothing && throw(Refusal("$text is no number"))
        return number, index + 1
    end
    count = tryparse(Int, text)
    count === nothing && throw(Refusal("unknown kind of value $kind"))
    index += 1
    if kind == "list"
        items = Any[]
        for _ in 1:count
            item, index = read_value(fields, index)
            push!(items, item)
        end
        return items, index
    elseif kind == "map"
        found = Dict{String,Any}()
        for _ in 1:count
            index <= length(fields) || throw(Refusal("a key is missing"))
            key = utf8(fields[index].value, "a key")
            found[key], index = read_value(fields, index + 1)
        end
        return found, index
    end
    throw(Refusal("unknown kind of value $kind"))
end

"Call the tool that `fields` name. Arguments are converted first, so a wrong one runs nothing."
function run_call(fields::Vector{Field})
    call = read_call(fields)
    positional, keywords = arguments_for(call)
    return evaluate_toplevel(call.tool.handler, positional, keywords)
end

"Backtraces are cut off here, as at the method for code."
@noinline evaluate_toplevel(@nospecialize(handler), positional::Vector{Any},
                            keywords::Vector{Pair{Symbol,Any}}) =
    Base.invokelatest(handler, positional...; keywords...)

"What the function is called with; an ArgumentProblem tells all that is wrong with the names."
function arguments_for(call::ToolCall)
    parameters = parameters_of(call.tool)
    known = [parameter.name for parameter in parameters]
    problems = ["unknown argument `$name`" for name in sort!(collect(keys(call.given)))
                if !(name in known)]
    append!(problems, "missing argument `$(each.name)`" for each in parameters
            if each.required && !haskey(call.given, each.name))
    names = isempty(known) ? "none" : join(known, ", ")
    isempty(problems) ||
        throw(ArgumentProblem("$(join(problems, "; ")). Its arguments are: $names"))
    positional, keywords = Any[], Pair{Symbol,Any}[]
    missing_one = ""
    for parameter in parameters
        if !haskey(call.given, parameter.name)
            parameter.keyword || isempty(missing_one) && (missing_one = parameter.name)
            continue
        end
        value, what = call.given[parameter.name], "`$(parameter.name)`"
        if parameter.keyword
            push!(keywords, Symbol(parameter.name) => coerce(parameter.type, value, what))
        elseif !isempty(missing_one)
            throw(ArgumentProblem("$what can be given only together with `$missing_one`, as both " *
                                  "are positional arguments of a Julia function"))
        elseif parameter.slurps
            append!(positional, coerce(Vector{parameter.type}, value, what))
        else
            push!(positional, coerce(parameter.type, value, what))
        end
    end
    return positional, keywords
end
