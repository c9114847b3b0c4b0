# The restart of a joined session: what one process image hands to the next.

"Holds what the next image needs to open the same gate again; removed as soon as it is read."
const RESUME_VARIABLE = "KAIMON_RESUME"

"How this process image was started, as far as the package was there to see it."
mutable struct Origin
    environment::Dict{String,String}
    directory::String
    resume::Dict{String,String}
end

const ORIGIN = Origin(Dict{String,String}(), "", Dict{String,String}())

"Note how the process was started; called when the package is loaded."
function note_origin()
    ORIGIN.resume = parse_resume(get(ENV, RESUME_VARIABLE, ""))
    delete!(ENV, RESUME_VARIABLE)
    ORIGIN.environment = Dict{String,String}(ENV)
    ORIGIN.directory = text_or_empty(pwd)
    return nothing
end

"""
What an earlier image of this very process left, or nothing.

A child inherits the variable if nobody has removed it, but it is not the process that it names.
"""
function parse_resume(text::String)
    found = Dict{String,String}()
    for line in split(text, '\n')
        parts = split(line, '='; limit=2)
        length(parts) == 2 && (found[parts[1]] = parts[2])
    end
    return get(found, "pid", "") == string(getpid()) ? found : Dict{String,String}()
end

function resume_text(server::Server, settings::Settings, nonce::String)
    fields = ["pid" => getpid(), "key" => server.config.session, "nonce" => nonce,
              "name" => settings.name, "namespace" => settings.namespace,
              "allow_restart" => settings.allow_restart, "allow_mirror" => settings.allow_mirror,
              "revise" => haskey(Base.loaded_modules, REVISE)]
    return join(("$name=$value" for (name, value) in fields), '\n')
end

"""
The command that starts this process anew, so that it opens its gate again.

A program, or code that was given, is run again and calls `Gate.serve` itself. A REPL loads its
startup files, of which one may do so, and then in any case a file of ours.
"""
function restart_command()
    program = joinpath(Sys.BINDIR, Base.julia_exename())
    words = start_arguments()
    has_code() && return [program; words]
    return [program; own_arguments(words); "--project=" * project_directory(); "-L"; RESUME_FILE]
end

const RESUME_FILE = joinpath(dirname(SOURCE), "resume.jl")

"The person's own among the arguments of a REPL, to which ours can be added."
function own_arguments(words::Vector{String})
    # An earlier restart has added three.
    length(words) > 2 && words[end] == RESUME_FILE && (words = words[1:end - 3])
    while !isempty(words) && words[end] == "--"
        words = words[1:end - 1]
    end
    return words
end

"""
Execute Julia anew in this process, which keeps its terminal, with the session's key and `nonce`.

Returns only if that fails, with the reason; the session then goes on as before.
"""
function execute_joined(server::Server, nonce::String)
    settings = server.joined.settings
    arguments = restart_command()
    config = Config(server.config.libzmq, server.config.endpoint, server.config.session,
                    server.config.nonce, server.config.log, false, ORIGIN.environment,
                    ORIGIN.directory)
    reason = why_not(config, nonce, arguments)
    reason === nothing || return reason
    variables = copy(ORIGIN.environment)
    variables[RESUME_VARIABLE] = resume_text(server, settings, nonce)
    directory = pwd()
    announce(server, settings; restarting=true)
    try
        flush_quietly(Base.stdout)
        flush_quietly(Base.stderr)
        Libc.flush_cstdio()
        foreach(set_cloexec, open_descriptors())
        cd(ORIGIN.directory)
        code = replace_image(arguments, ["$name=$value" for (name, value) in variables])
        reason = "$(arguments[1]): $(Libc.strerror(code))"
    finally
        cd(directory)
        announce(server, settings)
    end
    return reason
end

"Open the gate again if the startup files have not; called by resume.jl, which Julia loads last."
function resume()
    isempty(ORIGIN.resume) && return nothing
    get(ORIGIN.resume, "revise", "") == "true" && bring_into_main("Revise")
    bring_into_main("Kaimon")
    left = ORIGIN.resume
    Gate.serve(force=true, name=left["name"], namespace=left["namespace"],
               allow_restart=left["allow_restart"] == "true",
               allow_mirror=left["allow_mirror"] == "true")
    return nothing
end

"`using NAME` in Main, as the person had done; a package that cannot be loaded is passed over."
function bring_into_main(name::String)
    symbol = Symbol(name)
    try
        Core.eval(Main, Expr(:using, Expr(:., symbol)))
    catch
        if name == "Kaimon"
            Core.eval(Main, :(const Kaimon = $(@__MODULE__)))
            Core.eval(Main, :(using .Kaimon))
        end
    end
    return nothing
end
