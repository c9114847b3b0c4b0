"""
    @or_missing expression

Evaluate `expression`; if its input turns out to be malformed (an `ArgumentError`), give `missing`
instead of failing. Other errors are not touched.

```julia
julia> @or_missing parse(Int, "12")
12

julia> @or_missing parse(Int, "twelve")
missing
```
"""
macro or_missing(expression)
    return quote
        try
            $(esc(expression))
        catch error
            error isa ArgumentError || rethrow()
            missing
        end
    end
end
