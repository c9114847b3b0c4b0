# Run by kaimond: `julia [flags] precompile.jl DIRECTORY` makes the cache that the gate is loaded from
# (load.jl), and its terminals (terminal_package.jl), in a depot of its own. Exits with an error if it
# cannot be made.
append!(empty!(LOAD_PATH), [dirname(@__DIR__), "@stdlib"])
append!(empty!(DEPOT_PATH), [ARGS[1], abspath(Sys.BINDIR, Base.DATAROOTDIR, "julia")])
for (uuid, name) in (("a21192e0-c747-40e2-a203-a8df58b0ebbe", "Kaimon"),
                     ("5c7d1f0e-8a3b-4e0d-9b52-6f1a7c2de4b9", "KaimonTerminal"))
    made = Base.compilecache(Base.PkgId(Base.UUID(uuid), name))
    made isa Exception && throw(made)
end
