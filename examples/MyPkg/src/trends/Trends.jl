"""
    MyPkg.Trends

Where the temperature is going.
"""
module Trends

using Dates
using ..MyPkg: Reading

include("smoothing.jl")

"""
    slope(readings)

Return the straight-line trend of the readings in degrees Celsius per hour (least squares).
"""
function slope(readings::AbstractVector{Reading})
    length(readings) >= 2 || throw(ArgumentError("a trend needs at least two readings"))
    start = first(readings).at
    hours = [Dates.value(reading.at - start) / 3_600_000 for reading in readings]
    degrees = [reading.celsius for reading in readings]
    hours = hours .- sum(hours) / length(hours)
    return sum(hours .* degrees) / sum(abs2, hours)
end

end
