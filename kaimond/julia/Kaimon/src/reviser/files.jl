# What is remembered of a source file, and whether it still is what is on the disk.

"""
What `stat` tells about the content of a file without reading it.

`plain`: does the file have this name only, so that all changes of it are seen in its directory?
"""
struct Stamp
    size::Int64
    modified::Float64
    changed::Float64
    inode::UInt64
    plain::Bool
end

function Stamp(path::String)
    status = lstat(path)
    linked = islink(status)
    linked && (status = stat(path))
    return Stamp(status.size, status.mtime, status.ctime, status.inode,
                 !linked && status.nlink <= 1)
end

const NO_STAMP = Stamp(-1, 0.0, 0.0, 0, false)

"Seconds after which another write must show in a file's times, also on coarse file systems."
const SETTLED_SECONDS = 2.0

"""
A source file of a package.

- `stamp`, `settled`: as of the last reading; `settled` if a write after it cannot have gone
  unnoticed for having the same times.
- `text`: as of the last reading; nothing if there was none to read.
- `digest`: of `text`, "" until somebody asks for it.
- `pieces`: the newest text that parsed.
- `problem`: why what is on the disk is not that, if so.
"""
mutable struct SourceFile
    path::String
    stamp::Stamp
    settled::Bool
    text::Union{Nothing,String}
    digest::String
    pieces::Vector{Any}
    problem::Union{Nothing,SourceProblem}
end

"A file of which nothing is known yet, and which therefore looks changed."
SourceFile(path::String) = SourceFile(path, NO_STAMP, false, nothing, "", Any[], nothing)

"May the content of `file` have changed since it was read?"
looks_changed(file::SourceFile) = !file.settled || Stamp(file.path) != file.stamp

"""
Take in what is on the disk if it looks changed; tell whether `pieces` or `problem` are other now.

Text that does not parse leaves the pieces as they were.
"""
function reread!(file::SourceFile)
    stamp = Stamp(file.path)
    now = time()
    text = try
        read(file.path, String)
    catch error
        error isa SystemError || error isa Base.IOError || rethrow()
        file.settled = false
        had = file.problem
        file.problem = SourceProblem(0, ispath(file.path) ? "it cannot be read" :
                                        "the file is missing")
        file.text = nothing
        file.digest = ""
        return had === nothing || had.reason != file.problem.reason
    end
    file.stamp = stamp
    file.settled = now - max(stamp.modified, stamp.changed) > SETTLED_SECONDS
    text == file.text && return false
    take_text!(file, text)
    return true
end

function take_text!(file::SourceFile, text::String)
    file.text = text
    file.digest = ""
    try
        file.pieces = parse_pieces(text, file.path)
        file.problem = nothing
    catch error
        error isa SourceProblem || rethrow()
        file.problem = error
    end
    return nothing
end

"""
SHA-256 of the text of `file` in hexadecimal, \"\" if there is none.

The daemon compares it with what it finds on the disk itself.
"""
function digest(file::SourceFile)
    file.text === nothing && return ""
    isempty(file.digest) &&
        (file.digest = bytes2hex(Base.invokelatest(sha_library().sha256, file.text)))
    return file.digest
end
