# Making what is loaded what the files say.

"""
Why something in `file` is not current, and what helps. `line` is 0 if it is about the whole file.
"""
struct Notice
    file::String
    line::Int
    reason::String
    cure::String
end

const RESTART = "restart the session, or undo the change"
const ONLY_RESTART = "restart the session"
"Of a system image, which a new process would load again."
const REBUILD = "make the system image anew"
"What only a new process makes current."
is_hopeless(notice::Notice) = notice.cure == RESTART || notice.cure == ONLY_RESTART
const RETRIED = "it is tried again before each evaluation"
const RESTORE = "restore it, or remove its include; what was loaded of it stays in effect until then"
const CORRECT = "correct the file; the code loaded before stays in effect until then"

"Evaluate what `package` misses of its files, and take away what they no longer have."
function bring_up_to_date!(reviser, package::Package, run)
    # Whatever interrupts us, the next evaluation takes up what is left.
    package.pending = true
    known = last_redefined(reviser)
    wanted = definitions(package)
    package.notices = file_notices(package)
    added, removed, kept = differences(package.loaded, wanted)
    forget_docs(removed, collect(values(kept)))
    unapplied, macros, replaced = Any[], Any[], Any[]
    for definition in wanted
        if haskey(kept, definition)
            old = kept[definition]
            is_outdated(reviser, package, old) &&
                renew!(reviser, package, old, run, unapplied, replaced)
        elseif !is_refused!(reviser, package, definition, removed, wanted, unapplied) &&
                apply!(reviser, package, definition, run, unapplied) &&
                definition.piece.kind === :macro && counterpart(removed, definition) !== nothing
            push!(macros, Symbol("@", definition.piece.name))
        end
    end
    renew_signatures!(reviser, package, run, unapplied, replaced, removed)
    retire!(package, replaced)
    left = filter(each -> !any(other -> is_bound_to(other, each.home, each.piece.name), unapplied),
                  vcat(added, removed, replaced))
    union!(macros, macros_that_call(package, left))
    foreach(old -> take_away!(reviser, package, old, added, unapplied), removed)
    restore_replaced!(reviser, package, wanted, vcat(added, removed), run, unapplied)
    # What Julia refuses it would refuse again; what failed may work next time.
    package.pending = !all(each -> each.refused, unapplied)
    isempty(macros) || reexpand!(reviser, macros, run)
    package.pending || (package.checked = known)
    forget_entries!(package)
    return nothing
end

file_notices(package::Package) = append!(
    Any[Notice(file.path, file.problem.line, file.problem.reason,
               file.problem.line == 0 ? RESTORE : CORRECT)
        for file in values(package.files) if file.problem !== nothing], package.lasting)

"Of `wanted` what is not loaded; of `loaded` what is not wanted; what is both, by what is wanted."
function differences(loaded::Vector{Any}, wanted::Vector{Any})
    waiting = Dict{Any,Any}()
    identify(definition) = hash(objectid(definition.home), definition.piece.key)
    foreach(old -> push!(get!(() -> Any[], waiting, identify(old)), old), loaded)
    added, kept = Any[], IdDict{Any,Any}()
    for definition in wanted
        same = get(waiting, identify(definition), nothing)
        if same === nothing || isempty(same)
            push!(added, definition)
        else
            kept[definition] = popfirst!(same)
        end
    end
    removed = filter(old -> old in waiting[identify(old)], loaded)
    return added, removed, kept
end

"The definition among `others` that `definition` takes the place of, or nothing."
function counterpart(others::Vector{Any}, definition::Definition)
    name = definition.piece.name
    name === nothing && return nothing
    index = findfirst(other -> other.home === definition.home && other.piece.name == name &&
                      same_kind(other.piece.kind, definition.piece.kind), others)
    return index === nothing ? nothing : others[index]
end

const CONSTANT_KINDS = (:type, :const)

same_kind(one::Symbol, other::Symbol) =
    one === other || one in CONSTANT_KINDS && other in CONSTANT_KINDS

"""
Tell, and note, that Julia cannot take up `definition` because of what has its name; make way for it
where that can be done.
"""
function is_refused!(reviser, package::Package, definition::Definition, removed::Vector{Any},
                     wanted::Vector{Any}, unapplied::Vector{Any})
    old = counterpart(removed, definition)
    if old === nothing || is_retyped(old.piece, definition.piece)
        old = something(old, misfit(package, definition, removed, wanted), Some(nothing))
        old === nothing || unname!(reviser, package, old)
    end
    (old === nothing || can_redefine(old.piece.kind)) && return false
    piece = definition.piece
    what = old.piece.kind === :type ? "the type $(piece.name)" : "the constant $(piece.name)"
    push!(package.notices, Notice(piece.file, piece.line, "$what changed, which Julia cannot " *
                                  "take up in a running process", RESTART))
    definition.refused = true
    push!(unapplied, definition)
    return true
end

"Evaluate `definition` and note it as loaded; if that fails, note why. Tells whether it worked."
function apply!(reviser, package::Package, definition::Definition, run, unapplied::Vector{Any})
    before, meant = Base.get_world_counter(), meanings(definition)
    reviser.steps += 1
    try
        run(evaluate_piece, definition)
    catch error
        is_interrupt(error) && rethrow()
        piece = definition.piece
        reason = first(split(error_text(without_load_error(error)), '\n'))
        cure = needs_restart(reason) ? RESTART : RETRIED
        push!(package.notices, Notice(piece.file, piece.line, String(reason), cure))
        push!(unapplied, definition)
        note_redefined!(reviser, definition.home, meant)
        return false
    end
    definition.since, definition.until = before, Base.get_world_counter()
    definition.made = reviser.steps
    note_redefined!(reviser, definition.home, meant)
    push!(package.loaded, definition)
    count_change!(reviser, definition.piece.file)
    definition.piece.kind === :module || return true
    inner = global_value(definition.home, definition.piece.name)
    package.submodules[inner] = true
    children = Any[]
    collect_pieces!(children, package, inner, definition.piece.children)
    foreach(child -> apply!(reviser, package, child, run, unapplied), children)
    return true
end

"Is `reason` what Julia says of a name that cannot come to mean something else?"
needs_restart(reason::AbstractString) =
    occursin(r"redefinition of constant|cannot (declare|define|set type)|invalid assignment", reason)

without_load_error(@nospecialize(error)) =
    error isa LoadError ? without_load_error(error.error) : error

"Evaluate one piece in its module, as if its file were being included. A new module begins empty."
function evaluate_piece(definition::Definition)
    piece = definition.piece
    expression = piece.expression
    if piece.kind === :module
        whole = module_expression(expression)
        expression = Expr(:module, whole.args[1], whole.args[2], Expr(:block))
    end
    place = LineNumberNode(piece.line, Symbol(piece.file))
    # Docs that replace docs are no news.
    Base.CoreLogging.with_logger(Without(Base.CoreLogging.current_logger(), Base.Docs)) do
        task_local_storage(:SOURCE_PATH, piece.file) do
            Core.eval(definition.home, Expr(:toplevel, place, expression))
        end
    end
    return nothing
end

"The logger `inner`, except for what the module `silenced` says."
struct Without <: Base.CoreLogging.AbstractLogger
    inner::Base.CoreLogging.AbstractLogger
    silenced::Module
end

Base.CoreLogging.shouldlog(logger::Without, level, origin, group, id) =
    origin !== logger.silenced &&
    Base.CoreLogging.shouldlog(logger.inner, level, origin, group, id)
Base.CoreLogging.min_enabled_level(logger::Without) =
    Base.CoreLogging.min_enabled_level(logger.inner)
Base.CoreLogging.catch_exceptions(logger::Without) =
    Base.CoreLogging.catch_exceptions(logger.inner)
Base.CoreLogging.handle_message(logger::Without, arguments...; keywords...) =
    Base.CoreLogging.handle_message(logger.inner, arguments...; keywords...)

"""
Undo what `old` did, which is in no file any more.

What has failed to take its place keeps it in effect; what cannot be undone is reported.
"""
function take_away!(reviser, package::Package, old::Definition, added::Vector{Any},
                    unapplied::Vector{Any})
    piece = old.piece
    stands_in = other -> other.home === old.home && other.piece.name == piece.name
    any(stands_in, unapplied) && return nothing
    takes_place = other -> stands_in(other) &&
        binding_kind(other.piece) === binding_kind(piece)
    if piece.kind in (:method, :macro, :other)
        methods = live_methods(package, old)
        delete_methods!(package, methods)
        isempty(methods) || any(takes_place, added) || count_change!(reviser, piece.file)
        if piece.kind !== :other || !isempty(methods) || is_harmless_removal(piece.expression)
            return forget!(package, old)
        end
        reason = "what stood there had an effect that is not undone by removing it"
    elseif piece.kind !== :names && (any(takes_place, added) ||
            any(other -> other !== old && takes_place(other), package.loaded))
        delete_constructors!(package, old)
        return forget!(package, old)
    elseif binding_kind(piece) !== :none && (old.unnamed || unname!(reviser, package, old))
        delete_constructors!(package, old)
        count_change!(reviser, piece.file)
        return forget!(package, old)
    elseif piece.kind === :names
        reason = "`$(piece.expression)` was removed and stays in effect"
    else
        reason = "$(piece.name) was removed and is still defined"
    end
    push!(package.notices, Notice(piece.file, piece.line, reason, RESTART))
    return nothing
end

"Those that the text of `old` had, if it is that of a type."
delete_constructors!(package::Package, old::Definition) =
    old.piece.kind === :type && delete_methods!(package, live_methods(package, old))

forget!(package::Package, old::Definition) =
    filter!(definition -> definition !== old, package.loaded)

"Does nothing stay behind of `part`, apart from methods, that could make an answer wrong?"
function is_harmless_removal(@nospecialize part)
    part isa Expr || return true
    (defines_methods(part) || is_doc(part)) && return true
    return is_effectless(part)
end

"Is `part` a call that leaves nothing behind?"
function is_effectless(@nospecialize part)
    is_expr(part, :call) || is_expr(part, :macrocall) || return false
    called = part.args[1]
    return (is_expr(called, :.) ? called.args[end].value : called) in HARMLESS_TO_REMOVE
end

const HARMLESS_TO_REMOVE = (
    :precompile, :__precompile__, :include_dependency, :println, Symbol("@assert"),
    Symbol("@info"), Symbol("@warn"), Symbol("@debug"), Symbol("@compile_workload"),
    Symbol("@setup_workload"), Symbol("@precompile_all_calls"), Symbol("@precompile_setup"))

defines_methods(@nospecialize part) = part isa Expr &&
    (part.head === :function || part.head === :(=) && is_signature(part.args[1]) ||
     any(defines_methods, part.args))

"""
Where one signature is defined twice the last counts. A change to one of them may have put the wrong
one in effect; evaluate all of the name in order then.
"""
function restore_replaced!(reviser, package::Package, wanted::Vector{Any}, touched::Vector{Any},
                           run, unapplied::Vector{Any})
    for definition in unique_names(touched)
        group = filter(other -> other.piece.kind === :method && other.home === definition.home &&
                       other.piece.name == definition.piece.name, package.loaded)
        any(other -> is_hidden(package, other), group) || continue
        order = [findfirst(other -> other.home === each.home && other.piece.key == each.piece.key,
                           wanted) for each in group]
        any(isnothing, order) && continue
        replaced = Any[]
        foreach(each -> renew!(reviser, package, each, run, unapplied, replaced),
                group[sortperm(order)])
        retire!(package, replaced)
    end
end

"Delete the methods of what was evaluated again."
function retire!(package::Package, replaced::Vector{Any})
    for old in replaced
        delete_methods!(package, live_methods(package, old))
        forget!(package, old)
    end
end

unique_names(touched::Vector{Any}) =
    unique(each -> (each.home, each.piece.name), filter(each -> each.piece.kind === :method, touched))
