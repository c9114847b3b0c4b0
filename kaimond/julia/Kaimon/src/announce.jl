# The announcement of a joined session: a file beside the socket that tells daemons of it.

"What was given to `Gate.serve`, as far as it outlives this process image."
struct Settings
    name::String
    namespace::String
    allow_restart::Bool
    allow_mirror::Bool
end

"Bytes of the longest path that a Unix socket may have on every system."
const MAX_SOCKET_PATH = 103

"The directory that daemons watch."
socket_directory() = joinpath(xdg("XDG_CACHE_HOME", ".cache"), "kaimon", "sock")

"The file in which a daemon has written where its libzmq is."
libzmq_file() = joinpath(xdg("XDG_STATE_HOME", joinpath(".local", "state")), "kaimon", "libzmq")

"A base directory by the XDG specification, by which a relative path is to be ignored."
function xdg(variable::String, default::String)
    value = get(ENV, variable, "")
    return isabspath(value) ? value : joinpath(homedir(), default)
end

announcement_path(key::String) = joinpath(socket_directory(), key * ".json")
socket_path(key::String) = joinpath(socket_directory(), key * ".sock")

"""
Make the directory of sockets, for its owner alone.

An ErrorException if it is a link, somebody else's or open to others: whoever can write there
decides which processes agents are connected to.
"""
function prepare_directory()
    directory = socket_directory()
    mkpath(directory; mode=0o700)
    found = lstat(directory)
    islink(found) && error("$directory is a symbolic link; replace it by a real directory")
    isdir(found) || error("$directory is not a directory; move it out of the way")
    found.uid == user_id() || error("$directory belongs to another user; remove it")
    found.mode & 0o077 == 0 ||
        error("$directory is open to other users; close it with: chmod 700 $directory")
    return directory
end

user_id() = ccall(:getuid, UInt32, ())

"Write the announcement of `server`, whole or not at all. `restarting`: it is about to execute Julia anew."
function announce(server::Server, settings::Settings; restarting::Bool=false)
    key = server.config.session
    path = announcement_path(key)
    partial = joinpath(dirname(path), ".$key.$(getpid()).partial")
    text = announcement_text(server, settings, restarting)
    try
        with_umask(0o177) do
            write(partial, text)
        end
        mv(partial, path; force=true)
    finally
        rm(partial; force=true)
    end
    return nothing
end

announcement_text(server::Server, settings::Settings, restarting::Bool) = json_object(
    "kaimon" => 1,
    "key" => server.config.session,
    "pid" => server.identity.pid,
    "start" => server.identity.start,
    "boot" => server.identity.boot,
    "nonce" => server.config.nonce,
    "protocol" => PROTOCOL,
    "gate" => String(PACKAGE_VERSION),
    "julia" => string(VERSION),
    "project" => text_or_empty(project_directory),
    "pwd" => text_or_empty(pwd),
    "name" => settings.name,
    "namespace" => settings.namespace,
    "allow_restart" => settings.allow_restart,
    "allow_mirror" => settings.allow_mirror,
    "restarting" => restarting,
) * "\n"

"The directory of the active project; without one, the working directory."
function project_directory()
    project = Base.active_project()
    return project === nothing ? pwd() : dirname(project)
end

"Take back the announcement and the socket of the session `key`."
function withdraw(key::String)
    for path in (announcement_path(key), socket_path(key), lock_path(socket_path(key)))
        try
            rm(path; force=true)
        catch
            # The directory may be gone, or not ours any more; the daemon sees that we end anyway.
        end
    end
    return nothing
end

# Just enough JSON to write an object of texts, whole numbers and booleans.

json_object(pairs::Pair...) =
    "{" * join((json_text(name) * ": " * json_value(value) for (name, value) in pairs), ", ") * "}"

json_value(value::Integer) = string(value)
json_value(value::String) = json_text(value)

function json_text(text::String)
    isvalid(text) || (text = "")
    out = IOBuffer()
    print(out, '"')
    for character in text
        if character in ('"', '\\')
            print(out, '\\', character)
        elseif character < ' '
            print(out, "\\u", string(UInt32(character); base=16, pad=4))
        else
            print(out, character)
        end
    end
    print(out, '"')
    return String(take!(out))
end
