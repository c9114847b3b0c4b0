# Letting the daemon look at what this process executes, by which it tells the compiler from code that
# can be forced.

const PR_SET_PTRACER = 0x59616d61

"""
The pid of the daemon that sends `message`, or nothing if it tells none.

The numbers that Linux takes for nobody and for everybody are no pids.
"""
function daemon_pid(message::Message)
    pid = tryparse(Int32, optional(message, "daemon", ""))
    return pid === nothing || pid < 2 ? nothing : pid
end

"""
Permit the daemon that sends `message` to look.

Linux may let ancestors alone do so (`kernel.yama.ptrace_scope` = 1), and a daemon that has adopted
this process is none. It permits nothing to other users, and nothing at all where there is no such
rule; then the call fails, and does no harm.
"""
function permit_to_look(message::Message)
    Sys.islinux() || return nothing
    pid = daemon_pid(message)
    # Variadic in C; see posix.jl.
    pid === nothing || ccall(:prctl, Cint, (Cint, Culong...), PR_SET_PTRACER, pid, 0, 0, 0)
    return nothing
end
