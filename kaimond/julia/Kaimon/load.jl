# Loads the package next to this file as a root module, so that a later `using Kaimon` that finds
# the package finds this very module. Main gets no name from us (hence no closures here: their types
# would be named in Main), and the user's load path and depots are as before.
#
# It is loaded from a cache of ours if the daemon names one (see precompile.jl) and it fits, else from
# its source. Without loops and calls of C, Julia does not compile what stands here; that would take
# longer than all of it. So would Base.isprecompiled and Base.require, which makes a cache that does not
# fit anew while somebody waits; what is called instead is the part of the latter that loads.
let id = Base.PkgId(Base.UUID("a21192e0-c747-40e2-a203-a8df58b0ebbe"), "Kaimon"),
    cache = get(ENV, "KAIMON_CACHE", ""),
    source = joinpath(@__DIR__, "src", "Kaimon.jl"),
    # From 1.11 on it is told whether to check that the cache fits.
    check = VERSION >= v"1.11-" ? (true,) : (),
    load_path = copy(LOAD_PATH),
    depots = copy(DEPOT_PATH)

    if isdir(cache) && !Base.root_module_exists(id)
        try
            # Nothing else than ours and Julia's own is looked at: less to read, and no project or
            # depot of the user's can be in the way.
            append!(empty!(LOAD_PATH), [dirname(@__DIR__), "@stdlib"])
            append!(empty!(DEPOT_PATH),
                    [cache, abspath(Sys.BINDIR, Base.DATAROOTDIR, "julia")])
            Base.@lock Base.require_lock Base._require_search_from_serialized(
                id, source, UInt128(0), check...)
        catch error
            println(Core.stderr, "kaimon: the precompiled gate could not be loaded: ", error)
        finally
            append!(empty!(LOAD_PATH), load_path)
            append!(empty!(DEPOT_PATH), depots)
        end
    end
    Base.root_module_exists(id) || include(joinpath(@__DIR__, "load_source.jl"))
    Base.root_module(id)
end
