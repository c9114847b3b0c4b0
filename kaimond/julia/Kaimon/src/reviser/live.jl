# The methods that a definition made and that are still in effect.

function live_methods(package::Package, definition::Definition)
    found = Any[]
    if KEEPS_REPLACED
        for entry in own_entries!(package)
            is_deleted(entry) || made_by(definition, entry.func) && push!(found, entry.func)
        end
        shares_line(package, definition) || return found
        types = Any[type for value in possible_callables(definition) for type in signatures(value)]
        return filter!(method -> any(type -> method.sig <: type, types), found)
    end
    for value in possible_callables(definition), signature in signatures(value)
        for method in methods_for(signature)
            made_by(definition, method) && !(method in found) && push!(found, method)
        end
    end
    return found
end

"Does the place of a method not tell `definition` from another one that was loaded?"
shares_line(package::Package, definition::Definition) =
    definition.since == 0 && definition.piece.kind in (:method, :macro) &&
    any(other -> other !== definition && other.since == 0 &&
        other.piece.file == definition.piece.file &&
        other.piece.line <= definition.piece.last && definition.piece.line <= other.piece.last,
        package.loaded)

"""
Did `definition` make `method`?

What we evaluated is told by the world age. What was loaded with the package is told by its place,
which is that of the text the package was loaded from.
"""
function made_by(definition::Definition, method::Method)
    definition.since < method.primary_world <= definition.until || return false
    definition.since > 0 && return true
    piece = definition.piece
    return piece.line <= method.line <= piece.last && same_file(String(method.file), piece.file)
end

same_file(one::String, other::String) = one == other ||
    (basename(one) == basename(other) && isfile(one) && isfile(other) &&
     realpath(one) == realpath(other))

"""
The entries of all methods that `package` may have made: those in its modules, and those that stand
in its files.

Remembered until a method is made, because each of many definitions may ask.
"""
function own_entries!(package::Package)
    package.looked == Base.get_world_counter() && return package.entries
    own = IdDict{Any,Bool}()
    for path in union(keys(package.files), (each.piece.file for each in package.loaded))
        own[Symbol(path)] = true
        ispath(path) && (own[Symbol(realpath(path))] = true)
    end
    is_own(method) = get!(() -> Base.moduleroot(method.module) === package.top, own,
                          method.module) || get(own, method.file, false)
    package.entries = filter!(entry -> is_own(entry.func), method_entries())
    package.looked = Base.get_world_counter()
    return package.entries
end

function forget_entries!(package::Package)
    package.entries = Any[]
    package.looked = UInt(0)
end

function delete_methods!(package::Package, methods::Vector{Any})
    known = package.looked == Base.get_world_counter()
    foreach(Base.delete_method, methods)
    known && (package.looked = Base.get_world_counter())
    return nothing
end

"Does a later method of the same types keep a method of `definition` from being called?"
function is_hidden(package::Package, definition::Definition)
    methods = live_methods(package, definition)
    isempty(methods) && return true
    KEEPS_REPLACED || return false
    return any(method -> any(entry -> replaces(entry, method), own_entries!(package)), methods)
end

replaces(entry, method::Method) = !is_deleted(entry) && entry.func !== method &&
    entry.func.name === method.name && entry.func.primary_world > method.primary_world &&
    entry.func.sig == method.sig

"What the methods of `definition` may be methods of."
function possible_callables(definition::Definition)
    home, piece = definition.home, definition.piece
    if piece.kind === :method
        is_expr(piece.name, :(::)) && return Any[CalledAs(annotated_type(home, piece.name))]
        return Any[global_value(home, piece.name)]
    elseif piece.kind === :macro
        return Any[global_value(home, Symbol("@", piece.name))]
    end
    # Names in the code too, as in `for f in (:+, :-) @eval Base.$f(…) = … end`.
    words = Any[]
    collect_words!(words, piece.expression)
    values = Any[]
    for name in unique(append!(words, names(home; all=true)))
        value = something(global_value(home, name), global_value(Base, name), Some(nothing))
        (value isa Function || value isa Type) && push!(values, value)
    end
    return values
end

"Append all names that stand in the code `part`, quoted or not."
function collect_words!(words::Vector{Any}, @nospecialize(part))
    if part isa Symbol
        push!(words, part)
    elseif part isa QuoteNode
        collect_words!(words, part.value)
    elseif part isa Expr
        foreach(argument -> collect_words!(words, argument), part.args)
    end
end

"Stands for what is called as an object of a type, as in `(p::Line)(x) = …`."
struct CalledAs
    type::Any
end

function annotated_type(home::Module, part::Expr)
    type = part.args[end]
    while is_expr(type, :curly)
        type = type.args[1]
    end
    (type isa Symbol || is_expr(type, :.)) && return global_value(home, type)
    try
        return Base.invokelatest(Core.eval, home, type)
    catch
        return nothing
    end
end

"The types that together cover the calls of `value`, with and without keywords."
function signatures(@nospecialize value)
    if value isa CalledAs
        callee = value.type
    elseif value isa Type
        callee = Type{<:value}
    elseif value === nothing
        return Any[]
    else
        callee = typeof(value)
    end
    callee isa Type || return Any[]
    return Any[Tuple{callee,Vararg{Any}}, keyword_signatures(value, callee)...]
end

"Take the documentation away that the definitions in `removed` had and none of `kept` has."
function forget_docs(removed::Vector{Any}, kept::Vector{Any})
    for definition in removed
        name = definition.piece.name
        definition.piece.documented && name isa Symbol || continue
        any(other -> other.piece.documented && other.home === definition.home &&
            other.piece.name == name, kept) && continue
        name = definition.piece.kind === :macro ? Symbol("@", name) : name
        delete!(Base.Docs.meta(definition.home), Base.Docs.Binding(definition.home, name))
    end
end
