# Everything that depends on the version of Julia, each with the version that differs.

"""
A module of the standard library by its UUID.

`import` cannot be used: boot.jl loads us without a manifest in which Base could look up what this
package may import. Base.require by UUID needs one only for modules outside the system image.
From 1.11 on, modules that left the system image are found without a load path by require_stdlib.
"""
function stdlib(name::String, uuid::String)
    id = Base.PkgId(Base.UUID(uuid), name)
    Base.root_module_exists(id) && return Base.root_module(id)
    isdefined(Base, :require_stdlib) && return Base.require_stdlib(id)
    return Base.require(id)
end

const FileWatching = stdlib("FileWatching", "7b1f6079-737a-58dc-b8bc-7a2ca5c1b5ee")
const Libdl = stdlib("Libdl", "8f399da3-3557-5675-b5ff-fb832c97cbdb")

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
