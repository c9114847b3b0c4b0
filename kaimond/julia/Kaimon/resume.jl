# Loaded with `-L`, after the startup files, by a process that executed Julia anew to restart a
# joined session: its gate opens again, under the same key.
Base.invokelatest(include(joinpath(@__DIR__, "load.jl")).resume)
