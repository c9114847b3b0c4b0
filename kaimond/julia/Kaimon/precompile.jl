# Run by kaimond: `julia [flags] precompile.jl DIRECTORY` makes the cache that load.jl loads from, in
# a depot of its own. Exits with an error if it cannot be made.
let id = Base.PkgId(Base.UUID("a21192e0-c747-40e2-a203-a8df58b0ebbe"), "Kaimon")
    append!(empty!(LOAD_PATH), [dirname(@__DIR__), "@stdlib"])
    append!(empty!(DEPOT_PATH), [ARGS[1], abspath(Sys.BINDIR, Base.DATAROOTDIR, "julia")])
    made = Base.compilecache(id)
    made isa Exception && throw(made)
end
