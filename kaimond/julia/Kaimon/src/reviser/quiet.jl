# Has any file changed? Where the kernel tells, no file needs to be looked at.
#
# Linux puts an event into the queue of inotify before the call that changed a file returns: whoever
# finds the queue empty afterwards knows that there was no change. That costs one system call,
# however many files there are. It holds for files and directories that the kernel can tell all
# changes of, which is checked; everything else is looked at file by file.

const IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
const IN_MASK_ADD = 0x20000000
"Written, attributes, closed after writing, renamed away or here, created, removed, replaced."
const IN_CHANGES = 0x00000002 | 0x00000004 | 0x00000008 | 0x00000040 | 0x00000080 | 0x00000100 |
    0x00000200 | 0x00000400 | 0x00000800
"Only that the directory itself went away."
const IN_SELF = 0x00000400 | 0x00000800

"Kinds of file systems, as statfs numbers them, on which no other machine writes."
const LOCAL_FILE_SYSTEMS = (0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010,
                            0x2fc12fc1, 0xca451a4e, 0x858458f6)

"Large enough for what a version control system does to hundreds of files."
const EVENT_BYTES = 65536

"""
Listens for changes of files.

- `fd`: of inotify; -1 before the first use and where there is none.
- `directories`: those that are listened to.
- `trusted`: can nothing change without an event?
"""
mutable struct FileListener
    fd::Cint
    directories::Set{String}
    trusted::Bool
    buffer::Vector{UInt8}
end

FileListener() = FileListener(Cint(-1), Set{String}(), false, UInt8[])

"""
Has nothing changed since the last call?

After a \"no\" all files are to be looked at, once `listen!` was called.
"""
function is_quiet(listener::FileListener)
    listener.trusted || return false
    count = ccall(:read, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), listener.fd, listener.buffer,
                  EVENT_BYTES)
    count == -1 && Libc.errno() == Libc.EAGAIN && return true
    listener.trusted = false
    return false
end

"""
Listen to the directories of the files `paths` and to all above them, from now on.

What changed before nobody tells, so the files are to be looked at afterwards.
"""
function listen!(listener::FileListener, paths)
    listener.trusted = false
    Sys.islinux() || return nothing
    if listener.fd == -1
        listener.fd = ccall(:inotify_init1, Cint, (Cint,), IN_NONBLOCK_CLOEXEC)
        listener.fd == -1 && return nothing
        listener.buffer = Vector{UInt8}(undef, EVENT_BYTES)
    end
    while ccall(:read, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), listener.fd, listener.buffer,
                EVENT_BYTES) > 0
    end
    directories = Set{String}(dirname(path) for path in paths)
    all_told = true
    for directory in directories
        all_told &= add_watch(listener, directory, IN_CHANGES) && tells_all(directory)
    end
    for directory in above(directories)
        all_told &= add_watch(listener, directory, IN_SELF)
    end
    listener.directories = directories
    listener.trusted = all_told
    return nothing
end

add_watch(listener::FileListener, directory::String, mask::Integer) =
    ccall(:inotify_add_watch, Cint, (Cint, Cstring, UInt32), listener.fd, directory,
          mask | IN_MASK_ADD) != -1

"All directories above `directories`."
function above(directories::Set{String})
    found = Set{String}()
    for directory in directories
        while dirname(directory) != directory && !(dirname(directory) in found)
            directory = dirname(directory)
            push!(found, directory)
        end
    end
    return found
end

"Is `directory` reached without links, on a file system that only this machine changes?"
function tells_all(directory::String)
    try
        realpath(directory) == directory || return false
    catch
        return false
    end
    # The kind is the first word of the structure on all of Linux; the rest is not looked at.
    status = zeros(UInt64, 64)
    ccall(:statfs, Cint, (Cstring, Ptr{UInt64}), directory, status) == 0 || return false
    return (status[1] & 0xffffffff) in LOCAL_FILE_SYSTEMS
end
