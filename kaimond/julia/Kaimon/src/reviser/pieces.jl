# A source file as pieces: what stands at its top level, each recognisable whatever line it is on.

"""
One expression at the top level of a file or of a module in it.

- `key`: equal for equal code, wherever it stands; of a module, only its name counts.
- `line`, `last`: where it stands, up to the line before the next piece.
- `kind`: `:method`, `:macro`, `:type`, `:const`, `:global`, `:module`, `:include`, `:names` (import,
  using, export) or `:other`.
- `name`: what it defines, as written; nothing if that cannot be told.
- `documented`: does a docstring belong to it?
- `children`: the pieces of a module.
"""
struct Piece
    key::UInt64
    expression::Any
    file::String
    line::Int
    last::Int
    kind::Symbol
    name::Any
    documented::Bool
    children::Vector{Any}
end

with_key(piece::Piece, key::UInt64) = Piece(key, piece.expression, piece.file, piece.line, piece.last,
                                            piece.kind, piece.name, piece.documented, piece.children)

"A file that does not parse: what the parser says, and on which line."
struct SourceProblem <: Exception
    line::Int
    reason::String
end

"The pieces of `text`, which is that of `file`; throws SourceProblem."
function parse_pieces(text::String, file::String)
    parsed = parse_source(text, file)
    problem = source_problem(parsed)
    problem === nothing || throw(SourceProblem(problem...))
    parts = is_expr(parsed, :toplevel) ? parsed.args : Any[parsed]
    return split_pieces(parts, file, 1, count(isequal('\n'), text) + 1)
end

function split_pieces(parts::Vector{Any}, file::String, line::Int, last::Int)
    placed = Any[]
    place_parts!(placed, parts, line)
    pieces = Any[]
    for (index, (expression, first_line)) in enumerate(placed)
        following = index < length(placed) ? placed[index + 1][2] - 1 : last
        push!(pieces, make_piece(expression, file, first_line, max(first_line, following)))
    end
    return pieces
end

"Append to `placed` each expression of `parts` with its line; blocks are taken apart."
function place_parts!(placed::Vector{Any}, parts::Vector{Any}, line::Int)
    for part in parts
        if part isa LineNumberNode
            line = part.line
        elseif is_expr(part, :toplevel) || is_expr(part, :block)
            line = place_parts!(placed, part.args, line)
        elseif is_names(part) && length(part.args) > 1
            # `export a, b` is two pieces, so that one of them can come and go.
            foreach(name -> push!(placed, (Expr(part.head, name), line)), part.args)
        elseif part !== nothing
            push!(placed, (part, line))
        end
    end
    return line
end

is_expr(@nospecialize(part), head::Symbol) = part isa Expr && part.head === head
is_names(@nospecialize part) =
    part isa Expr && part.head in (:using, :import, :export, :public)

function make_piece(@nospecialize(expression), file::String, line::Int, last::Int)
    kind, name = classify(expression)
    children = Any[]
    key = code_key(expression)
    if kind === :module
        children = split_pieces(module_expression(expression).args[3].args, file, line, last)
        key = hash(name, hash(:module))
    end
    return Piece(key, expression, file, line, last, kind, name, is_doc(expression), children)
end

"""
A hash of code that does not depend on the lines it stands on.

The types of literals count, as 1 == 1.0.
"""
function code_key(@nospecialize part)
    part isa Expr || return hash(part, hash(typeof(part)))
    key = hash(part.head, hash(length(part.args)))
    for argument in part.args
        argument isa LineNumberNode || (key = hash(code_key(argument), key))
    end
    return key
end
code_key(part::QuoteNode) = hash(code_key(part.value), hash(:quoted))

is_doc(@nospecialize part) = is_expr(part, :macrocall) &&
    (part.args[1] == GlobalRef(Core, Symbol("@doc")) || part.args[1] === Symbol("@doc"))

"The module expression in `part`, which may be documented."
module_expression(part::Expr) = is_expr(part, :module) ? part : module_expression(part.args[end])

"The kind of an expression and the name of what it defines."
function classify(@nospecialize part)
    part isa Expr || return :other, nothing
    head = part.head
    head === :macrocall && return classify_macrocall(part)
    head === :module && return :module, part.args[2]
    head === :macro && return :macro, bare_name(part.args[1])
    head === :function && return named(:method, bare_name(part.args[1]))
    head === :const && return :const, constant_name(part.args[1])
    head === :struct && return named(:type, type_name_of(part.args[2]))
    head in (:abstract, :primitive) && return named(:type, type_name_of(part.args[1]))
    head === :call && part.args[1] === :include && return :include, nothing
    is_names(part) && return :names, nothing
    head === :(=) || return :other, nothing
    is_signature(part.args[1]) && return named(:method, bare_name(part.args[1]))
    is_expr(part.args[1], :curly) && return named(:const, bare_name(part.args[1]))
    return named(:global, constant_name(part))
end

"Without a name that can be looked up, anything may be defined."
named(kind::Symbol, @nospecialize(name)) = name === nothing ? (:other, nothing) : (kind, name)

function classify_macrocall(part::Expr)
    macro_name = string(part.args[1])
    if endswith(macro_name, "@enum") && length(part.args) >= 3
        return named(:type, type_name_of(part.args[3]))
    end
    kind, name = classify(part.args[end])
    kind in (:method, :type, :const) && return kind, name
    kind === :module && is_doc(part) && return kind, name
    kind === :macro && is_doc(part) && return kind, name
    return :other, nothing
end

is_signature(@nospecialize part) = is_expr(part, :call) ||
    ((is_expr(part, :where) || is_expr(part, :(::))) && is_signature(part.args[1]))

"What the signature `part` is a method of: a name, `Base.name` or a type annotation; or nothing."
function bare_name(@nospecialize part)
    part isa Symbol && return part
    part isa Expr || return nothing
    part.head in (:where, :curly, :call) && return bare_name(part.args[1])
    part.head === :(::) && is_signature(part.args[1]) && return bare_name(part.args[1])
    part.head === :(::) && return part
    part.head === :. && part.args[end] isa QuoteNode && return part
    return nothing
end

type_name_of(@nospecialize part) = part isa Symbol ? part :
    part isa Expr && part.head in (:<:, :curly, :(::)) ? type_name_of(part.args[1]) : nothing

"What an assignment names, also several at once; a Symbol, so that names can be compared."
function constant_name(@nospecialize part)
    part isa Symbol && return part
    part isa Expr || return nothing
    part.head in (:global, :(=), :(::), :const) && return constant_name(part.args[1])
    return part.head === :tuple ? Symbol(string(part)) : nothing
end

"Does `part` call a macro of which the name is in `names`?"
function uses_macro(@nospecialize(part), names::Vector{Any})
    part isa Expr || return false
    if part.head === :macrocall
        called = part.args[1]
        is_expr(called, :.) && (called = called.args[end].value)
        called in names && return true
    end
    return any(argument -> uses_macro(argument, names), part.args)
end
