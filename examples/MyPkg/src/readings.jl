"""
    Reading(at, celsius)

One temperature, in degrees Celsius, and the time at which it was taken.
"""
struct Reading
    at::DateTime
    celsius::Float64
end

"""
    parse_reading(line)

Parse a line such as `2026-03-01T06:00:00 -1.4C` or `2026-03-01T06:00:00 29.5F`.

Throw an `ArgumentError` if the line is anything else.
"""
function parse_reading(line::AbstractString)
    words = split(line)
    length(words) == 2 || throw(ArgumentError("expected a time and a temperature: $(repr(line))"))
    at = DateTime(words[1])
    degrees = parse(Float64, words[2][1:prevind(words[2], end)])
    scale = words[2][end]
    scale == 'C' && return Reading(at, degrees)
    scale == 'F' && return Reading(at, to_celsius(degrees))
    throw(ArgumentError("unknown scale $(repr(scale)): $(repr(line))"))
end

"""
    read_log(path)

Read all readings of a log, oldest first. Empty lines, comments (`#`) and malformed lines are left
out; how many were malformed is told by a warning.
"""
function read_log(path::AbstractString)
    lines = filter(line -> !isempty(line) && !startswith(line, '#'), strip.(readlines(path)))
    parsed = [@or_missing(parse_reading(line)) for line in lines]
    readings = Reading[reading for reading in parsed if reading !== missing]
    malformed = length(parsed) - length(readings)
    malformed == 0 || @warn "$(malformed) malformed line(s) left out" path
    return sort!(readings; by = reading -> reading.at)
end
