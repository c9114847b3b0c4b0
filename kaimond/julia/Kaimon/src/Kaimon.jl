"""
The gate: what makes a Julia process a session of kaimond.

It serves the daemon's requests on one ZMQ ROUTER socket, through the libzmq the daemon names, and
uses the standard library only. Two tasks do the work:

- the *pump* (`server.jl`) reads requests and answers those that need no evaluation;
- the *eval task* (`evaluator.jl`) runs one evaluation after the other. It lives as long as the
  session, because Julia keeps state per task (the random number stream, task-local storage).

Both run with SIGINT deferred. Only user code, and the showing of values and errors, which is user
code too, runs with SIGINT enabled: a stray SIGINT can then never kill the gate. An evaluation that
waits is interrupted by throwing into its task; one that computes is interrupted by the daemon with
single SIGINTs, and only while the gate is mute.

Output never travels on the socket. It goes to a file per evaluation (`capture.jl`), which the
daemon reads while it grows.
"""
module Kaimon

export Gate, GateTool

# Start-up is dominated by compilation, and nothing here is worth optimising further.
Base.Experimental.@optlevel 1

"The protocol spoken with the daemon; it changes when an old daemon could misread us."
const PROTOCOL = 1

const SOURCE = @__DIR__
const PROJECT_FILE = joinpath(dirname(SOURCE), "Project.toml")
include_dependency(PROJECT_FILE)
const PACKAGE_VERSION = match(r"^version *= *\"([^\"]+)\""m, read(PROJECT_FILE, String))[1]

"Is this a module from a cache file, with its code compiled in advance? Else it was evaluated here."
const PRECOMPILED = ccall(:jl_generating_output, Cint, ()) != 0

include("spoolio.jl")
include("compat.jl")
include("posix.jl")
include("zmq.jl")
include("frames.jl")
include("looking.jl")
include("responder.jl")
include("config.jl")
include("identity.jl")
include("capture.jl")
include("shield.jl")
include("inference.jl")
include("screen.jl")
include("render.jl")
include("summary.jl")
include("displays.jl")
include("errors.jl")
include("code.jl")
include("inputs.jl")
include("reviser/following.jl")
include("joined.jl")
include("terminal_package.jl")
include("terminal.jl")
include("gatetools.jl")
include("server.jl")
include("gateapi.jl")
include("reviser/wiring.jl")
include("rehearsal.jl")
include("mirror.jl")
include("evaluator.jl")
include("turns.jl")
include("restart.jl")
include("verbs.jl")
include("managed.jl")
include("announce.jl")
include("resume.jl")
include("serving.jl")
include("gate.jl")

function __init__()
    STREAM_WORLD[] = Base.get_world_counter()
    note_origin()
end

PRECOMPILED && KEEPS_MACHINE_CODE && include("workload.jl")

end
