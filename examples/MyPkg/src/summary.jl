"""
    Summary

What [`summarize`](@ref) found: the number of readings, the first and the last day, and the lowest,
mean and highest temperature in degrees Celsius.
"""
struct Summary
    count::Int
    first::Date
    last::Date
    lowest::Float64
    mean::Float64
    highest::Float64
end

"""
    summarize(readings)

Summarize a vector of [`Reading`](@ref)s. There must be at least one.
"""
function summarize(readings::AbstractVector{Reading})
    isempty(readings) && throw(ArgumentError("there are no readings to summarize"))
    days = [Date(reading.at) for reading in readings]
    degrees = [reading.celsius for reading in readings]
    mean = sum(degrees) / length(degrees)
    return Summary(length(readings), extrema(days)..., minimum(degrees), mean, maximum(degrees))
end

function Base.show(io::IO, ::MIME"text/plain", summary::Summary)
    println(io, "Summary of $(summary.count) readings, $(summary.first) to $(summary.last)")
    @printf(io, "  lowest  %5.1f °C\n", summary.lowest)
    @printf(io, "  mean    %5.1f °C\n", summary.mean)
    @printf(io, "  highest %5.1f °C", summary.highest)
end
