"""
Where the output of the process goes.

One descriptor, `fd`, stands behind Base.stdout and Base.stderr for the whole life of the session.
It, and descriptors 1 and 2 (for C code and children), refer to the spool file of the running
evaluation, and between evaluations to the session's log.
"""
struct Capture
    fd::Cint
    log::Cint
    out::SpoolIO
    err::SpoolIO
end

"Take over the process's output; it goes to the file `log`, appended, from now on."
function Capture(log::AbstractString)
    log_fd = open_append(log)
    fd = duplicate_high(log_fd)
    capture = Capture(fd, log_fd, SpoolIO(fd), SpoolIO(fd))
    old_out, old_err = Base.stdout, Base.stderr
    flush(old_out)
    flush(old_err)
    line_buffer_c_stdout()
    route_output(capture, log_fd)
    load_packages_in(STREAM_WORLD[])
    # On descriptor 2 itself, so that log messages follow a redirect_stderr of user code.
    reroute_global_logger(old_err, SpoolIO(2))
    displays = Base.Multimedia.displays
    for (index, display) in enumerate(displays)
        if display isa TextDisplay && display.io === old_out
            displays[index] = TextDisplay(capture.out)
        end
    end
    return capture
end

"""
Send the output of everything to what `fd` refers to.

Undoes whatever user code did to the standard streams: a forgotten redirect_stdout would otherwise
make every later evaluation silent.
"""
function route_output(capture::Capture, fd::Integer)
    Libc.flush_cstdio()
    redirect_fd(fd, capture.fd)
    set_cloexec(capture.fd)
    redirect_standard(capture.out, 1)
    redirect_standard(capture.err, 2)
    return nothing
end

"Send output to the file `spool`, appended. SystemError if it cannot be opened."
function begin_spool(capture::Capture, spool::AbstractString)
    fd = open_append(spool)
    try
        route_output(capture, fd)
    finally
        close_fd(fd)
    end
end

"Send output to the session's log again; returns how many bytes the spool file holds."
function end_spool(capture::Capture)
    Libc.flush_cstdio()
    size = filesize(stat(RawFD(capture.fd)))
    route_output(capture, capture.log)
    return size
end
