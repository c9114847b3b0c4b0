# What is remembered of a source file, and whether it still is what is on the disk.

"What `stat` tells about the content of a file without reading it."
struct Stamp
    size::Int64
    modified::Float64
    changed::Float64
    inode::UInt64
end

Stamp(path::String) = (status = stat(path);
    Stamp(status.size, status.mtime, status.ctime, status.inode))

const NO_STAMP = Stamp(-1, 0.0, 0.0, 0)

"Seconds after which another write must show in a file's times, also on coarse file systems."
const SETTLED_SECONDS = 2.0

"""
A source file of a package.

- `stamp`, `settled`: as of the last reading; `settled` if a write after it cannot have gone
  unnoticed for having the same times.
- `digest`: of the text that `pieces` were parsed from.
- `pieces`: the newest text that parsed.
- `problem`: why what is on the disk is not that, if so.
"""
mutable struct SourceFile
    path::String
    stamp::Stamp
    settled::Bool
    digest::UInt64
    pieces::Vector{Any}
    problem::Union{Nothing,SourceProblem}
end

"A file of which nothing is known yet, and which therefore looks changed."
SourceFile(path::String) = SourceFile(path, NO_STAMP, false, UInt64(0), Any[], nothing)

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
        file.digest = UInt64(0)
        return had === nothing || had.reason != file.problem.reason
    end
    file.stamp = stamp
    file.settled = now - max(stamp.modified, stamp.changed) > SETTLED_SECONDS
    digest = hash(text)
    digest == file.digest && return false
    take_text!(file, text)
    return true
end

function take_text!(file::SourceFile, text::String)
    file.digest = hash(text)
    try
        file.pieces = parse_pieces(text, file.path)
        file.problem = nothing
    catch error
        error isa SourceProblem || rethrow()
        file.problem = error
    end
    return nothing
end
