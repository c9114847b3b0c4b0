# Started by kaimond as the program file of a session: `julia [flags] --project=P boot.jl`.
Base.invokelatest(include(joinpath(@__DIR__, "load.jl")).run_managed)
