# From a package's entry file to all of its definitions, along `include` and nested modules.

"""
A piece in the module that it is, or is to be, evaluated in.

- `since`, `until`: the world ages around its evaluation, which tell what methods it made.
- `made`: the step that evaluated it, see `Reviser`; 0 if its package was loaded with it.
- `refused`: would Julia refuse it whenever it is tried?
- `unnamed`: does its name mean nothing any more?
"""
mutable struct Definition
    home::Module
    piece::Piece
    since::UInt
    until::UInt
    made::Int
    refused::Bool
    unnamed::Bool
end

Definition(home::Module, piece::Piece) =
    Definition(home, piece, typemax(UInt), typemax(UInt), 0, false, false)

"Have `definition` count as removed, and its text in the file as new."
disown!(definition::Definition) =
    (definition.piece = with_key(definition.piece, ~definition.piece.key); nothing)

"""
A package of which the source is followed.

- `files`: by path.
- `loaded`: what is in effect, as `Definition`s.
- `submodules`: modules of which the content is followed as well.
- `untracked`: places of which nobody can tell what they include.
- `notices`: what is not current, see `Notice`.
- `lasting`: notices that only a restart takes away.
- `pending`: something is left to do although no file may change.
- `entered`: files found in the walk that is going on, in order.
- `opener`: makes a `SourceFile` of a path that the walk meets first.
- `checked`: the step up to which names that got another meaning were taken into account.
- `entries`, `looked`: what `own_entries!` found in the world `looked`.
"""
mutable struct Package
    name::String
    top::Module
    root::String
    files::Dict{String,Any}
    loaded::Vector{Any}
    submodules::IdDict{Any,Any}
    untracked::Vector{String}
    notices::Vector{Any}
    lasting::Vector{Any}
    pending::Bool
    entered::Vector{String}
    opener::Any
    checked::Int
    entries::Vector{Any}
    looked::UInt
end

Package(name::String, top::Module, root::String, opener) =
    Package(name, top, root, Dict{String,Any}(), Any[], IdDict{Any,Any}(), String[], Any[], Any[],
            false, String[], opener, 0, Any[], UInt(0))

package_id(package::Package) = Base.PkgId(package.top)

"All definitions that the files of `package` ask for, in order; drops files no longer included."
function definitions(package::Package)
    found = Any[]
    empty!(package.untracked)
    empty!(package.entered)
    root = open_file(package, package.root)
    push!(package.entered, package.root)
    top = findfirst(piece -> piece.kind === :module && piece.name === nameof(package.top),
                    root.pieces)
    if top === nothing
        push!(package.untracked, "$(package.root) (has no `module $(nameof(package.top))`)")
    else
        collect_pieces!(found, package, package.top, root.pieces[top].children)
    end
    for path in collect(keys(package.files))
        path in package.entered || delete!(package.files, path)
    end
    return found
end

function open_file(package::Package, path::String)
    haskey(package.files, path) || (package.files[path] = package.opener(path))
    return package.files[path]
end

function collect_pieces!(found::Vector{Any}, package::Package, home::Module, pieces::Vector{Any})
    for piece in pieces
        if piece.kind === :include
            collect_include!(found, package, home, piece)
        elseif piece.kind === :module
            push!(found, Definition(home, piece))
            inner = global_value(home, piece.name)
            inner isa Module && haskey(package.submodules, inner) &&
                collect_pieces!(found, package, inner, piece.children)
        elseif piece.kind === :other && has_include(piece.expression)
            collect_conditional!(found, package, home, piece)
        else
            push!(found, Definition(home, piece))
        end
    end
end

function collect_include!(found::Vector{Any}, package::Package, home::Module, piece::Piece)
    path = length(piece.expression.args) == 2 ?
        static_path(home, piece.expression.args[2], piece.file) : nothing
    if path === nothing
        push!(package.untracked, "$(piece.file):$(piece.line) (dynamic include)")
        return
    end
    full = normpath(joinpath(dirname(piece.file), path))
    # A file that includes itself, or one included twice, is followed where it is met first.
    full in package.entered && return
    push!(package.entered, full)
    collect_pieces!(found, package, home, open_file(package, full).pieces)
end

"An `if` at top level that includes files: follow the branch that its condition chooses."
function collect_conditional!(found::Vector{Any}, package::Package, home::Module, piece::Piece)
    branch = piece.expression
    is_expr(branch, :macrocall) && branch.args[1] === Symbol("@static") &&
        (branch = branch.args[end])
    while is_expr(branch, :if) || is_expr(branch, :elseif)
        holds = condition(home, branch.args[1])
        if holds === nothing
            branch = nothing
        else
            branch = holds ? branch.args[2] :
                length(branch.args) == 3 ? branch.args[3] : Expr(:block)
        end
    end
    if is_expr(branch, :block)
        collect_pieces!(found, package, home,
                        split_pieces(branch.args, piece.file, piece.line, piece.last))
    else
        push!(found, Definition(home, piece))
        push!(package.untracked, "$(piece.file):$(piece.line) (dynamic include)")
    end
end

"The value of a condition that only compares global names, or nothing."
function condition(home::Module, @nospecialize(part))
    is_harmless(part) || return nothing
    value = try
        Base.invokelatest(Core.eval, home, part)
    catch
        nothing
    end
    return value isa Bool ? value : nothing
end

const HARMLESS_CALLS = (:!, :<, :>, :<=, :>=, :(==), :(!=), :isdefined, :in, :isfile)

function is_harmless(@nospecialize part)
    part isa Expr || return true
    part.head in (:&&, :||, :comparison, :.) && return all(is_harmless, part.args)
    part.head === :macrocall && return part.args[1] === Symbol("@v_str")
    return part.head === :call && all(is_harmless, part.args[2:end]) &&
        (part.args[1] in HARMLESS_CALLS || is_expr(part.args[1], :.))
end

has_include(@nospecialize part) = part isa Expr &&
    !(part.head in (:function, :->, :quote, :macro)) &&
    (part.head === :call && part.args[1] === :include || any(has_include, part.args))

"The path that the argument of an `include` means, if that can be told without running it."
function static_path(home::Module, @nospecialize(part), file::String)
    part isa AbstractString && return String(part)
    if part isa Symbol
        value = global_value(home, part)
        return value isa AbstractString ? String(value) : nothing
    end
    part isa Expr || return nothing
    part.head === :macrocall && part.args[1] === Symbol("@__DIR__") && return dirname(file)
    words = Any[]
    from = part.head === :call ? 2 : 1
    for argument in part.args[from:end]
        word = static_path(home, argument, file)
        word === nothing && return nothing
        push!(words, word)
    end
    part.head === :string && return join(words)
    part.head === :call && part.args[1] === :joinpath && return joinpath(words...)
    part.head === :call && part.args[1] === :dirname && length(words) == 1 &&
        return dirname(words[1])
    return nothing
end
