"""
    moving_average(values, width)

Average each value with its neighbours, `width` values in all (an odd number). Near the ends there
are fewer neighbours, and the average is over those that exist.
"""
function moving_average(values::AbstractVector{<:Real}, width::Integer)
    isodd(width) && width > 0 || throw(ArgumentError("width must be odd and positive, not $width"))
    half = width ÷ 2
    return map(eachindex(values)) do i
        window = values[max(begin, i - half):min(end, i + half)]
        sum(window) / length(window)
    end
end
