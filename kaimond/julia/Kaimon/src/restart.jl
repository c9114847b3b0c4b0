# Restart in place: this process executes Julia anew. Pid, children and terminal stay.

"""
Replace this process image by `arguments[1]`, with the environment and directory that the present
one was started with, and `nonce` as its new one. Returns only if that fails, with the reason; the
session then goes on as before.
"""
function execute(server::Server, nonce::String, arguments::Vector{String})
    reason = why_not(server.config, nonce, arguments)
    reason === nothing || return reason
    environment = copy(server.config.environment)
    environment[ENVIRONMENT_PREFIX * "NONCE"] = nonce
    settings = ["$name=$value" for (name, value) in environment]
    directory = pwd()
    spool = server.running === nothing ? nothing : duplicate_high(server.capture.fd)
    try
        # The new image inherits descriptors 0 to 2 as they are and nothing else.
        route_output(server.capture, server.capture.log)
        foreach(set_cloexec, open_descriptors())
        cd(server.config.directory)
        code = replace_image(arguments, settings)
        reason = "$(arguments[1]): $(Libc.strerror(code))"
    finally
        cd(directory)
        if spool !== nothing
            route_output(server.capture, spool)
            close_fd(spool)
        end
    end
    return reason
end

"Why a restart with these arguments cannot work, or nothing."
function why_not(config::Config, nonce::String, arguments::Vector{String})
    isempty(nonce) && return "the nonce is empty"
    isempty(arguments) && return "there is no program to execute"
    any(text -> occursin('\0', text), [nonce; arguments]) && return "an argument contains NUL"
    program = arguments[1]
    isabspath(program) || return "$program is not an absolute path"
    isfile(program) || return "$program does not exist"
    ccall(:access, Cint, (Cstring, Cint), program, X_OK) == 0 || return "$program is not executable"
    isdir(config.directory) || return "the start directory $(config.directory) is gone"
    return nothing
end

"All descriptors of this process above 2."
function open_descriptors()
    names = readdir(Sys.islinux() ? "/proc/self/fd" : "/dev/fd")
    return filter(fd -> fd > 2, [parse(Int, name) for name in names])
end

"execve(2); returns its error code, if it returns."
function replace_image(arguments::Vector{String}, settings::Vector{String})
    # Signals that are blocked stay so in the new image, and so does a terminal's raw mode.
    none = zeros(UInt8, 128)
    old = zeros(UInt8, 128)
    ccall(:pthread_sigmask, Cint, (Cint, Ptr{UInt8}, Ptr{UInt8}), SIG_SETMASK, none, old)
    ccall(:uv_tty_reset_mode, Cint, ())
    GC.@preserve arguments settings begin
        argv = push!(Ptr{UInt8}[pointer(text) for text in arguments], C_NULL)
        envp = push!(Ptr{UInt8}[pointer(text) for text in settings], C_NULL)
        ccall(:execve, Cint, (Ptr{UInt8}, Ptr{Ptr{UInt8}}, Ptr{Ptr{UInt8}}),
              arguments[1], argv, envp)
    end
    code = Libc.errno()
    ccall(:pthread_sigmask, Cint, (Cint, Ptr{UInt8}, Ptr{Cvoid}), SIG_SETMASK, old, C_NULL)
    return code
end
