"""
An unbuffered output stream over a file descriptor that it does not own.

Base.stdout and Base.stderr of a session are two of these. Unbuffered, so that output keeps its
exact order with that of C code and children, and can be read while the code that prints never
yields. Mutable, so that stdout and stderr are different objects although they share a descriptor.
The descriptor's number never changes and only what it refers to does; a stream that some task
took hold of during an evaluation therefore stays valid for ever.

In a process of a person's, what the task `main` prints goes to the descriptor `person` instead.

It has no lock, so lines that several threads print at once may be torn. One more method of `lock`
for a stream invalidates 1,200 compiled methods of Julia 1.12, which a first `using` has then to
compile again, for two seconds.
"""
mutable struct SpoolIO <: IO
    fd::Cint
    main::Union{Task,Nothing}
    person::Cint
end

SpoolIO(fd::Integer) = SpoolIO(fd, nothing, -1)

"The descriptor that takes what the current task prints."
descriptor(io::SpoolIO) = io.main !== nothing && io.main === current_task() ? io.person : io.fd

"Rows and columns that output streams and shown values are to assume."
const DISPLAY_SIZE = Ref((24, 80))

function Base.unsafe_write(io::SpoolIO, data::Ptr{UInt8}, count::UInt)
    left = count
    fd = descriptor(io)
    while left > 0
        written = ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), fd, data, left)
        if written >= 0
            left -= written
            data += written
            continue
        end
        code = Libc.errno()
        if code == Libc.EAGAIN
            # User code put a non-blocking pipe on fd 2 and its reader is a task of this process.
            yield()
        elseif code == Libc.EIO && output_lost()
            # The rest of it goes where all output goes now.
        elseif code != Libc.EINTR
            throw(system_error("write", code))
        end
    end
    return Int(count)
end

function Base.write(io::SpoolIO, byte::UInt8)
    box = Ref(byte)
    return GC.@preserve box unsafe_write(io, Base.unsafe_convert(Ptr{UInt8}, box), UInt(1))
end

Base.fd(io::SpoolIO) = RawFD(io.fd)
# A child process gets the descriptor itself, not a pipe that a task of ours would have to read.
Base.setup_stdio(io::SpoolIO, ::Bool) = (RawFD(descriptor(io)), false)
Base.isopen(::SpoolIO) = true
Base.iswritable(::SpoolIO) = true
Base.flush(::SpoolIO) = nothing
Base.close(::SpoolIO) = nothing
Base.wait_close(::SpoolIO) = nothing

# There is never anything to read.
Base.isreadable(::SpoolIO) = false
Base.eof(::SpoolIO) = true
Base.bytesavailable(::SpoolIO) = 0
Base.readavailable(::SpoolIO) = UInt8[]
Base.read(::SpoolIO, ::Type{UInt8}) = throw(EOFError())
Base.wait_readnb(::SpoolIO, ::Int) = nothing

Base.displaysize(::SpoolIO) = DISPLAY_SIZE[]
"Does what these streams refer to show colours? A person's terminal may."
const OUTPUT_COLOR = Ref(false)

Base.get(::SpoolIO, key::Symbol, default) = key === :color ? OUTPUT_COLOR[] : default
Base.haskey(::SpoolIO, key::Symbol) = key === :color
Base.getindex(::SpoolIO, key::Symbol) = key === :color ? OUTPUT_COLOR[] : throw(KeyError(key))
Base.in(pair::Pair{Symbol,Bool}, ::SpoolIO) = pair === (:color => OUTPUT_COLOR[])
Base.show(io::IO, spool::SpoolIO) = print(io, "SpoolIO(<fd ", spool.fd, ">)")
