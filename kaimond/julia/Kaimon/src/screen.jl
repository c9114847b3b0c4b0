"""
Where output goes in a process that a person started.

Between evaluations nothing is touched: the standard streams are what the person, or Julia, made
them. While an evaluation runs, they are ours and go to its spool file, as in a managed session;
then everything is put back.

- `fd`: the descriptor behind `out` and `err`. After an evaluation it refers to what descriptor 1
  refers to, for tasks that took hold of the streams and print later.
- `main`: the task that a person's own code runs on. What it prints meanwhile stays on the screen.
- `before`: how the streams were, or nothing while no evaluation runs.
"""
mutable struct Screen
    fd::Cint
    out::SpoolIO
    err::SpoolIO
    main::Task
    before::Any
end

"What an evaluation replaces, to be put back. `stdin_fd` is -1 if descriptor 0 was left alone."
struct Streams
    out::Any
    err::Any
    in::Any
    runtime::Tuple{Ptr{Cvoid},Ptr{Cvoid}}
    out_fd::Cint
    err_fd::Cint
    stdin_fd::Cint
    logger::Any
    rerouted::Any
    loading_world::UInt
end

"The screen of a process in which the person's own code runs on `main`."
function Screen(main::Task)
    fd = duplicate_high(1)
    return Screen(fd, SpoolIO(fd), SpoolIO(fd), main, nothing)
end

"Send output to the file `spool`, appended. SystemError if it cannot be opened."
function begin_spool(screen::Screen, spool::AbstractString)
    spool_fd = open_append(spool)
    try
        screen.before = standard_streams()
        flush_quietly(Base.stdout)
        flush_quietly(Base.stderr)
        Libc.flush_cstdio()
        redirect_fd(spool_fd, screen.fd)
        set_cloexec(screen.fd)
        load_packages_in(STREAM_WORLD[])
        screen.out.person, screen.err.person = screen.before.out_fd, screen.before.err_fd
        screen.out.main = screen.err.main = screen.main
        redirect_standard(screen.out, 1)
        redirect_standard(screen.err, 2)
        close_stdin(screen.before)
        may_exit_on_sigint(false)
    finally
        close_fd(spool_fd)
    end
end

"Put everything back; returns how many bytes the spool file holds."
function end_spool(screen::Screen)
    before = screen.before
    before === nothing && return 0
    Libc.flush_cstdio()
    may_exit_on_sigint(true)
    size = filesize(stat(RawFD(screen.fd)))
    redirect_fd(before.out_fd, 1)
    redirect_fd(before.err_fd, 2)
    redirect_fd(before.out_fd, screen.fd)
    set_cloexec(screen.fd)
    if before.stdin_fd >= 0
        redirect_fd(before.stdin_fd, 0)
        close_fd(before.stdin_fd)
    end
    set_standard_streams(before.in, before.out, before.err)
    set_runtime_streams(before.runtime)
    load_packages_in(before.loading_world)
    Base.CoreLogging.global_logger() === before.rerouted &&
        Base.CoreLogging.global_logger(before.logger)
    for io in (screen.out, screen.err)
        io.main = nothing
        io.person = -1
    end
    close_fd(before.out_fd)
    close_fd(before.err_fd)
    screen.before = nothing
    return size
end

"The standard streams as they are, and the global logger rerouted to where stderr goes next."
function standard_streams()
    logger = Base.CoreLogging.global_logger()
    reroute_global_logger(Base.stderr, SpoolIO(2))
    stdin_fd = Base.stdin isa Base.TTY ? duplicate_high(0) : Cint(-1)
    return Streams(Base.stdout, Base.stderr, Base.stdin, runtime_streams(), duplicate_high(1),
                   duplicate_high(2), stdin_fd, logger, Base.CoreLogging.global_logger(),
                   loading_world())
end

"""
Let an evaluation read nothing: what a person types is not meant for it.

Julia reads a terminal through a descriptor of its own, so descriptor 0 can be exchanged under the
prompt; a pipe is read through descriptor 0 itself and is left alone.
"""
function close_stdin(before::Streams)
    set_standard_input(devnull)
    before.stdin_fd < 0 && return nothing
    nothing_fd = open_to_read("/dev/null")
    redirect_fd(nothing_fd, 0)
    close_fd(nothing_fd)
    return nothing
end

"""
A script dies from SIGINT, and the person wants it so; but a SIGINT is also how an evaluation of an
agent is interrupted. At a prompt Julia never dies from it.
"""
may_exit_on_sigint(may::Bool) = isinteractive() || Base.exit_on_sigint(may)

function flush_quietly(io)
    try
        flush(io)
    catch
        # The person closed it.
    end
    return nothing
end
