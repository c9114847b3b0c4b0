# Which packages are to be kept as their files are. All else of the reviser is loaded for the first
# of them: a third of the time that a session takes to start would be the reviser's.

"""
Keeps the packages that are loaded from a path as their files are: the project, and what it is
developed with. Packages of a depot and the standard library do not change.

Nothing here can be interrupted but the evaluation of changed code, and what is noted is noted after
each piece, so that an interrupt leaves work undone but nothing wrong.

- `packages`: those that are followed here, as `Package`s.
- `revised`: those that Revise follows, as `RevisedPackage`s.
- `choice`: who is to follow packages that are found next: \"auto\", \"revise\" or \"builtin\".
- `prepared`: was Revise looked for?
- `listener`: tells whether any file may have changed; nothing before there is one.
- `still`: was everything taken up, and can no file change without the listener's telling?
- `seen`: all modules looked at.
- `modules`: how many are loaded.
- `looked`: when that was; what is found next time was loaded later.
- `reloaded`: (file, number of definitions) of what was taken up for the evaluation that runs; the
  number is 0 if it is not known.
- `trouble`: what went wrong in here, \"\" if nothing did.
- `remarks`: what the user should know of who follows the packages.
- `redefined`: names that came to mean something else, as `Redefined`s.
- `steps`: how often something was evaluated or taken away, which tells what was first.
- `revision`: another one whenever what is followed, or a text of it, may be another one.
"""
mutable struct Reviser
    packages::Vector{Any}
    revised::Vector{Any}
    choice::String
    prepared::Bool
    listener::Any
    still::Bool
    seen::IdDict{Any,Any}
    modules::Int
    looked::Float64
    reloaded::Vector{Any}
    trouble::String
    remarks::Vector{String}
    redefined::Vector{Any}
    steps::Int
    revision::Int
end

Reviser() = Reviser(Any[], Any[], "auto", false, nothing, false, IdDict{Any,Any}(), 0, time(),
                    Any[], "", String[], Any[], 0, 0)

"Is there anything that may have to be taken up?"
follows_any(reviser::Reviser) = !isempty(reviser.packages) || !isempty(reviser.revised) ||
    haskey(Base.loaded_modules, REVISE)

const REVISER_FILES = ("pieces", "files", "quiet", "walk", "live", "macros", "apply", "redefined",
                       "baseline", "taking_up", "foreign", "report", "rehearsal")
const REVISER_LOADED = Ref(false)

"Load what follows packages, unless it is."
function load_reviser()
    REVISER_LOADED[] && return nothing
    for name in REVISER_FILES
        Base.include(@__MODULE__, joinpath(SOURCE, "reviser", name * ".jl"))
    end
    REVISER_LOADED[] = true
    return nothing
end

"Call the function `name` of the reviser's, which did not exist when the caller was compiled."
function in_reviser(name::Symbol, arguments...)
    load_reviser()
    return Base.invokelatest(Base.invokelatest(getfield, @__MODULE__, name), arguments...)
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
        reviser.revision += 1
        reviser.still = false
        since = in_system_image(id) ? image_time() : reviser.looked
        in_reviser(:begin_following!, reviser, id, top, root, since)
    end
    reviser.looked = now
    return nothing
end

"The entry file of the package `top` if its source may change, else nothing."
function followed_root(id::Base.PkgId, top::Module)
    (id == TERMINAL_PACKAGE || top === @__MODULE__) && return nothing
    path = try
        Base.invokelatest(pathof, top)
    catch
        nothing
    end
    path isa AbstractString && isfile(path) || return nothing
    real = realpath(path)
    # By the place, as extensions of the standard library have names of their own, and a package of
    # the library can be developed. A Julia that was built here has links there.
    any(file -> is_below(file, Sys.STDLIB), (path, real)) && return nothing
    any(depot -> is_below(real, joinpath(depot, "packages")), DEPOT_PATH) && return nothing
    return String(path)
end

is_below(path::AbstractString, folder::String) =
    startswith(path, joinpath(folder, "")) ||
    isdir(folder) && startswith(path, joinpath(realpath(folder), ""))

const REVISE = Base.PkgId(Base.UUID("295af30f-e4ad-537b-8983-00126c2a3abe"), "Revise")
