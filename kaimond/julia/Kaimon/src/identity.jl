"""
What tells this process image from every other one.

Pid and start time survive an exec; the boot id, made anew by each image, does not.
"""
struct Identity
    pid::Int
    start::String
    boot::String
end

const BOOT_ID_BYTES = 16

# The random bytes come from the system: drawing from Julia's generator would change what
# user code that never seeds it can rely on.
Identity() = Identity(getpid(), start_time(), bytes2hex(open(io -> read(io, BOOT_ID_BYTES),
                                                             "/dev/urandom")))

"When this process started, in ticks since the machine did, as Linux counts it; elsewhere \"\"."
function start_time()
    Sys.islinux() || return ""
    status = read("/proc/self/stat", String)
    # Field 2 is the program's name in parentheses and may contain anything; count from its end.
    after_name = status[last(findlast(")", status)) + 1:end]
    return String(split(after_name)[22 - 2])
end
