# Loads the package next to this file as a root module, so that a later `using Kaimon` that finds
# the package finds this very module. Main gets no name from us (hence no closures here: their types
# would be named in Main), and the user's load path and depots are as before.
#
# From a cache of ours if the daemon names one (see precompile.jl), and it fits; else the way
# Base.require loads a package without a cache file: its module is evaluated in Base.__toplevel__
# while that carries the package's UUID.
let top = Base.__toplevel__,
    id = Base.PkgId(Base.UUID("a21192e0-c747-40e2-a203-a8df58b0ebbe"), "Kaimon"),
    before = ccall(:jl_module_uuid, NTuple{2,UInt64}, (Any,), top),
    cache = get(ENV, "KAIMON_CACHE", ""),
    load_path = copy(LOAD_PATH),
    depots = copy(DEPOT_PATH)

    if isdir(cache) && !Base.root_module_exists(id)
        try
            # Nothing else than ours and Julia's own is looked at: less to read, and no project or
            # depot of the user's can be in the way.
            append!(empty!(LOAD_PATH), [dirname(@__DIR__), "@stdlib"])
            append!(empty!(DEPOT_PATH),
                    [cache, abspath(Sys.BINDIR, Base.DATAROOTDIR, "julia")])
            # One that does not fit would be made anew here, while somebody waits.
            Base.isprecompiled(id) && Base.require(id)
        catch error
            println(Core.stderr, "kaimon: the precompiled gate could not be loaded: ", error)
        finally
            append!(empty!(LOAD_PATH), load_path)
            append!(empty!(DEPOT_PATH), depots)
        end
    end
    if !Base.root_module_exists(id)
        ccall(:jl_set_module_uuid, Cvoid, (Any, NTuple{2,UInt64}), top, id.uuid)
        try
            Base.include(top, joinpath(@__DIR__, "src", "Kaimon.jl"))
        finally
            ccall(:jl_set_module_uuid, Cvoid, (Any, NTuple{2,UInt64}), top, before)
        end
    end
    Base.root_module(id)
end
