# The few calls to the operating system that Julia has no function for.
#
# open and fcntl are variadic in C, and macOS on ARM passes variadic arguments differently, so they
# must be called with the variadic ccall syntax (`Cint...`).

const O_RDONLY = 0
const O_WRONLY = 1
const O_RDWR = 2
const O_NOCTTY = Sys.isapple() ? 0x20000 : 0o400
const O_APPEND = Sys.isapple() ? 0x8 : 0o2000
const O_CREAT = Sys.isapple() ? 0x200 : 0o100
const O_CLOEXEC = Sys.isapple() ? 0x1000000 : 0o2000000
const F_DUPFD_CLOEXEC = Sys.isapple() ? 67 : 1030
const F_GETFD = 1
const F_SETFD = 2
const FD_CLOEXEC = 1
const SIG_SETMASK = Sys.isapple() ? 3 : 2
const LOCK_EX = 2
const LOCK_UN = 8
const IOLBF = 1
const POLLIN = 1
const X_OK = 1
"Our own descriptors start here, away from the small numbers that programs expect for theirs."
const FIRST_OWN_FD = 10

"`code` if the call worked; SystemError naming `what` if it returned -1."
checked(code, what::AbstractString) =
    code == -1 ? throw(system_error(what, Libc.errno())) : code

# With fewer arguments Julia 1.5 makes a SystemError that cannot be shown.
system_error(what::AbstractString, code::Integer) = SystemError(what, code, nothing)

"Open `path` for appending, created with mode 0600 if missing; not inherited by children."
open_append(path::AbstractString) = checked(
    ccall(:open, Cint, (Cstring, Cint, Cint...),
          path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600),
    "opening $path")

"Open `path` for reading; not inherited by children."
open_to_read(path::AbstractString) = checked(
    ccall(:open, Cint, (Cstring, Cint, Cint...), path, O_RDONLY | O_CLOEXEC, 0), "opening $path")

"Lock the file behind `fd`, of which nobody else holds a lock for long."
function lock_file(fd::Integer)
    # A signal that arrives meanwhile ends the call.
    while ccall(:flock, Cint, (Cint, Cint), fd, LOCK_EX) == -1
        Libc.errno() == Libc.EINTR || break
    end
end
unlock_file(fd::Integer) = ccall(:flock, Cint, (Cint, Cint), fd, LOCK_UN)

"Open the terminal at `path`, which does not become the one that controls this process."
open_tty(path::AbstractString) = checked(
    ccall(:open, Cint, (Cstring, Cint, Cint...), path, O_RDWR | O_NOCTTY | O_CLOEXEC, 0),
    "opening $path")

"A copy of `fd`, numbered `FIRST_OWN_FD` or higher; not inherited by children."
duplicate_high(fd::Integer) = checked(
    ccall(:fcntl, Cint, (Cint, Cint, Cint...), fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD), "fcntl")

"Make `target` refer to what `fd` refers to. Children inherit `target`."
function redirect_fd(fd::Integer, target::Integer)
    while ccall(:dup2, Cint, (Cint, Cint), fd, target) == -1
        Libc.errno() == Libc.EINTR || throw(system_error("dup2", Libc.errno()))
    end
end

"Keep `fd` from being inherited by programs that this process executes. False if not open."
function set_cloexec(fd::Integer)
    flags = ccall(:fcntl, Cint, (Cint, Cint, Cint...), fd, F_GETFD, 0)
    flags == -1 && return false
    checked(ccall(:fcntl, Cint, (Cint, Cint, Cint...), fd, F_SETFD, flags | FD_CLOEXEC), "fcntl")
    return true
end

close_fd(fd::Integer) = ccall(:close, Cint, (Cint,), fd)

"Run `f` with the process's file mode creation mask set to `mask`."
function with_umask(f, mask::Integer)
    old = ccall(:umask, UInt32, (UInt32,), mask)
    try
        return f()
    finally
        ccall(:umask, UInt32, (UInt32,), old)
    end
end

"Let C's stdout pass on every line as it ends, whatever file 1 is: it then keeps its order."
function line_buffer_c_stdout()
    stdout_symbol = Sys.isapple() ? :__stdoutp : :stdout
    file = unsafe_load(cglobal(stdout_symbol, Ptr{Cvoid}))
    ccall(:setvbuf, Cint, (Ptr{Cvoid}, Ptr{Cvoid}, Cint, Csize_t), file, C_NULL, IOLBF, 0)
    return nothing
end

"A pipe for bytes that wake a thread, not inherited by children: the ends to read and to write."
function open_pipe()
    ends = zeros(Cint, 2)
    checked(ccall(:pipe, Cint, (Ptr{Cint},), ends), "pipe")
    foreach(set_cloexec, ends)
    return ends[1], ends[2]
end

write_byte(fd::Integer) = ccall(:write, Cssize_t, (Cint, Ref{UInt8}, Csize_t), fd, 0x00, 1)
read_byte(fd::Integer) = ccall(:read, Cssize_t, (Cint, Ref{UInt8}, Csize_t), fd, Ref(0x00), 1)

"A descriptor to wait for, as poll(2) has it."
struct PollEntry
    fd::Cint
    events::Cshort
    happened::Cshort
end

PollEntry(fd::Integer) = PollEntry(fd, POLLIN, 0)
is_readable(entry::PollEntry) = entry.happened & POLLIN != 0

"Wait until one of `entries` can be read, `limit` milliseconds at most; -1 for no limit."
function wait_for_input(entries::Vector{PollEntry}, limit::Int)
    GC.@preserve entries wait_outside(pointer(entries), length(entries), limit)
end

"""
The waiting itself, during which garbage collections need not wait for this thread. So nothing in
here may touch an object.
"""
@noinline function wait_outside(entries::Ptr{PollEntry}, count::Int, limit::Int)
    before = ccall(:jl_gc_safe_enter, Int8, ())
    ccall(:poll, Cint, (Ptr{PollEntry}, Culong, Cint), entries, count, limit)
    ccall(:jl_gc_safe_leave, Cvoid, (Int8,), before)
    return nothing
end
