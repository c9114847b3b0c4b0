# Code with lines of the REPL's other modes among it: `]st` of Pkg's, `?sin` of help.

"""
A part of what is to be evaluated: Julia code, a command of Pkg or a search for help.

`mode` is `:julia`, `:pkg` or `:help`; `line` is the one in which `text` begins.
"""
struct Input
    mode::Symbol
    text::String
    line::Int
end

# No statement of Julia's begins with these signs. A second line of a ternary operator, which is an
# error, shall not be taken for a search.
const PKG_LINE = r"^[ \t]*\][ \t]*([A-Za-z?].*?)[ \t\r]*$"
const HELP_LINE = r"^[ \t]*\?[ \t]*(?!.* : )(\S.*?)[ \t\r]*$"
# Begins a further input of Julia code on a pasted screen.
const PROMPT_LINE = r"^julia> "m
const OTHER_LINE = r"^[ \t]*[\]?]"m

"The inputs that `code` consists of, in order."
function inputs_of(code::String)
    # A line of valid code may begin with a bracket.
    occursin(PROMPT_LINE, code) || (occursin(OTHER_LINE, code) && !is_complete(code)) ||
        return Input[Input(:julia, code, 1)]
    inputs = Input[]
    position = rest = 1
    while (position = blank_end(code, position)) <= ncodeunits(code)
        first, next = line_bounds(code, position)
        line = SubString(code, first, prevind(code, next))
        input = other_input(chomp(line), line_number(code, position))
        if input !== nothing && is_blank(code[first:prevind(code, position)], 1)
            add_julia!(inputs, code, rest, first)
            push!(inputs, input)
            position = rest = next
        elseif first == position && startswith(line, "julia> ")
            add_julia!(inputs, code, rest, first)
            position = rest = first + length("julia> ")
        else
            parsed, position = Meta.parse(code, position; raise=false, depwarn=false)
            # The rest is no code either; parsing it says what is wrong.
            parser_error(parsed) === nothing || break
        end
    end
    return add_julia!(inputs, code, rest, ncodeunits(code) + 1)
end

function other_input(line::AbstractString, number::Int)
    for (mode, pattern) in ((:pkg, PKG_LINE), (:help, HELP_LINE))
        found = match(pattern, line)
        found === nothing || return Input(mode, String(found[1]), number)
    end
    return nothing
end

function add_julia!(inputs::Vector{Input}, code::String, first::Int, next::Int)
    text = code[first:prevind(code, next)]
    return is_blank(text, 1) ? inputs : push!(inputs, Input(:julia, text, line_number(code, first)))
end

"Where the line around `position` begins, and where the next one does."
function line_bounds(code::String, position::Int)
    first = something(findprev(isequal('\n'), code, prevind(code, position)), 0) + 1
    return first, something(findnext(isequal('\n'), code, position), ncodeunits(code)) + 1
end

line_number(code::String, position::Int) =
    count(isequal('\n'), SubString(code, 1, prevind(code, position))) + 1

"""
The expressions that evaluate `inputs`.

A SyntaxProblem if any part of them does not parse, so that nothing of it runs then.
"""
parse_inputs(inputs::Vector{Input}, filename::String) =
    Any[parse_input(input, filename) for input in inputs]

function parse_input(input::Input, filename::String)
    input.mode === :pkg && return Expr(:call, run_pkg_command, input.text)
    input.mode === :help && return Expr(:call, show_help, input.text)
    # What stands before it is left out, but counts as lines.
    return parse_code("\n"^(input.line - 1) * input.text, filename)
end

"What Pkg says of a command that it does not do. How it came to say so helps nobody."
struct PkgProblem <: Exception
    message::String
end

Base.showerror(io::IO, problem::PkgProblem) = print(io, problem.message)

"Does what is typed in Pkg's mode. It is printed first, as at the REPL."
function run_pkg_command(command::String)
    println("pkg> ", command)
    pkg = pkg_library()
    mode = global_value(pkg, :REPLMode)
    # Else it warns that this is for persons.
    warned = global_value(mode, :PRINTED_REPL_WARNING)
    warned isa Ref{Bool} && (warned[] = true)
    problem = try
        Base.invokelatest(global_value(mode, :pkgstr), command)
        return nothing
    catch error
        error isa Union{global_value(pkg, :(Types.PkgError)),
                        global_value(pkg, :(Resolve.ResolverError))} || rethrow()
        PkgProblem(error_text(error))
    end
    throw(problem)
end

"Prints what the help mode shows for `words`."
function show_help(words::String)
    println("help?> ", words)
    search = IOBuffer()
    shown = Base.invokelatest(global_value(repl_library(), :helpmode), search, words)
    # Its variables are not to be Main's.
    docs = Base.invokelatest(Core.eval, Main, Expr(:let, Expr(:block), shown))
    # What else has a similar name matters only if nothing has this one.
    found = String(take!(search))
    occursin("Couldn't find", found) && println(strip(found))
    Base.invokelatest(show, rendering_context(stdout), MIME("text/plain"), docs)
    println()
    return nothing
end
