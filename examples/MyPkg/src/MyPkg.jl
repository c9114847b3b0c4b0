"""
    MyPkg

Read the log of a small weather station and say something sensible about it.

```julia
julia> using MyPkg

julia> log = read_log(MyPkg.sample_log());

julia> summarize(log)
Summary of 12 readings, 2026-03-01 to 2026-03-02
  lowest   -1.4 °C
  mean      5.1 °C
  highest  12.8 °C
```
"""
module MyPkg

using Dates
using MyDep
using Printf

export Reading, Summary, greet, parse_reading, read_log, summarize, @or_missing

include("greet.jl")
include("errors.jl")
include("readings.jl")
include("summary.jl")
include("trends/Trends.jl")

"""
    sample_log()

Return the path of the log that comes with the package.
"""
sample_log() = joinpath(dirname(@__DIR__), "data", "station.log")

end
