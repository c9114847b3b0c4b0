# What a package was loaded from, which is not always what is on the disk when we first look.

"Seconds that the times of files may lag behind the clock."
const CLOCK_LAG = 0.02

"""
The package `id`, which was loaded as `top` from `root` at some time after `since`.

The cache file that a package is loaded from holds its source text; what differs from that has
changed since. Without one, a file that has not changed after `since` is what was loaded. Of one
that has, nobody can tell: its methods are evaluated anew, and what cannot be is reported.
"""
function track(id::Base.PkgId, top::Module, root::String, since::Float64)
    cache = cache_file(id, top)
    uncertain = String[]
    package = Package(id.name, top, root, path -> as_loaded(path, cache, since, uncertain))
    follow_submodules!(package, top)
    loaded = Base.invokelatest(definitions, package)
    world = Base.get_world_counter()
    what, cure = in_system_image(id) ? ("since the system image was made", REBUILD) :
        ("while $(id.name) was being loaded", ONLY_RESTART)
    for definition in loaded
        definition.since, definition.until = UInt(0), world
        path = definition.piece.file
        path in uncertain || (push!(package.loaded, definition); continue)
        if definition.piece.kind in (:type, :const, :module)
            push!(package.loaded, definition)
            definition.piece.kind === :module || push!(package.lasting, Notice(
                path, definition.piece.line, "it changed $what, and which of the two " *
                "$(definition.piece.name) is from is unknown", cure))
        end
    end
    package.pending = !isempty(uncertain)
    package.opener = new_file
    return package
end

"A file that was not there when the package was loaded: all of it is new."
function new_file(path::String)
    file = SourceFile(path)
    reread!(file)
    return file
end

function as_loaded(path::String, cache::Union{Nothing,String}, since::Float64,
                   uncertain::Vector{String})
    file = SourceFile(path)
    text = cache === nothing ? nothing : cached_text(cache, path)
    if text !== nothing
        take_text!(file, text)
        return file
    end
    reread!(file)
    max(file.stamp.modified, file.stamp.changed) > since - CLOCK_LAG && push!(uncertain, path)
    return file
end

"The text of `path` that the cache file holds, or nothing."
function cached_text(cache::String, path::String)
    try
        return Base.read_dependency_src(cache, path)::String
    catch
        return nothing
    end
end

"Remember `home` and the modules within, all of them loaded with the package."
function follow_submodules!(package::Package, home::Module)
    package.submodules[home] = true
    for name in names(home; all=true)
        inner = global_value(home, name)
        inner isa Module && parentmodule(inner) === home && !haskey(package.submodules, inner) &&
            follow_submodules!(package, inner)
    end
end
