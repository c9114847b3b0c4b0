# One line that says what a value is, for an agent that did not ask to see the value.

"The most characters of the line."
const LINE_LIMIT = 100
"The most elements of a collection that is shown by its elements and not by its size."
const FEW = 16
"Nanoseconds from its first print after which a `show` that goes on printing is stopped."
const LINE_TIME = UInt64(2_000_000_000)

"Stops whoever prints more than a line."
struct LineIsFull <: Exception end

"""
An output stream that takes the first line of what is printed, and stops the printing after that.

So a `show` without an end has one here, and one that makes a long text is stopped early.
"""
mutable struct LineIO <: IO
    bytes::Frame
    stops::UInt64
    is_full::Bool
end

# The time counts from the first print, because before that `show` may have to be compiled.
LineIO() = LineIO(Frame(), typemax(UInt64), false)

function Base.write(io::LineIO, byte::UInt8)
    stop_if_late(io)
    if byte == UInt8('\n') || byte == UInt8('\r')
        # The line ends before it, unless it has not begun.
        isempty(io.bytes) && return 1
        io.is_full = true
    end
    length(io.bytes) < 4 * (LINE_LIMIT + 1) || (io.is_full = true)
    io.is_full && throw(LineIsFull())
    push!(io.bytes, byte)
    return 1
end

function Base.unsafe_write(io::LineIO, data::Ptr{UInt8}, count::UInt)
    # Also if it prints nothing, again and again.
    stop_if_late(io)
    foreach(index -> write(io, unsafe_load(data, index)), 1:Int(count))
    return Int(count)
end

function stop_if_late(io::LineIO)
    now = time_ns()
    io.stops == typemax(UInt64) && (io.stops = now + LINE_TIME)
    now < io.stops && return nothing
    io.is_full = true
    throw(LineIsFull())
end

"""
The fields that say in a line what `value` is: `summary`, and `partial` if there is more to show.

Nothing that takes long is done for it: of a large collection its size is told. Only an interrupt
gets out of here.
"""
function summary_fields(@nospecialize(value))
    text, partial = try
        summary_line(value)
    catch error
        error isa InterruptException && rethrow()
        "a $(type_name(value)), whose show fails: $(error_text(error))", false
    end
    # What cannot be printed or ends a line would not be one line.
    text = strip(map(character -> isprint(character) ? character : ' ', text))
    isempty(text) && ((text, partial) = (type_name(value), true))
    if length(text) > LINE_LIMIT
        text, partial = first(text, LINE_LIMIT - 1) * "…", true
    end
    fields = Field[Field("summary", String(text))]
    return partial ? push!(fields, Field("partial", "1")) : fields
end

const PLAIN = Union{Bool,Base.BitInteger,Base.IEEEFloat,Char,Symbol,Missing,VersionNumber,
                    Rational{Int},Complex{Float64}}
const TEXT = Union{String,SubString{String}}

"The line for `value`, which may be too long, and whether there is more of it to show."
function summary_line(@nospecialize(value))
    value isa PLAIN && return shown_plainly(value), false
    value isa TEXT && return text_line(value)
    has_few_plain(value) && return elements_text(value), false
    value isa Union{Tuple,NamedTuple} && return tuple_line(value)
    # As `summary` has it, which would be compiled for each type of elements.
    value isa Array && return "$(size_words(value)) $(type_name(value))", !isempty(value)
    # Its decimal digits take long to find.
    value isa BigInt && abs(value.size) > LINE_LIMIT && return "a BigInt of many digits", true
    if value isa Union{Function,Type,Module}
        return line_of(io -> Base.invokelatest(show, io, MIME("text/plain"), value))
    end
    context = IOContext{LineIO}
    if value isa Union{AbstractArray,AbstractDict,AbstractSet} && !(value isa AbstractRange) ||
            has_own_method(summary, (typeof(value),), (Any,)) ||
            has_own_method(summary, (context, typeof(value)), (context, Any))
        is_empty = value isa Union{AbstractDict,AbstractSet} && isempty(value)
        return line_of(io -> Base.invokelatest(summary, io, value))[1], !is_empty
    end
    as_text = MIME"text/plain"
    own_text = has_own_method(show, (context, as_text, typeof(value)), (context, as_text, Any))
    if own_text && !has_own_method(show, (context, typeof(value)), (context, Any))
        # What it has been given words for, and not its insides.
        line, _ = line_of(io -> Base.invokelatest(show, io, MIME("text/plain"), value))
        return chopped(line), true
    end
    line, is_cut = line_of(io -> Base.invokelatest(show, io, value))
    return line, is_cut || own_text || any(type -> shows_as(type, value), IMAGE_TYPES)
end

"What `show` prints, in the type of stream for which Julia has it compiled."
function shown_plainly(@nospecialize(value))
    buffer = IOBuffer()
    Base.invokelatest(show, rendering_context(buffer), value)
    return String(take!(buffer))
end

function text_line(text::TEXT)
    ncodeunits(text) <= LINE_LIMIT && return shown_plainly(String(text)), false
    beginning = shown_plainly(String(first(text, LINE_LIMIT)))
    return "a $(typeof(text)) of $(ncodeunits(text)) bytes: $beginning", true
end

"The first line that `print_it(io)` prints, and whether it has printed more."
function line_of(@nospecialize(print_it))
    io = LineIO()
    try
        print_it(rendering_context(io))
    catch error
        # It may come wrapped in another exception.
        (io.is_full && !(error isa InterruptException)) || rethrow()
    end
    return String(copy(io.bytes)), io.is_full
end

chopped(line::String) = endswith(line, ':') ? String(chop(line)) : line

size_words(array::Array) =
    ndims(array) == 1 ? "$(length(array))-element" : join(map(string, size(array)), "×")

"A collection of Base's own whose few elements are numbers, texts and the like?"
function has_few_plain(@nospecialize(value))
    value isa Union{Vector,Matrix,Dict,Set} && 0 < length(value) <= FEW || return false
    value isa Dict && return is_plain_type(keytype(value)) && is_plain_type(valtype(value))
    is_plain_type(eltype(value)) || return false
    return value isa Set || all(index -> isassigned(value, index), 1:length(value))
end

is_plain_type(@nospecialize(type)) =
    type isa Type && type !== Union{} && type <: Union{PLAIN,TEXT,Nothing}

"""
A collection that has few plain elements as `show` prints it.

Julia would compile that for each type of collection; this, once.
"""
function elements_text(@nospecialize(value))
    texts = String[value isa Dict ? "$(shown_plainly(element[1])) => $(shown_plainly(element[2]))" :
                   shown_plainly(element) for element in value]
    value isa Dict && return "Dict($(join(texts, ", ")))"
    value isa Set && return "Set([$(join(texts, ", "))])"
    told = eltype(value) in (Bool, Int, Float64, String, Char, Symbol)
    prefix = told ? "" : string(eltype(value))
    value isa Vector && return "$prefix[$(join(texts, ", "))]"
    rows = size(value, 1)
    return "$prefix[$(join(Any[join(texts[row:rows:end], " ") for row in 1:rows], "; "))]"
end

"The lines for the elements of a tuple, as far as they fit."
function tuple_line(@nospecialize(value))
    names = value isa NamedTuple ? keys(value) : ()
    text, partial = "(", false
    for index in 1:length(value)
        index == 1 || (text *= ", ")
        isempty(names) || (text *= "$(names[index]) = ")
        element, is_partial = summary_line(getfield(value, index))
        text *= element
        partial |= is_partial
        length(text) > LINE_LIMIT && break
    end
    return text * (length(value) == 1 ? ",)" : ")"), partial
end

"""
Has `f` a method of its own for the types `own`, and not the one for `general`?

What Base itself has for its types says little more than the general one.
"""
function has_own_method(@nospecialize(f), @nospecialize(own), @nospecialize(general))
    try
        method = which(f, own)
        return method !== which(f, general) && !(Base.moduleroot(method.module) in (Base, Core))
    catch
        # Two methods fit equally well.
        return false
    end
end
