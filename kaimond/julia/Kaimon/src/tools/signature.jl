# What arguments a function takes, found out from its methods.

"""
An argument of a tool.

- `type`: what it is to be; a type, after whose conversion the function can be called.
- `required`: must it be given?
- `keyword`: is it given by name to the function?
- `slurps`: does it take all that follows, so that a list is given for it?
"""
struct Parameter
    name::String
    type::Any
    required::Bool
    keyword::Bool
    slurps::Bool
end

"Names that agents use for the session itself."
const RESERVED_NAMES = ("session", "ses")

"The arguments of `tool`; an ArgumentError if agents could not give them."
function parameters_of(tool::GateTool)
    problem = try
        return checked_parameters(tool.handler)
    catch error
        error isa ArgumentError || rethrow()
        error.msg
    end
    throw(ArgumentError("the tool `$(tool.name)`: $problem"))
end

function checked_parameters(@nospecialize(handler))
    parameters = function_parameters(handler)
    for parameter in parameters
        parameter.name in RESERVED_NAMES && throw(ArgumentError(
            "its argument `$(parameter.name)` is called like what names a session; rename it"))
        check_type(parameter.type, "its argument `$(parameter.name)`")
    end
    return parameters
end

function function_parameters(@nospecialize(handler))
    method = chosen_method(handler)
    required = required_count(handler, method)
    positional = positional_parameters(method, required)
    return append!(positional, keyword_parameters(handler, method))
end

"The one method with the most arguments, of which agents are to give what is needed."
function chosen_method(@nospecialize(handler))
    methods_there = collect(methods(handler))
    isempty(methods_there) && throw(ArgumentError("$(repr(handler)) cannot be called"))
    most = maximum(method.nargs for method in methods_there)
    chosen = filter(method -> method.nargs == most, methods_there)
    length(chosen) == 1 && return chosen[1]
    throw(ArgumentError("$(repr(handler)) has $(length(chosen)) methods with $(most - 1) " *
        "arguments, so it is not clear which one agents are to call; give a function that has " *
        "one, such as (x::Int) -> f(x)"))
end

"How many arguments `method` needs: default values make methods of the same place with fewer."
function required_count(@nospecialize(handler), method::Method)
    same_place = filter(other -> other.file == method.file && other.line == method.line,
                        collect(methods(handler)))
    fewest = minimum(other.nargs for other in same_place) - 1
    return method.isva ? min(fewest, method.nargs - 2) : fewest
end

function positional_parameters(method::Method, required::Int)
    names = Base.method_argnames(method)
    types = Base.unwrap_unionall(method.sig).parameters
    parameters = Parameter[]
    for index in 2:length(types)
        slurps = method.isva && index == length(types)
        type = slurps ? Base.unwrapva(types[index]) : types[index]
        text = String(names[index])
        name = startswith(text, '#') || isempty(text) ? "argument$(index - 1)" : text
        push!(parameters, Parameter(name, open_type(type, method.sig), index - 1 <= required,
                                    false, slurps))
    end
    return parameters
end

"`type` as written in `signature`, without the variables of the latter."
function open_type(@nospecialize(type), @nospecialize(signature))
    type isa TypeVar && return type.ub isa TypeVar ? Any : type.ub
    type isa Type || return Any
    return Base.rewrap_unionall(type, signature)
end

function keyword_parameters(@nospecialize(handler), method::Method)
    names = keyword_names(method)
    isempty(names) && return Parameter[]
    types = keyword_types(handler, method)
    needed = needed_keywords(method)
    return Parameter[Parameter(String(name), get(types, name, Any), name in needed, true, false)
                     for name in names if !endswith(String(name), "...")]
end

"The declared types of the keywords of `method`, from the function that holds its body."
function keyword_types(@nospecialize(handler), method::Method)
    found = Dict{Symbol,Any}()
    for body in body_functions(handler, method), inner in methods(body)
        names = Base.method_argnames(inner)
        types = Base.unwrap_unionall(inner.sig).parameters
        for index in 2:min(length(names), length(types))
            haskey(found, names[index]) ||
                (found[names[index]] = open_type(types[index], inner.sig))
        end
    end
    return found
end

"""
What `method` calls that has a name that the compiler made up: the body of a keyword function.

A function that is local to another one has it as a field.
"""
function body_functions(@nospecialize(handler), method::Method)
    found = Any[getfield(handler, name) for name in fieldnames(typeof(handler))
                if is_made_up(name) && isdefined(handler, name)]
    for statement in lowered_code(method)
        collect_bodies!(found, statement)
    end
    return found
end

is_made_up(name::Symbol) = occursin(r"^#.*#[0-9]+$", String(name))

function collect_bodies!(found::Vector{Any}, @nospecialize(part))
    if part isa GlobalRef
        is_made_up(part.name) && isdefined(part.mod, part.name) &&
            push!(found, getfield(part.mod, part.name))
    elseif part isa Expr
        foreach(inner -> collect_bodies!(found, inner), part.args)
    end
    return nothing
end

"The keywords of `method` that have no default value: it throws for them if they are missing."
function needed_keywords(method::Method)
    needed, statements = Symbol[], lowered_code(method)
    foreach(statement -> collect_needed!(needed, statement, statements), statements)
    return needed
end

function collect_needed!(needed::Vector{Symbol}, @nospecialize(part), statements)
    part isa Expr || return nothing
    if part.head === :call && called_name(part.args[1], statements) === :UndefKeywordError
        name = part.args[2]
        name isa QuoteNode && name.value isa Symbol && push!(needed, name.value)
    end
    foreach(inner -> collect_needed!(needed, inner, statements), part.args)
end

"The name of the global that is called, be it written there or, as from 1.12 on, in a statement."
function called_name(@nospecialize(callee), statements)
    callee isa Core.SSAValue && (callee = statements[callee.id])
    return callee isa GlobalRef ? callee.name : :none
end

"The docstring of `handler` as it was written, \"\" if there is none."
function docstring(@nospecialize(handler))
    handler isa Union{Function,Type} || return ""
    try
        home, name = parentmodule(handler), nameof(handler)
        documented = get(Base.Docs.meta(home), Base.Docs.Binding(home, name), nothing)
        documented === nothing && return ""
        texts = String[]
        for signature in documented.order
            push!(texts, strip(join(documented.docs[signature].text)))
        end
        return join(texts, "\n\n")
    catch
        return ""
    end
end
