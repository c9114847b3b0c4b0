# Packages that Revise follows: it is told of every changed file, and looked at after it has worked.

revise_module() = get(Base.loaded_modules, REVISE, nothing)

"Revise and its version, as its project file tells it."
function revise_name()
    try
        project = joinpath(dirname(dirname(pathof(revise_module()))), "Project.toml")
        return "Revise " * match(r"^version *= *\"([^\"]+)\""m, read(project, String))[1]
    catch
        return "Revise"
    end
end

"""
A package that Revise follows.

- `data`: Revise's own record of it.
- `files`: by path, those that Revise follows or has followed, with the text it took up last.
- `untracked`, `notices`, `lasting`: as of a `Package`.
"""
mutable struct RevisedPackage
    name::String
    data::Any
    files::Dict{String,Any}
    untracked::Vector{String}
    notices::Vector{Any}
    lasting::Vector{Any}
end

package_id(package::RevisedPackage) = package.data.info.id

"The package `id` as Revise follows it, or nothing if it does not."
function revised_package(id::Base.PkgId, top::Module, since::Float64)
    revise = revise_module()
    data = revise === nothing ? nothing : get(revise.pkgdatas, id, nothing)
    data === nothing && return nothing
    cache, uncertain = cache_file(id, top), String[]
    package = RevisedPackage(id.name, data, Dict{String,Any}(), String[], Any[], Any[])
    for path in revised_paths(package)
        package.files[path] = as_loaded(path, cache, since, uncertain)
    end
    for path in uncertain
        push!(package.lasting, Notice(path, 0, "it changed while $(id.name) was being loaded",
                                      ONLY_RESTART))
    end
    return package
end

revised_paths(package::RevisedPackage) =
    String[revised_path(package, name) for name in package.data.info.files]

revised_path(package::RevisedPackage, name) =
    normpath(joinpath(package.data.info.basedir, String(name)))

"What Revise's queue and tables call the file at `path`, or nothing if it is in no table."
function queue_entry(package::RevisedPackage, path::String)
    for name in package.data.info.files
        revised_path(package, name) == path && return (package.data, name)
    end
    return nothing
end

"Has Revise noticed nothing, and does it know of nothing that is left to do?"
function revise_is_idle()
    revise = revise_module()
    return revise === nothing || isempty(revise.revision_queue) && isempty(revise.queue_errors)
end

"Times that Revise is called for files that change while it is at work."
const REVISE_ATTEMPTS = 3

"""
Have Revise take up every file of its packages that looks changed, whether it has noticed or not,
and try again what may work now.

Without a changed file, and with nothing in its queue, Revise is not called: a call takes 10 ms.
"""
function take_up_by_revise!(reviser::Reviser, @nospecialize(run), thorough::Bool)
    revise = revise_module()
    revise === nothing && return nothing
    for (entry, problem) in revise.queue_errors
        revise_notice("", problem[1]).cure == RETRIED && push!(revise.revision_queue, entry)
    end
    for attempt in 1:REVISE_ATTEMPTS
        changed = Any[]
        foreach(package -> queue_changes!(changed, package, revise, thorough), reviser.revised)
        thorough = false
        isempty(revise.revision_queue) && break
        reviser.revision += 1
        run(call_revise, revise)
        for (_, file) in changed
            any(entry -> entry[1] == file.path, reviser.reloaded) ||
                push!(reviser.reloaded, (file.path, 0))
        end
        any(((_, file),) -> Stamp(file.path) != file.stamp, changed) || break
    end
    foreach(package -> judge!(package, revise), reviser.revised)
    foreach(package -> filter!(entry -> !is_stale(package, entry[1]), reviser.reloaded),
            reviser.revised)
    return nothing
end

is_stale(package::RevisedPackage, path::String) =
    any(notice -> notice.file == path, package.notices)

"Revise, without its own report of errors: it is told at the end of every answer."
call_revise(revise::Module) = Base.CoreLogging.with_logger(
    () -> Base.invokelatest(revise.revise), Without(Base.CoreLogging.current_logger(), revise))

"""
Put into Revise's queue what looks changed, and append it to `changed`.

If nothing but a missing file has changed, it may be about to be written anew, as some editors do.
Revise would drop it for ever, so it is kept from Revise until something else changes, too.
"""
function queue_changes!(changed::Vector{Any}, package::RevisedPackage, revise::Module,
                        thorough::Bool)
    for path in revised_paths(package)
        haskey(package.files, path) || (package.files[path] = SourceFile(path))
    end
    found, missing_ones = Any[], Any[]
    for each in values(package.files)
        file = each::SourceFile
        stamp, pieces = file.stamp, file.pieces
        if thorough || looks_changed(file)
            thorough && (file.settled = false)
            other = reread!(file)
            other && note_meanings!(package, revise, file, pieces)
            # The times tell of a text that was there in between, and that Revise may have seen.
            moved = stamp != NO_STAMP && file.stamp != stamp
            (other || moved || thorough) && file.text !== nothing && push!(found, file)
        end
        file.text === nothing && push!(missing_ones, file)
    end
    for file in missing_ones
        entry = queue_entry(package, file.path)
        entry === nothing && continue
        isempty(found) ? delete!(revise.revision_queue, entry) : push!(revise.revision_queue, entry)
    end
    for file in found
        entry = queue_entry(package, file.path)
        entry === nothing || push!(revise.revision_queue, entry)
        push!(changed, (package, file))
    end
end

"""
Note what goes on with what changed names of `file` meant `before`, of which Revise says nothing.

Before 1.12 that is all code that was compiled with a constant, and Revise cannot change a type. From
then on it is what was made from a constant or a type when it was evaluated.
"""
function note_meanings!(package::RevisedPackage, revise::Module, file::SourceFile,
                        before::Vector{Any})
    old = meaning_keys!(Dict{Any,Any}(), before, ())
    new = meaning_keys!(Dict{Any,Any}(), file.pieces, ())
    renews_types = isdefined(revise, :__bpart__) && revise.__bpart__[]
    for (place, (kind, key)) in new
        get(old, place, (kind, key)) == (kind, key) && continue
        if can_redefine(kind)
            spared = kind === :type && renews_types ? (:method, :macro, :type) : ()
            note_made_from!(package, file, before, place, spared)
        elseif kind === :const
            note_lasting!(package, Notice(file.path, 0, "the constant $(place[end]) changed, and " *
                                          "code that was compiled before goes on with its old " *
                                          "value", ONLY_RESTART))
        end
    end
end

"Of each name that can mean something else: the kind of its definition, and a hash of its meaning."
function meaning_keys!(found::Dict{Any,Any}, pieces::Vector{Any}, outer::Tuple)
    for piece in pieces
        binding_kind(piece) in (:constant, :global) &&
            (found[(outer..., piece.name)] = (piece.kind, meaning_key(piece)))
        piece.kind === :module && meaning_keys!(found, piece.children, (outer..., piece.name))
    end
    return found
end

"Constructors are not part of what the name of a type means."
function meaning_key(piece::Piece)
    part = piece.expression
    while is_expr(part, :macrocall) && part.args[end] isa Expr
        part = part.args[end]
    end
    is_expr(part, :struct) || return piece.key
    fields = filter(each -> !(each isa LineNumberNode || defines_methods(each)), part.args[3].args)
    return code_key(Expr(:struct, part.args[1:2]..., fields...))
end

"What stands as it did `before` and was made from what `place` meant, except for the kinds `spared`."
function note_made_from!(package::RevisedPackage, file::SourceFile, before::Vector{Any},
                         place::Tuple, spared)
    for other in values(package.files), (outer, piece) in placed_pieces!(Any[], other.pieces, ())
        gives_it = binding_kind(piece) in (:constant, :global) && piece.name === place[end]
        passed_over = gives_it || piece.kind in (:module, :names, :include, spared...)
        (passed_over || outer != place[1:end - 1]) && continue
        other === file && !any(entry -> entry[1] == outer && entry[2].key == piece.key,
                               placed_pieces!(Any[], before, ())) && continue
        words, qualified = Set{Any}(), Set{Any}()
        evaluated_words!(words, qualified, piece)
        (place[end] in words || place[end] in qualified) &&
            note_lasting!(package, Notice(other.path, piece.line, "it was made from what " *
                                          "$(place[end]) was before that changed, and Revise " *
                                          "leaves it as it is", ONLY_RESTART))
    end
end

function placed_pieces!(found::Vector{Any}, pieces::Vector{Any}, outer::Tuple)
    for piece in pieces
        push!(found, (outer, piece))
        piece.kind === :module && placed_pieces!(found, piece.children, (outer..., piece.name))
    end
    return found
end

"Note what of `package` is not current, from what Revise tells and what is on the disk."
function judge!(package::RevisedPackage, revise::Module)
    package.notices = copy(package.lasting)
    for (path, file) in collect(package.files)
        entry = queue_entry(package, path)
        if file.problem !== nothing && (entry !== nothing || file.text !== nothing)
            push!(package.notices, Notice(path, file.problem.line, file.problem.reason,
                                          file.problem.line == 0 ? RESTORE : CORRECT))
        elseif entry === nothing && file.text !== nothing
            push!(package.notices, Notice(path, 0, "Revise no longer follows it since it was " *
                                          "missing", ONLY_RESTART))
        elseif entry === nothing
            delete!(package.files, path)
        elseif haskey(revise.queue_errors, entry)
            push!(package.notices, revise_notice(path, revise.queue_errors[entry][1]))
        end
    end
end

"What Revise could not take up beside the packages that are followed, as files of `includet`."
function other_revise_lines(reviser::Reviser)
    lines, revise = String[], revise_module()
    revise === nothing && return lines
    for ((data, name), problem) in revise.queue_errors
        any(package -> package.data === data, reviser.revised) && continue
        path = normpath(joinpath(data.info.basedir, String(name)))
        notice = revise_notice(path, problem[1])
        push!(lines, "$(shown_path(path)): $(notice.reason); $(notice.cure)")
    end
    return lines
end

"What Revise could not do with the file at `path`. Its own exceptions hold the place and the cause."
function revise_notice(path::String, @nospecialize(error))
    line = hasproperty(error, :line) ? error.line : 0
    if hasproperty(error, :loc)
        told = match(r":(\d+)$", string(error.loc))
        told === nothing || (line = parse(Int, told[1]))
    end
    cause = hasproperty(error, :exc) ? error.exc : hasproperty(error, :error) ? error.error : error
    reason = first_line(cause)
    cure = needs_restart(reason) ? RESTART :
        occursin("syntax:", reason) ? CORRECT : RETRIED
    return Notice(path, line, "Revise: " * reason, cure)
end
