# A macro that changed, or something it calls, changes the code that it is used in.

"""
The macros of `package` that, when they are expanded, call what `changed` defines, also by way of
other functions. Code that is only quoted runs later, in the place the macro is used in.
"""
function macros_that_call(package::Package, changed::Vector{Any})
    found = Any[]
    any(each -> each.piece.kind === :macro, package.loaded) || return found
    names = Set{Any}(each.piece.name for each in changed
                     if binding_kind(each.piece) !== :none && each.piece.name isa Symbol)
    isempty(names) && return found
    callers = Any[(each.piece, Set{Any}(called_words!(Any[], each.piece.expression)))
                  for each in package.loaded if each.piece.kind in (:method, :macro)]
    grown = true
    while grown
        grown = false
        for (piece, words) in callers
            isdisjoint_sets(words, names) && continue
            if piece.kind === :macro
                name = Symbol("@", piece.name)
                name in found || push!(found, name)
            elseif piece.name isa Symbol && !(piece.name in names)
                push!(names, piece.name)
                grown = true
            end
        end
    end
    return found
end

isdisjoint_sets(one::Set{Any}, other::Set{Any}) = !any(word -> word in other, one)

"Append the names that stand in the code `part` where they are evaluated when it is."
function called_words!(words::Vector{Any}, @nospecialize(part))
    if part isa Symbol
        push!(words, part)
    elseif is_expr(part, :quote)
        interpolated_words!(words, part)
    elseif part isa Expr
        foreach(argument -> called_words!(words, argument), part.args)
    end
    return words
end

function interpolated_words!(words::Vector{Any}, part::Expr)
    for argument in part.args
        if is_expr(argument, :$)
            called_words!(words, argument)
        elseif argument isa Expr
            interpolated_words!(words, argument)
        end
    end
end

"Evaluate again what uses one of the changed `macros`, in all packages."
function reexpand!(reviser, macros::Vector{Any}, run)
    done = IdDict{Any,Any}()
    index = 1
    while index <= length(macros)
        for package in reviser.packages, definition in copy(package.loaded)
            piece = definition.piece
            haskey(done, definition) && continue
            uses_macro(piece.expression, Any[macros[index]]) && piece.kind !== :module || continue
            if !can_redefine(piece.kind)
                note_lasting!(package, Notice(piece.file, piece.line, "$(macros[index]), which " *
                                              "$(piece.name) was made by, changed", ONLY_RESTART))
                done[definition] = true
                continue
            end
            fresh = Definition(definition.home, piece)
            if apply!(reviser, package, fresh, run, Any[])
                forget!(package, definition)
                delete_methods!(package, live_methods(package, definition))
                done[fresh] = true
                piece.kind === :macro && push!(macros, Symbol("@", piece.name))
            else
                disown!(definition)
                package.pending = true
            end
        end
        index += 1
    end
end
