# Which types agents can give, and what they are told of them.

"An error if no value of `type` can be made from what agents can write."
function check_type(@nospecialize(type), what::String, depth::Int=0)
    type === Union{} && throw(ArgumentError("$what can have no value"))
    for impossible in (Function, Type, Module, IO, Task, Ptr, AbstractChannel)
        type !== Any && type <: impossible && throw(ArgumentError(
            "$what is of type $type, which no agent can write; give a function without it"))
    end
    type <: AbstractArray && !(type isa Union) && array_dimensions(type) > 2 &&
        throw(ArgumentError("$what is an array of more than two dimensions, which no agent can " *
                            "write; give a function that takes lists"))
    kind = kind_of(type)
    if kind === :struct && depth < DEEPEST
        for (name, inner) in fields_of(type)
            check_type(inner, "$what, field `$name`,", depth + 1)
        end
    elseif kind === :list && depth < DEEPEST
        check_type(element_type(type), "an element of $what", depth + 1)
    end
    return nothing
end

"Levels of types within types that agents are told; deeper ones may be anything."
const DEEPEST = 6

"""
What a value of `type` is for agents.

One of :any, :nothing, :boolean, :integer, :number, :string, :enum, :list, :matrix, :tuple, :map,
:struct and :union.
"""
function kind_of(@nospecialize(type))
    type isa Union && return :union
    type === Any && return :any
    (type === Nothing || type === Missing) && return :nothing
    type <: Bool && return :boolean
    type <: Enum && isconcretetype(type) && return :enum
    type <: Integer && return :integer
    type <: Real && return :number
    type === Number && return :number
    (type <: AbstractString || type === Symbol || type === Char) && return :string
    is_written_as_text(type) && return :string
    (type <: NamedTuple && isconcretetype(type)) && return :struct
    (type <: Tuple && isconcretetype(type)) && return :tuple
    (type <: AbstractArray && array_dimensions(type) == 2) && return :matrix
    (type <: AbstractArray || type <: AbstractSet || type <: Tuple) && return :list
    type <: AbstractDict && return :map
    is_plain_struct(type) && return :struct
    return :any
end

"Dates, versions and the like, which have a text form of their own and make no sense as fields."
is_written_as_text(@nospecialize(type)) = isconcretetype(type) &&
    (nameof(parentmodule(type)) === :Dates || type in (VersionNumber, Regex, Base.UUID)) &&
    hasmethod(type, Tuple{String})

is_plain_struct(@nospecialize(type)) = isstructtype(Base.unwrap_unionall(type)) &&
    !isabstracttype(Base.unwrap_unionall(type)) &&
    fieldcount_or_zero(type) > 0 && !(parentmodule(type) in (Base, Core))

fieldcount_or_zero(@nospecialize(type)) = try
    length(fieldnames(type))
catch
    0
end

"Name and type of each field of the structure `type`."
function fields_of(@nospecialize(type))
    inner = Base.unwrap_unionall(type)
    return Any[(fieldname(inner, index), open_type(fieldtype(inner, index), type))
               for index in 1:length(fieldnames(inner))]
end

"The type of the elements of an array, a set or tuples, as far as it is fixed."
function element_type(@nospecialize(type))
    type <: Tuple && return Any
    open = bounds(type)
    isempty(open) || return open[1]
    found = eltype(type)
    return found isa Type ? found : Any
end

"What the parameters of a type of Base's may be if some are left open, as in `Vector{<:Real}`."
function bounds(@nospecialize(type))
    inner = Base.unwrap_unionall(type)
    (type isa UnionAll && parentmodule(inner) in (Base, Core)) || return Any[]
    return Any[open_type(parameter, type) for parameter in inner.parameters]
end

"How many dimensions the array `type` has, 1 if that is left open."
function array_dimensions(@nospecialize(type))
    # ndims does not know it of AbstractMatrix{<:Real} in 1.5.
    parameters = Base.unwrap_unionall(type).parameters
    length(parameters) == 2 && parameters[2] isa Int && return parameters[2]
    count = try
        ndims(type)
    catch
        1
    end
    return count isa Int ? count : 1
end

members(type::Union) = Base.uniontypes(type)

"The fields of the structure `type` that may be left out."
function optional_fields(@nospecialize(type))
    optional = Symbol[name for (name, inner) in fields_of(type)
                      if Nothing <: inner && inner !== Any]
    constructor = keyword_constructor(type)
    constructor === nothing && return optional
    needed = needed_keywords(constructor)
    return Symbol[name for (name, _) in fields_of(type) if !(name in needed)]
end

"The constructor of `type` that takes its fields by name, as `Base.@kwdef` makes one, or nothing."
function keyword_constructor(@nospecialize(type))
    type isa DataType && !(type <: NamedTuple) || return nothing
    names = Set(fieldnames(type))
    for method in methods(type)
        method.nargs == 1 && Set(keyword_names(method)) == names && return method
    end
    return nothing
end

"`type` for people, without the module that most of them have."
type_words(@nospecialize(type)) = replace(string(type), r"\bMain\." => "")
