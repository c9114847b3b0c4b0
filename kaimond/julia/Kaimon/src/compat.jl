# Everything that depends on the version of Julia, each with the version that differs.

"Do cache files hold machine code? Before 1.9 they do not, and are hardly worth loading."
const KEEPS_MACHINE_CODE = VERSION >= v"1.9-"

"""
Call `f()`, and have all that is inferred for it kept in the cache file that is being made.

By itself Julia keeps none of Base's methods that were called by way of `invokelatest` only.
"""
function keeping_inferred(f)
    if VERSION >= v"1.12-"
        ccall(:jl_tag_newly_inferred_enable, Cvoid, ())
        try
            f()
        finally
            ccall(:jl_tag_newly_inferred_disable, Cvoid, ())
        end
    elseif isdefined(Core.Compiler, :__set_measure_typeinf)
        # What is measured is a tree, of which the first level was inferred for a call.
        timings = Core.Compiler.Timings
        timings.reset_timings()
        Core.Compiler.__set_measure_typeinf(true)
        try
            f()
        finally
            Core.Compiler.__set_measure_typeinf(false)
            timings.close_current_timer()
        end
        foreach(inferred -> precompile(inferred.mi_info.mi.specTypes), timings._timings[1].children)
    else
        f()
    end
    return nothing
end

"""
May a SIGINT be thrown while the compiler infers? Before 1.9, and from 1.12 on, a lock defers it.
"""
const INFERS_UNLOCKED = v"1.9-" <= VERSION < v"1.12-"

"The types of what Julia hands to the function that infers a method."
const INFERENCE_ARGUMENTS = VERSION < v"1.11-" ? (Core.MethodInstance, UInt) :
    (Core.MethodInstance, UInt, UInt8)

"Can a thread that Julia has not started run Julia code? From 1.9 on."
const ADOPTS_THREADS = VERSION >= v"1.9-"

"""
A module of the standard library by its UUID.

`import` cannot be used: boot.jl loads us without a manifest in which Base could look up what this
package may import. Base.require by UUID needs one only for modules outside the system image.
From 1.11 on, modules that left the system image are found without a load path by require_stdlib.
"""
function stdlib(name::String, uuid::String)
    id = Base.PkgId(Base.UUID(uuid), name)
    Base.root_module_exists(id) && return Base.root_module(id)
    # Not for code that is being precompiled.
    isdefined(Base, :require_stdlib) && !PRECOMPILED && return Base.require_stdlib(id)
    return Base.require(id)
end

const FileWatching = stdlib("FileWatching", "7b1f6079-737a-58dc-b8bc-7a2ca5c1b5ee")
const Libdl = stdlib("Libdl", "8f399da3-3557-5675-b5ff-fb832c97cbdb")
"Not constants as those above, because most sessions start without it."
sha_library() = stdlib("SHA", "ea8e919c-243c-51af-8825-aaa63cd721ce")
repl_library() = stdlib("REPL", "3fa0cd96-eef1-5676-8a61-b3b8758bbffb")
pkg_library() = stdlib("Pkg", "44cfe95a-1eb2-52ea-b672-e2afdf69b78f")

"""
The exceptions being handled, cause first, as (exception, backtrace) pairs.

Call it inside a catch block. Named catch_stack before 1.7.
"""
function exception_stack()
    stack = isdefined(Base, :current_exceptions) ? Base.current_exceptions() : Base.catch_stack()
    return Tuple{Any,Any}[(entry[1], entry[2]) for entry in stack]
end

"""
Make `value` what `ans` means in Main, like the REPL of the running version.

From 1.9 on `ans` lives in Base.MainInclude; from 1.12 on globals are set by `setglobal!`.
"""
function set_ans(@nospecialize(value))
    @static if VERSION >= v"1.12-"
        setglobal!(Base.MainInclude, :ans, value)
    else
        home = isdefined(Base.MainInclude, :ans) ? Base.MainInclude : Main
        ccall(:jl_set_global, Cvoid, (Any, Any, Any), home, :ans, value)
    end
    return nothing
end

"""
The parser's error in `ex` (the parse of a whole text), or nothing.

A message, or from 1.10 on an exception that knows the place. Up to 1.5 the error is the whole
parse, later it is the last expression.
"""
function parser_error(@nospecialize ex)
    ex isa Expr || return nothing
    ex.head in (:error, :incomplete) && return isempty(ex.args) ? "syntax error" : ex.args[1]
    ex.head === :toplevel && !isempty(ex.args) && return parser_error(ex.args[end])
    return nothing
end

# The runtime's own C functions print through these two variables; the small integers 1 and 2 mean
# "write(2) to that descriptor" in every version.
route_runtime_stdout() =
    unsafe_store!(cglobal(:jl_uv_stdout, Ptr{Cvoid}), Ptr{Cvoid}(1))
route_runtime_stderr() =
    unsafe_store!(cglobal(:jl_uv_stderr, Ptr{Cvoid}), Ptr{Cvoid}(2))

"What the runtime prints its output and its errors to."
runtime_streams() = (unsafe_load(cglobal(:jl_uv_stdout, Ptr{Cvoid})),
                     unsafe_load(cglobal(:jl_uv_stderr, Ptr{Cvoid})))

function set_runtime_streams(streams::Tuple{Ptr{Cvoid},Ptr{Cvoid}})
    unsafe_store!(cglobal(:jl_uv_stdout, Ptr{Cvoid}), streams[1])
    unsafe_store!(cglobal(:jl_uv_stderr, Ptr{Cvoid}), streams[2])
    return nothing
end

set_standard_input(input) = Core.eval(Base, :(stdin = $input))

function set_standard_streams(input, output, errors)
    Core.eval(Base, :(stdin = $input; stdout = $output; stderr = $errors))
    return nothing
end

"Make `io` the process's standard output (1) or standard error (2), as `redirect_stdout` would."
function redirect_standard(io::SpoolIO, number::Integer)
    redirect_fd(io.fd, number)
    if number == 1
        route_runtime_stdout()
        Base.stdout === io || Core.eval(Base, :(stdout = $io))
    else
        route_runtime_stderr()
        Base.stderr === io || Core.eval(Base, :(stderr = $io))
    end
    return io
end

# User code saves stdout, redirects it and puts it back; without these methods putting back fails.
# From 1.7 on the two functions are instances of a type.
@static if isdefined(Base, :RedirectStdStream)
    (redirect::Base.RedirectStdStream)(io::SpoolIO) = redirect_standard(io, redirect.unix_fd)
else
    Base.redirect_stdout(io::SpoolIO) = redirect_standard(io, 1)
    Base.redirect_stderr(io::SpoolIO) = redirect_standard(io, 2)
end

# From 1.8 on code may close its end of a stream; 1.10 does so with what it hands to a child.
isdefined(Base, :closewrite) && (Base.closewrite(::SpoolIO) = nothing)

"The first world in which all methods of our streams are known; set when this package is loaded."
const STREAM_WORLD = Ref{UInt}(0)

"""
The world in which packages are loaded.

From 1.10 on Julia does so in the one that was the newest at its start, so that no definition of a
package makes it slower. Without the methods of our streams, which are younger, nothing could be
printed to them there: no warning of loading, no progress of precompilation.
"""
loading_world() = isdefined(Base, :_require_world_age) ? Base._require_world_age[] : UInt(0)

function load_packages_in(world::UInt)
    isdefined(Base, :_require_world_age) && (Base._require_world_age[] = world)
    return nothing
end

"""
Make the global logger print to `io` if it holds on to `old`, the stderr of start-up.

Old versions (1.5 for one) keep that object; newer ones look up `stderr` for every message.
"""
function reroute_global_logger(old::IO, io::IO)
    logger = Base.CoreLogging.global_logger()
    (hasfield(typeof(logger), :stream) && logger.stream === old) || return nothing
    values = Any[name === :stream ? io : getfield(logger, name)
                 for name in fieldnames(typeof(logger))]
    Base.CoreLogging.global_logger(typeof(logger)(values...))
    return nothing
end

"The parse of `text`, the whole of `file`. Meta.parseall came with 1.6."
function parse_source(text::String, file::String)
    isdefined(Meta, :parseall) && return Meta.parseall(text; filename=file)
    return ccall(:jl_parse_all, Any, (Ptr{UInt8}, Csize_t, Ptr{UInt8}, Csize_t),
                 text, sizeof(text), file, sizeof(file))
end

"""
The line and the words of the parser's error in `parsed`, or nothing.

The line is that of the last node before the error; from 1.10 on the message itself tells it better.
"""
function source_problem(@nospecialize parsed)
    problem = parser_error(parsed)
    problem === nothing && return nothing
    line = 1
    parsed.head === :toplevel && foreach(part -> part isa LineNumberNode && (line = part.line),
                                         parsed.args)
    words = problem isa Exception ? Base.invokelatest(sprint, showerror, problem) : string(problem)
    told = match(r"@ [^\n]*?:(\d+):", words)
    told === nothing || (line = parse(Int, told[1]))
    lines = filter(text -> !occursin(r"^(ParseError:|# Error @.*)?$", text), split(words, '\n'))
    # From 1.10 on a line is drawn to the place, before what is said of it.
    said = last(split(isempty(lines) ? words : lines[end], "── "))
    return line, "syntax error: " * strip(said, ['#', ' '])
end

"""
What `name`, also `Outer.name`, means in `home` now, or nothing.

Called in the newest world, because from 1.12 on older ones do not see new names.
"""
global_value(home::Module, name::Symbol) =
    Base.invokelatest(isdefined, home, name) ? Base.invokelatest(getfield, home, name) : nothing
function global_value(home::Module, name::Expr)
    (name.head === :. && length(name.args) == 2 && name.args[2] isa QuoteNode) || return nothing
    outer = name.args[1] isa Union{Symbol,Expr} ? global_value(home, name.args[1]) : nothing
    return outer isa Module ? global_value(outer, name.args[2].value) : nothing
end
global_value(::Module, @nospecialize(name)) = nothing

"The methods that a call of the types `signature` can reach now."
function methods_for(@nospecialize signature)
    matches = Base._methods_by_ftype(signature, -1, Base.get_world_counter())
    found = Any[]
    matches isa Vector || return found
    for match in matches
        # A MethodMatch from 1.6 on.
        push!(found, match isa Core.SimpleVector ? match[3] : match.method)
    end
    return found
end

"""
The types of calls of `value`, which is a `callee`, with keywords.

From 1.9 on these are methods of one function, before each function has one of its own for them.
"""
function keyword_signatures(@nospecialize(value), @nospecialize(callee))
    isdefined(Core, :kwcall) && return Any[Tuple{typeof(Core.kwcall),Any,callee,Vararg{Any}}]
    try
        return Any[Tuple{typeof(Core.kwfunc(value)),Vararg{Any}}]
    catch
        return Any[]
    end
end

"""
Can names come to mean something else, or nothing? From 1.12 on, where each world has its own
meanings, and what was compiled with an old one is compiled anew.
"""
const REBINDS = VERSION >= v"1.12-"

"Can what is defined by a piece of this `kind` be defined anew?"
can_redefine(kind::Symbol) = REBINDS || !(kind in (:type, :const))

"""
Does a method that another one replaced come back when that one is deleted? From 1.12 on.

No call reaches it until then, so that no search by the types of a call finds it. One table holds
all methods there.
"""
const KEEPS_REPLACED = VERSION >= v"1.12-"

"All entries of the method table, those of replaced and of deleted methods too; see KEEPS_REPLACED."
method_entries() = collect_entries!(
    Any[], (isdefined(Core, :methodtable) ? Core.methodtable : Core.GlobalMethods).defs)

function collect_entries!(found::Vector{Any}, @nospecialize(part))
    if part isa Core.TypeMapEntry
        while part isa Core.TypeMapEntry
            push!(found, part)
            part = part.next
        end
    elseif part isa Core.TypeMapLevel
        foreach(name -> collect_entries!(found, getfield(part, name)),
                (:arg1, :targ, :name1, :tname, :list, :any))
    elseif part isa AbstractVector
        for index in eachindex(part)
            isassigned(part, index) && collect_entries!(found, part[index])
        end
    end
    return found
end

is_deleted(entry::Core.TypeMapEntry) = entry.max_world != typemax(UInt)

"Is the package `id` part of the system image? Before 1.8 nobody can tell."
in_system_image(id::Base.PkgId) = isdefined(Base, :in_sysimage) && Base.in_sysimage(id)

"When the system image was written, in seconds since the epoch."
image_time() = mtime(unsafe_string(Base.JLOptions().image_file))

"""
The file that the package `id` was loaded from as `top`, or nothing if it was not precompiled.

Recorded in Base.pkgorigins since 1.6. Before, it is the one that holds the module's build id. What
is recorded of a package in the system image is from its making, and may hold a newer text by now.
"""
function cache_file(id::Base.PkgId, top::Module)
    in_system_image(id) && return nothing
    try
        if isdefined(Base, :pkgorigins)
            path = Base.pkgorigins[id].cachepath
            return path isa String ? path : nothing
        end
        for path in Base.find_all_in_cache_path(id)
            modules = Base.parse_cache_header(path)[1]
            any(entry -> entry[1] == id && entry[2] == Base.module_build_id(top), modules) &&
                return path
        end
    catch
        # An unreadable cache file tells nothing.
    end
    return nothing
end

"The backend of the process's REPL, or nothing. Not defined, or nothing, before there is one."
function repl_backend()
    isdefined(Base, :active_repl_backend) || return nothing
    backend = Base.active_repl_backend
    return backend !== nothing && isdefined(backend, :backend_task) ? backend : nothing
end

"""
Call `f()` without moving the current task's random number stream.

From 1.7 to 1.9 starting a task draws from its parent's stream, which is the user's.
"""
function keeping_random_stream(f)
    task = current_task()
    names = filter(name -> hasfield(Task, name),
                   (:rngState0, :rngState1, :rngState2, :rngState3))
    before = map(name -> getfield(task, name), names)
    result = f()
    foreach((name, value) -> setfield!(task, name, value), names, before)
    return result
end

"""
Will this process become a REPL, or is it one?

In startup.jl and in files of `-L`, `isinteractive()` is still false unless `-i` was given.
"""
function becomes_interactive()
    isinteractive() && return true
    options = Base.JLOptions()
    options.isinteractive != 0 && return true
    has_code() && return false
    return stdin isa Base.TTY
end

"Was this process started with a program, or with code to run (`-e`, `-E`)?"
function has_code()
    isempty(PROGRAM_FILE) || return true
    commands = Base.JLOptions().commands
    commands == C_NULL && return false
    return any(command -> first(command) in ('e', 'E'), Base.unsafe_load_commands(commands))
end

"The arguments that this process was started with, after the program's name."
function start_arguments()
    if Sys.isapple()
        count = unsafe_load(ccall(:_NSGetArgc, Ptr{Cint}, ()))
        words = unsafe_load(ccall(:_NSGetArgv, Ptr{Ptr{Ptr{UInt8}}}, ()))
        return String[unsafe_string(unsafe_load(words, index)) for index in 2:count]
    end
    words = split(read("/proc/self/cmdline", String), '\0')
    return String[words[index] for index in 2:length(words) - 1]
end

"The names of the keywords of `method`; one that takes all others ends in `...`."
function keyword_names(method::Method)
    # Up to 1.5 the type of the function's keyword sorter must be given.
    VERSION >= v"1.6-" && return Base.kwarg_decl(method)
    callee = Base.unwrap_unionall(method.sig).parameters[1]
    return Base.kwarg_decl(method, Core.kwftype(callee))
end

"The lowered statements of `method`, none if it has no Julia code."
function lowered_code(method::Method)
    # Named uncompressed_ast up to 1.5.
    lower = isdefined(Base, :uncompressed_ir) ? Base.uncompressed_ir : Base.uncompressed_ast
    return try
        lower(method).code
    catch
        Any[]
    end
end
