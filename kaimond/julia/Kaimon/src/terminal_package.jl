# Loading the package KaimonTerminal, which is the line editor of a terminal, for the first of them.

const TERMINAL_PACKAGE =
    Base.PkgId(Base.UUID("5c7d1f0e-8a3b-4e0d-9b52-6f1a7c2de4b9"), "KaimonTerminal")
const TERMINAL_SOURCE = joinpath(dirname(dirname(SOURCE)), TERMINAL_PACKAGE.name, "src")

const TERMINAL_FILES = map(name -> joinpath(TERMINAL_SOURCE, name * ".jl"),
                           ("names", "line_editor", "compat_terminal"))
foreach(include_dependency, TERMINAL_FILES)
"Read now and evaluated when they are needed: the files may be another version's by then."
const TERMINAL_TEXTS = map(file -> read(file, String), TERMINAL_FILES)

"The module of the line editor once it is loaded."
const TERMINAL_MODULE = Ref{Union{Module,Nothing}}(nothing)

"""
Load the line editor: from `cache`, a depot of the daemon's, if it is there and fits, else from the
source that was read with the gate.
"""
function load_terminal(cache::String="")
    TERMINAL_MODULE[] === nothing || return nothing
    # With the user's depots and load path, because packages of theirs may extend it.
    repl_library()
    found = isdir(cache) ? load_cached_terminal(cache) : nothing
    TERMINAL_MODULE[] = found isa Module ? found : evaluated_terminal()
    return nothing
end

"""
The package from `cache`, or what is no module if it does not fit.

Loaded as `load.jl` loads the gate. While other code loads packages, which can take minutes, it is
not waited for.
"""
function load_cached_terminal(cache::String)
    KEEPS_MACHINE_CODE && trylock(Base.require_lock) || return nothing
    load_path, depots = copy(LOAD_PATH), copy(DEPOT_PATH)
    try
        append!(empty!(LOAD_PATH), [dirname(dirname(TERMINAL_SOURCE)), "@stdlib"])
        append!(empty!(DEPOT_PATH), [cache, abspath(Sys.BINDIR, Base.DATAROOTDIR, "julia")])
        # From 1.11 on it is told whether to check that the cache fits.
        check = VERSION >= v"1.11-" ? (true,) : ()
        return Base._require_search_from_serialized(
            TERMINAL_PACKAGE, joinpath(TERMINAL_SOURCE, "KaimonTerminal.jl"), UInt128(0), check...)
    catch error
        println(Core.stderr, "kaimon: the precompiled terminal could not be loaded: ", error)
        return nothing
    finally
        append!(empty!(LOAD_PATH), load_path)
        append!(empty!(DEPOT_PATH), depots)
        unlock(Base.require_lock)
    end
end

function evaluated_terminal()
    home = Core.eval(@__MODULE__, :(module KaimonTerminal end))
    foreach((text, file) -> Base.include_string(home, text, file), TERMINAL_TEXTS, TERMINAL_FILES)
    return home
end

"Call the function `name` of the line editor, which is younger than the code that runs here."
in_terminal(name::Symbol, arguments...) =
    Base.invokelatest(global_value(TERMINAL_MODULE[], name), arguments...)
