# From what an agent wrote to what a function takes.

"""
`value` as a `type`. It is what an agent wrote: nothing, a Bool, an Int, a Float64, a String, a
Vector{Any} or a Dict{String,Any}. An ArgumentProblem about `what` if it cannot be one.
"""
function coerce(@nospecialize(type), @nospecialize(value), what::String)
    kind = kind_of(type)
    kind === :any && return as_any(type, value, what)
    kind === :union && return as_member(type, value, what)
    kind === :nothing && return value === nothing ? type() : refuse(value, "null", what)
    kind === :boolean && return value isa Bool ? value : refuse(value, "true or false", what)
    kind === :enum && return as_enum(type, value, what)
    kind === :integer && return as_integer(type, value, what)
    kind === :number && return as_number(type, value, what)
    kind === :string && return as_string(type, value, what)
    kind === :list && return as_list(type, value, what)
    kind === :matrix && return as_matrix(type, value, what)
    kind === :tuple && return as_tuple(type, value, what)
    kind === :map && return as_map(type, value, what)
    return as_struct(type, value, what)
end

refuse(@nospecialize(value), wanted::String, what::String) =
    throw(ArgumentProblem("$what must be $wanted, not $(shown(value))"))

"`value` as an agent would write it, and short."
function shown(@nospecialize(value))
    text = value === nothing ? "null" : value isa AbstractDict ? "an object" :
        value isa AbstractVector ? "a list" : repr(value)
    return length(text) <= 60 ? text : first(text, 57) * "..."
end

"The result of `make()`, whose error is about `what`; an interrupt stays one."
function constructed(make, what::String)
    worked, result = tried(make)
    worked && return result
    # Further lines of a MethodError are of no use to an agent.
    reason = first(split(error_text(result), '\n'))
    throw(ArgumentProblem("$what cannot be used: $reason"))
end

"Whether `make()` worked, and its result, or else its error. What is thrown then has no cause."
function tried(make)
    try
        return true, Base.invokelatest(make)
    catch error
        (error isa InterruptException || error isa ArgumentProblem) && rethrow()
        return false, error
    end
end

function as_any(@nospecialize(type), @nospecialize(value), what::String)
    value isa type && return value
    return constructed(() -> convert(type, value), what)
end

function as_member(type::Union, @nospecialize(value), what::String)
    value === nothing && Nothing <: type && return nothing
    value === nothing && Missing <: type && return missing
    candidates = filter(member -> kind_of(member) !== :nothing, members(type))
    length(candidates) == 1 && return coerce(candidates[1], value, what)
    for member in candidates
        value isa member && return value
    end
    for member in candidates
        try
            return coerce(member, value, what)
        catch error
            error isa ArgumentProblem || rethrow()
        end
    end
    return refuse(value, "one of " * join(map(type_words, candidates), ", "), what)
end

function as_enum(@nospecialize(type), @nospecialize(value), what::String)
    for instance in instances(type)
        value == string(instance) && return instance
    end
    return refuse(value, "one of " * join((repr(string(each)) for each in instances(type)), ", "),
                  what)
end

function as_integer(@nospecialize(type), @nospecialize(value), what::String)
    value isa Float64 && isinteger(value) && abs(value) < 2.0^63 && (value = Int64(value))
    (value isa Integer && !(value isa Bool)) || return refuse(value, "a whole number", what)
    isconcretetype(type) || return value isa type ? value : Int(value)
    worked, result = tried(() -> type(value))
    return worked ? result : refuse(value, "a whole number that fits into $type", what)
end

function as_number(@nospecialize(type), @nospecialize(value), what::String)
    (value isa Real && !(value isa Bool)) || return refuse(value, "a number", what)
    value isa type && !isconcretetype(type) && return value
    isconcretetype(type) && return constructed(() -> convert(type, value), what)
    type <: AbstractFloat || AbstractFloat <: type || type === Real || type === Number ||
        return constructed(() -> convert(type, value), what)
    return Float64(value)
end

function as_string(@nospecialize(type), @nospecialize(value), what::String)
    value isa String || return refuse(value, "a text", what)
    type === Symbol && return Symbol(value)
    if type === Char
        length(value) == 1 || return refuse(value, "a single character", what)
        return first(value)
    end
    value isa type && return value
    return constructed(() -> type(value), what)
end

function as_list(@nospecialize(type), @nospecialize(value), what::String)
    value isa AbstractVector || return refuse(value, "a list", what)
    element = element_type(type)
    items = Any[coerce(element, value[index], "$what[$index]") for index in eachindex(value)]
    # Where any kind of element will do, one that they have in common is better.
    typed = element !== Any && !isconcretetype(element) && !isempty(items) ?
        map(identity, items) : convert(Vector{element}, items)
    typed isa type && return typed
    type <: Tuple && return constructed(() -> convert(type, Tuple(items)), what)
    return constructed(() -> isconcretetype(type) ? type(typed) : convert(type, typed), what)
end

function as_matrix(@nospecialize(type), @nospecialize(value), what::String)
    wanted = "a list of rows of the same length"
    value isa AbstractVector && all(row -> row isa AbstractVector, value) &&
        length(unique(map(length, value))) <= 1 || return refuse(value, wanted, what)
    element, columns = element_type(type), isempty(value) ? 0 : length(value[1])
    matrix = Matrix{element}(undef, length(value), columns)
    for row in 1:length(value), column in 1:columns
        matrix[row, column] = coerce(element, value[row][column], "$what[$row][$column]")
    end
    return matrix isa type ? matrix : constructed(() -> convert(type, matrix), what)
end

function as_tuple(@nospecialize(type), @nospecialize(value), what::String)
    types = fieldtypes(type)
    value isa AbstractVector && length(value) == length(types) ||
        return refuse(value, "a list of $(length(types)) items", what)
    return Tuple(coerce(types[index], value[index], "$what[$index]")
                 for index in 1:length(types))
end

function as_map(@nospecialize(type), @nospecialize(value), what::String)
    value isa AbstractDict || return refuse(value, "an object", what)
    keys_type, values_type = key_and_value(type)
    pairs = [coerce_key(keys_type, name, what) => coerce(values_type, one, "$what.$name")
             for (name, one) in value]
    made = Dict{keys_type,values_type}(pairs)
    return made isa type ? made : constructed(() -> type(made), what)
end

function key_and_value(@nospecialize(type))
    open = bounds(type)
    length(open) == 2 && return open[1], open[2]
    found = eltype(type)
    found isa DataType && found <: Pair && length(found.parameters) == 2 || return Any, Any
    return map(each -> each isa Type ? each : Any, Tuple(found.parameters))
end

"A name of an object as the key of a dictionary; whole numbers are written as names, too."
function coerce_key(@nospecialize(type), name::String, what::String)
    kind = kind_of(type)
    kind in (:integer, :number) || return coerce(type, name, "a key of $what")
    number = tryparse(isconcretetype(type) ? type : kind === :integer ? Int : Float64, name)
    return number === nothing ? refuse(name, "a number", "a key of $what") : number
end

function as_struct(@nospecialize(type), @nospecialize(value), what::String)
    value isa AbstractDict || return refuse(value, "an object", what)
    fields, optional = fields_of(type), optional_fields(type)
    known = [String(name) for (name, _) in fields]
    for name in keys(value)
        name in known || throw(ArgumentProblem(
            "$what has no field `$name`; its fields are $(join(known, ", "))"))
    end
    given = Pair{Symbol,Any}[]
    for (name, inner) in fields
        if haskey(value, String(name))
            push!(given, name => coerce(inner, value[String(name)], "$what.$name"))
        elseif !(name in optional)
            throw(ArgumentProblem("$what lacks the field `$name`"))
        elseif keyword_constructor(type) === nothing
            push!(given, name => nothing)
        end
    end
    type <: NamedTuple && return constructed(() -> type(Tuple(map(last, given))), what)
    keyword_constructor(type) === nothing || return constructed(() -> type(; given...), what)
    return constructed(() -> type(map(last, given)...), what)
end
