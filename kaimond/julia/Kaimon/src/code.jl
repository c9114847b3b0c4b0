# From an agent's text to expressions, with the meaning it would have at the REPL.

"Code that does not parse; `message` says why and where."
struct SyntaxProblem <: Exception
    message::String
end

Base.showerror(io::IO, problem::SyntaxProblem) = print(io, problem.message)

"""
The expression that evaluates the whole of `code`, or nothing if there is only white space.

A SyntaxProblem if any part of it does not parse, so that nothing of it runs then.
"""
function parse_code(code::String, filename::String)
    parsed = Base.parse_input_line(code; filename=filename)
    problem = parser_error(parsed)
    problem === nothing && return soft_scope(parsed)
    throw(SyntaxProblem(Base.invokelatest(syntax_message, problem, code, filename)))
end

"""
Mark `parsed` for the REPL's soft scope, in which a loop may assign to a global.

Written here rather than taken from REPL, which left the system image in 1.11: loading it would
cost every session's start more than this function is worth.
"""
function soft_scope(@nospecialize parsed)
    parsed isa Expr || return parsed
    if parsed.head === :toplevel
        marked = Expr(:toplevel)
        for part in parsed.args
            push!(marked.args, soft_scope(part))
        end
        return marked
    end
    has_no_scope = parsed.head in (:meta, :import, :using, :export, :public, :module, :thunk) ||
        (parsed.head === :global && all(name -> name isa Symbol, parsed.args))
    return has_no_scope ? parsed : Expr(:block, Expr(:softscope, true), parsed)
end

"""
What Julia says about `problem`, and where it is.

From 1.10 on the parser words both itself. Before, it gives a sentence, and the place is where
parsing statement by statement gets stuck.
"""
function syntax_message(@nospecialize(problem), code::String, filename::String)
    problem isa Exception && return sprint(showerror, problem)
    message = problem isa AbstractString ? "syntax: " * problem : string("syntax: ", problem)
    position = error_position(code)
    position === nothing && return message
    line = count(isequal('\n'), SubString(code, 1, prevind(code, position))) + 1
    line_start = something(findprev(isequal('\n'), code, prevind(code, position)), 0) + 1
    column = length(code, line_start, position)
    return "$message\nat $filename:$line:$column"
end

"The index in `code` of the last word or sign that the parser read before it gave up, or nothing."
function error_position(code::String)
    position = 1
    while position <= ncodeunits(code)
        parsed, next = Meta.parse(code, position; raise=false, depwarn=false)
        if parser_error(parsed) !== nothing
            last_read = thisind(code, clamp(next - 1, 1, ncodeunits(code)))
            # Trailing line ends are read too, but the trouble is before them.
            return word_start(code, something(findprev(!isspace, code, last_read), last_read))
        end
        next > position || return nothing
        position = next
    end
    return nothing
end

"Where the word around `position` begins; `position` if there is none."
function word_start(code::String, position::Int)
    Base.is_id_char(code[position]) || return position
    before = findprev(!Base.is_id_char, code, position)
    return before === nothing ? 1 : nextind(code, before)
end

"""
Does `code`, which parses, end in a semicolon that hides the value, as at the REPL?

A semicolon counts if only white space and comments follow it, and if it is not part of a string
or comment itself. The parser knows the latter: up to a semicolon that ends a statement the code is
complete, and a closing parenthesis in its place is an error (in a line comment it would be none).
REPL has a function for this, but it is not loaded for it, and before 1.12 it is deceived by
comments and strings.
"""
function hides_value(code::String)
    position = findfirst(isequal(';'), code)
    while position !== nothing
        if is_blank(code, position + 1)
            before = code[1:prevind(code, position)]
            if is_complete(before)
                is_complete(before * ")") || return true
                # In a line comment. Unless a block comment seems to open on the rest of the line,
                # everything after that line is blank either way.
                rest = findnext(isequal('\n'), code, position)
                rest = something(rest, lastindex(code))
                occursin("#=", SubString(code, position, rest)) || return false
            end
        end
        position = findnext(isequal(';'), code, position + 1)
    end
    return false
end

is_complete(code::String) = parser_error(Base.parse_input_line(code; filename="none")) === nothing

"Is there nothing but white space and comments in `code` from `position` on?"
is_blank(code::String, position::Int) = blank_end(code, position) > ncodeunits(code)

"""
Where white space and comments end in `code`, from `position` on; past its end if they never do.

A block comment that does not end counts from where it begins.
"""
function blank_end(code::String, position::Int)
    depth = began = 0
    while position <= ncodeunits(code)
        character = code[position]
        following = nextind(code, position)
        next_character = following <= ncodeunits(code) ? code[following] : '\0'
        if character == '#' && next_character == '='
            depth == 0 && (began = position)
            depth += 1
            following = nextind(code, following)
        elseif depth > 0
            if character == '=' && next_character == '#'
                depth -= 1
                following = nextind(code, following)
            end
        elseif character == '#'
            line_end = findnext(isequal('\n'), code, position)
            line_end === nothing && return ncodeunits(code) + 1
            following = line_end + 1
        elseif !isspace(character)
            return position
        end
        position = following
    end
    return depth == 0 ? position : began
end
