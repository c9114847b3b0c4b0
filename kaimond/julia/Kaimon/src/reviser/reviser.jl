"""
Keeps the packages that are loaded from a path as their files are: the project, and what it is
developed with. Packages of a depot and the standard library do not change.

Nothing here can be interrupted but the evaluation of changed code, and what is noted is noted after
each piece, so that an interrupt leaves work undone but nothing wrong.

- `packages`: those followed, as `Package`s.
- `seen`: all modules looked at.
- `modules`: how many are loaded.
- `looked`: when that was; what is found next time was loaded later.
- `reloaded`: (file, number of definitions) of what was taken up for the evaluation that runs.
- `trouble`: what went wrong in here, \"\" if nothing did.
"""
mutable struct Reviser
    packages::Vector{Any}
    seen::IdDict{Any,Any}
    modules::Int
    looked::Float64
    reloaded::Vector{Any}
    trouble::String
end

Reviser() = Reviser(Any[], IdDict{Any,Any}(), 0, time(), Any[], "")

"""
Take up what changed in the files of all packages. `run(f, x)` is to call `f(x)` so that it can be
interrupted; whatever that throws leaves here only if it is an interrupt.
"""
function take_up_changes!(reviser::Reviser, run)
    empty!(reviser.reloaded)
    find_packages!(reviser)
    while true
        before = length(reviser.reloaded)
        for each in reviser.packages
            package = each::Package
            reread_files!(package)
            package.pending && Base.invokelatest(bring_up_to_date!, reviser, package, run)
        end
        # What failed may have needed something that another package has only now.
        length(reviser.reloaded) > before || return nothing
        any(package -> package.pending, reviser.packages) || return nothing
    end
end

function reread_files!(package::Package)
    for found in values(package.files)
        # Asserted, because this is what every evaluation costs.
        file = found::SourceFile
        looks_changed(file) && reread!(file) && (package.pending = true)
    end
end

"Begin to follow packages that were loaded since the last look."
function find_packages!(reviser::Reviser)
    now = time()
    if length(Base.loaded_modules) == reviser.modules
        reviser.looked = now
        return nothing
    end
    reviser.modules = length(Base.loaded_modules)
    found = Any[]
    for (id, top) in Base.loaded_modules
        get(reviser.seen, top, false) || push!(found, (id, top))
    end
    for (id, top) in found
        reviser.seen[top] = true
        root = followed_root(id, top)
        root === nothing && continue
        filter!(package -> package.name != id.name, reviser.packages)
        push!(reviser.packages, Base.invokelatest(track, id, top, root, reviser.looked))
    end
    reviser.looked = now
    return nothing
end

"The entry file of the package `top` if its source may change, else nothing."
function followed_root(id::Base.PkgId, top::Module)
    (top === @__MODULE__) && return nothing
    isdir(joinpath(Sys.STDLIB, id.name)) && return nothing
    path = try
        Base.invokelatest(pathof, top)
    catch
        nothing
    end
    path isa AbstractString && isfile(path) || return nothing
    real = realpath(path)
    for depot in DEPOT_PATH
        folder = joinpath(depot, "packages")
        isdir(folder) && startswith(real, joinpath(realpath(folder), "")) && return nothing
    end
    return String(path)
end

function count_change!(reviser::Reviser, file::String)
    index = findfirst(entry -> entry[1] == file, reviser.reloaded)
    if index === nothing
        push!(reviser.reloaded, (file, 1))
    else
        reviser.reloaded[index] = (file, reviser.reloaded[index][2] + 1)
    end
    return nothing
end

"What was taken up, a line per file."
reloaded_lines(reviser::Reviser) =
    String["$(shown_path(file)): $(counted(count, "definition"))"
           for (file, count) in reviser.reloaded]

counted(count::Int, what::String) = count == 1 ? "1 $what" : "$count $(what)s"

"What is not current, a line per file, with the number of further reasons."
function stale_lines(reviser::Reviser)
    lines = String[]
    isempty(reviser.trouble) || push!(lines, reviser.trouble)
    for package in reviser.packages
        files = unique(notice.file for notice in package.notices)
        for file in sort!(collect(files))
            notices = filter(notice -> notice.file == file, package.notices)
            first_one = notices[1]
            place = first_one.line > 0 ? ":$(first_one.line)" : ""
            more = length(notices) > 1 ? " (and $(length(notices) - 1) more)" : ""
            push!(lines, "$(shown_path(file))$place: $(first_one.reason)$more; $(first_one.cure)")
        end
    end
    return lines
end

"`path` from the project's directory, if it is in it."
function shown_path(path::String)
    project = text_or_empty(Base.active_project)
    folder = joinpath(isempty(project) ? pwd() : dirname(project), "")
    return startswith(path, folder) ? path[length(folder) + 1:end] : path
end

"The packages followed and how many files each has; what cannot be followed is named."
function tracked_text(reviser::Reviser)
    texts = String[]
    for package in reviser.packages
        text = "$(package.name) ($(counted(length(package.files), "file"))"
        isempty(package.untracked) ||
            (text *= "; not tracked: " * join(map(shown_path, package.untracked), ", "))
        push!(texts, text * ")")
    end
    return join(texts, ", ")
end
