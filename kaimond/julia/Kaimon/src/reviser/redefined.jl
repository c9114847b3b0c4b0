# Names that came to mean something else, and what was made from what they meant before.
#
# What calls code does when it runs is Julia's to know. What a definition was made from when it was
# evaluated is not: the types in a signature or of a field, what a constant was computed with.

"""
`name` of `home` has had another meaning since the step `at`, see `Reviser`.

`old` is the type that it meant before, nothing if it was no type.
"""
struct Redefined
    home::Module
    name::Symbol
    at::Int
    old::Any
end

"What the names in the code of `definition` mean now, if its evaluation can give them a meaning."
function meanings(definition::Definition)
    found = Dict{Symbol,Any}()
    definition.piece.kind in (:method, :macro, :module, :names) && return found
    words = Any[]
    collect_words!(words, definition.piece.expression)
    for name in words
        Base.invokelatest(isdefined, definition.home, name) &&
            (found[name] = global_value(definition.home, name))
    end
    return found
end

"Note which names of `home` do not mean what they did `before`."
function note_redefined!(reviser, home::Module, before::Dict{Symbol,Any})
    for (name, old) in before
        global_value(home, name) === old && continue
        filter!(other -> other.home !== home || other.name !== name, reviser.redefined)
        push!(reviser.redefined, Redefined(home, name, reviser.steps,
                                           old isa Type ? old : nothing))
    end
    return nothing
end

"The step of the last change of a meaning."
last_redefined(reviser) = foldl(max, (each.at for each in reviser.redefined); init=0)

"Was `definition` made from what a name in it does not mean any more?"
function is_outdated(reviser, package::Package, definition::Definition)
    (definition.piece.kind in (:module, :names) || is_effectless(definition.piece.expression)) &&
        return false
    news = filter(each -> each.at > max(definition.made, package.checked), reviser.redefined)
    isempty(news) && return false
    words, qualified = Set{Any}(), Set{Any}()
    evaluated_words!(words, qualified, definition.piece)
    return any(each -> each.name in qualified ||
               each.name in words && is_same_name(definition.home, each), news)
end

"Does the name of `redefined` mean the same in `home`?"
is_same_name(home::Module, redefined::Redefined) = home === redefined.home ||
    global_value(home, redefined.name) === global_value(redefined.home, redefined.name)

"The names in `piece`, and those that follow a dot, that are looked up when it is evaluated."
function evaluated_words!(words, qualified, piece::Piece)
    part = piece.expression
    while is_doc(part)
        part = part.args[end]
    end
    while piece.kind in (:method, :macro) && is_expr(part, :macrocall)
        foreach(each -> all_words!(words, qualified, each), part.args[2:end - 1])
        part = part.args[end]
    end
    if piece.kind in (:method, :macro)
        signature_words!(words, qualified, part.args[1])
    elseif piece.kind in (:const, :global)
        assigned_words!(words, qualified, part)
    else
        all_words!(words, qualified, part)
    end
    return nothing
end

function all_words!(words, qualified, @nospecialize(part))
    if part isa Symbol
        push!(words, part)
    elseif part isa Expr
        field_named = part.head === :. && length(part.args) == 2 && part.args[2] isa QuoteNode
        field_named && push!(qualified, part.args[2].value)
        if part.head === :(::) && length(part.args) == 2
            # What is annotated is a field, an argument or a variable; none of them is looked up.
            part.args[1] isa Symbol || all_words!(words, qualified, part.args[1])
            all_words!(words, qualified, part.args[2])
        elseif part.head === :struct
            all_words!(words, qualified, part.args[2])
            foreach(each -> each isa Symbol || all_words!(words, qualified, each),
                    part.args[3].args)
        else
            foreach(each -> all_words!(words, qualified, each), part.args)
        end
    end
end

function signature_words!(words, qualified, @nospecialize(part))
    part isa Expr || return nothing
    if part.head === :where
        signature_words!(words, qualified, part.args[1])
        foreach(each -> all_words!(words, qualified, each), part.args[2:end])
    elseif part.head === :(::)
        # After the parentheses it is what is returned, which is looked up by each call.
        is_signature(part.args[1]) ? signature_words!(words, qualified, part.args[1]) :
            all_words!(words, qualified, part.args[end])
    elseif part.head === :call
        all_words!(words, qualified, part.args[1])
        foreach(each -> signature_words!(words, qualified, each), part.args[2:end])
    elseif part.head === :kw
        signature_words!(words, qualified, part.args[1])
    elseif part.head === :macrocall
        signature_words!(words, qualified, part.args[end])
    else
        foreach(each -> signature_words!(words, qualified, each), part.args)
    end
    return nothing
end

function assigned_words!(words, qualified, @nospecialize(part))
    if part isa Expr && part.head in (:const, :global)
        foreach(each -> assigned_words!(words, qualified, each), part.args)
    elseif is_expr(part, :(=))
        part.args[1] isa Symbol || assigned_words!(words, qualified, part.args[1])
        all_words!(words, qualified, part.args[2])
    elseif !is_expr(part, :tuple)
        all_words!(words, qualified, part)
    end
    return nothing
end

"""
Evaluate `definition` again. If that works, `replaced` has it afterwards, of which the methods are
still in effect.
"""
function renew!(reviser, package::Package, definition::Definition, run, unapplied::Vector{Any},
                replaced::Vector{Any})
    piece = definition.piece
    if !can_redefine(piece.kind)
        what = "$(piece.name) was made from something that changed, and Julia cannot make it " *
            "anew in a running process"
        note_lasting!(package, Notice(piece.file, piece.line, what, ONLY_RESTART))
        return nothing
    end
    apply!(reviser, package, Definition(definition.home, piece), run, unapplied) || return nothing
    # Should we be interrupted before its methods are deleted, it counts as removed from its file.
    piece.kind in (:method, :macro, :other) ? disown!(definition) : forget!(package, definition)
    push!(replaced, definition)
    return nothing
end

function note_lasting!(package, notice::Notice)
    notice in package.lasting && return nothing
    push!(package.lasting, notice)
    push!(package.notices, notice)
    return nothing
end

"""
Evaluate again what made methods that still take a type which a name does not mean any more, though
the name is not to be seen in it; tell of those that nobody knows the place of.
"""
function renew_signatures!(reviser, package::Package, run, unapplied::Vector{Any},
                           replaced::Vector{Any}, removed::Vector{Any})
    KEEPS_REPLACED || return nothing
    families = Any[type_family(each.old) for each in reviser.redefined
                   if each.at > package.checked && type_family(each.old) !== nothing]
    isempty(families) && return nothing
    for entry in filter(entry -> takes_any(entry, families), own_entries!(package))
        made(others) = any(each -> made_by(each, entry.func), others)
        # These are deleted with what made them.
        (made(replaced) || made(removed)) && continue
        index = findfirst(each -> made_by(each, entry.func), package.loaded)
        if index !== nothing
            renew!(reviser, package, package.loaded[index], run, unapplied, replaced)
        elseif !startswith(String(entry.func.name), '#') &&
                !any(other -> stands_for(other, entry), own_entries!(package))
            # No code calls a method with a name of Julia's own but by way of another one.
            method = entry.func
            note_lasting!(package, Notice(String(method.file), Int(method.line), "a method of " *
                          "$(method.name) still takes a type that was defined anew",
                          ONLY_RESTART))
        end
    end
end

"What the types have in common that are made from the type `value`; nothing for what is no type."
function type_family(@nospecialize value)
    type = value isa Type ? Base.unwrap_unionall(value) : nothing
    return type isa DataType ? type.name : nothing
end

takes_any(entry, families::Vector{Any}) =
    !is_deleted(entry) && any(family -> is_made_of(entry.sig, family), families)

"Is a type of `family` in `type`?"
function is_made_of(@nospecialize(type), family::Core.TypeName)
    type isa DataType && return type.name === family ||
        any(part -> is_made_of(part, family), type.parameters)
    type isa UnionAll && return is_made_of(type.var, family) || is_made_of(type.body, family)
    type isa Union && return is_made_of(type.a, family) || is_made_of(type.b, family)
    type isa TypeVar && return is_made_of(type.lb, family) || is_made_of(type.ub, family)
    type isa Core.TypeofVararg && isdefined(type, :T) && return is_made_of(type.T, family)
    return false
end

"Is `other` the method of the same place that was made later, as for the new type?"
stands_for(other, entry) = !is_deleted(other) && other.func.name === entry.func.name &&
    other.func.file === entry.func.file && other.func.line == entry.func.line &&
    other.func.primary_world > entry.func.primary_world

# Names that mean nothing any more.

"Are the variables `one` and `other` declared to have different types?"
is_retyped(one::Piece, other::Piece) = one.kind === :global && other.kind === :global &&
    declared_type(one.expression) != declared_type(other.expression)

function declared_type(@nospecialize part)
    part isa Expr || return nothing
    part.head === :(::) && return part.args[end]
    return part.head in (:(=), :global) ? declared_type(part.args[1]) :
        part.head === :macrocall ? declared_type(part.args[end]) : nothing
end

binding_kind(piece::Piece) = piece.kind === :method ? :function :
    piece.kind in CONSTANT_KINDS ? :constant : piece.kind === :global ? :global : :none

function is_bound_to(definition::Definition, home::Module, @nospecialize(name))
    return name isa Symbol && definition.home === home && definition.piece.name === name &&
        binding_kind(definition.piece) !== :none
end

"""
What is loaded under the name of `definition`, if that is another kind of thing than `definition`
makes of it, and in no file any more; else nothing.
"""
function misfit(package::Package, definition::Definition, removed::Vector{Any},
                wanted::Vector{Any})
    kind, name = binding_kind(definition.piece), definition.piece.name
    kind === :none && return nothing
    named(others) = filter(other -> is_bound_to(other, definition.home, name), others)
    any(other -> binding_kind(other.piece) === kind, named(package.loaded)) && return nothing
    for old in named(removed)
        any(other -> binding_kind(other.piece) === binding_kind(old.piece), named(wanted)) ||
            return old
    end
    return nothing
end

"Have what `old` gave a name to mean nothing any more; tell whether that can be done."
function unname!(reviser, package::Package, old::Definition)
    home, name = old.home, old.piece.name
    can_redefine(:const) && name isa Symbol && is_plain(old.piece.expression) || return false
    Base.invokelatest(isdefined, home, name) || return false
    Base.binding_module(home, name) === home || return false
    # Julia would not find what a module that is used exports under that name.
    is_exported_to(home, name) && return false
    meant = Dict{Symbol,Any}(name => global_value(home, name))
    Base.delete_binding(home, name)
    old.unnamed = true
    reviser.steps += 1
    note_redefined!(reviser, home, meant)
    return true
end

"Does `part` give a meaning to the one name that is to be seen in it?"
is_plain(@nospecialize part) = part isa Expr &&
    (part.head in (:const, :(=), :struct, :abstract, :primitive, :function, :global, :where) ||
     part.head === :macrocall && is_plain(part.args[end]))

is_exported_to(home::Module, name::Symbol) =
    any(other -> name in names(other), ccall(:jl_module_usings, Any, (Any,), home))
