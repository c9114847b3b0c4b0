# A joined session: a process that a person started, which agents may use beside the person.
#
# The person's input and the agents' evaluations take turns, so that neither prints into the
# other's output. A ^C of the person stays the person's: where it lands in one of our tasks,
# because that one waited last, it is passed on.

"""
What only a joined session has.

- `settings`: as given to `Gate.serve`.
- `main`: the task that the person's own code runs on.
- `agent_runs`: does an evaluation of an agent run?
- `person_waits`: does the person's input wait for it?
- `turn`: notified when the person's input may go on.
- `waiting`: the id of an evaluation that waits for the person, or \"\".
- `withdrawn`: was that one cancelled?
- `rehearsed`: was an agent's evaluation prepared for?
- `heard`: when a daemon last said something, in seconds since the epoch; 0 before.
- `left`: is the gate to be closed, or closed?
"""
mutable struct Joined
    settings::Any
    main::Task
    agent_runs::Bool
    person_waits::Bool
    turn::Condition
    waiting::String
    withdrawn::Bool
    rehearsed::Bool
    heard::Float64
    left::Bool
end

Joined(settings, main::Task) =
    Joined(settings, main, false, false, Condition(), "", false, false, 0.0, false)

"Seconds between two looks at whether the person's code has ended, while an evaluation waits."
const TURN_SECONDS = 0.05

"Seconds after which a person whose input waits is told why."
const HINT_SECONDS = 1

"Does the REPL evaluate what a person typed? Its backend waits for input whenever it does not."
person_evaluates(backend) = isempty(backend.repl_channel.cond_take)

"""
Wait until an evaluation of an agent may run, and keep the person's input from running meanwhile.

Returns false if the evaluation was cancelled before that.
"""
function take_turn(server, joined::Joined)
    joined.withdrawn = false
    while true
        backend = repl_backend()
        backend === nothing && break
        keep_turns!(backend, joined)
        (!person_evaluates(backend) || joined.person_waits) && break
        joined.withdrawn && return false
        calmly(() -> sleep(TURN_SECONDS), server)
    end
    joined.agent_runs = true
    return true
end

"The person's input may run."
function end_turn(joined::Joined)
    joined.agent_runs = false
    # Else the next evaluation would overtake the person again.
    joined.person_waits = false
    notify(joined.turn)
    return nothing
end

"Lets an evaluation of an agent end before the person's input begins; one of the REPL's transforms."
struct TurnKeeper
    joined::Joined
end

function keep_turns!(backend, joined::Joined)
    any(transform -> transform isa TurnKeeper, backend.ast_transforms) ||
        push!(backend.ast_transforms, TurnKeeper(joined))
    return nothing
end

function forget_turns()
    backend = repl_backend()
    backend === nothing || filter!(transform -> !(transform isa TurnKeeper),
                                   backend.ast_transforms)
    return nothing
end

function (keeper::TurnKeeper)(@nospecialize ast)
    joined = keeper.joined
    joined.agent_runs || return ast
    keeping_random_stream() do
        @async begin
            sleep(HINT_SECONDS)
            joined.person_waits && tell_person("code of an agent runs; your input is next")
        end
    end
    joined.person_waits = true
    try
        while joined.agent_runs
            wait(joined.turn)
        end
    finally
        joined.person_waits = false
    end
    return ast
end

"A line for the person, on the screen even while output goes to an evaluation's file."
function tell_person(text::String)
    server = current_gate()
    screen = server === nothing ? nothing : server.capture
    fd = screen isa Screen && screen.before !== nothing ? screen.before.err_fd : Cint(2)
    print(SpoolIO(fd), "kaimon: ", text, "\r\n")
    return nothing
end

"""
Wait in `f()`, in a task of ours.

In a person's process a SIGINT that comes meanwhile is taken at once, whoever it was meant for, and
passed on: deferred, it would wait with us.
"""
function calmly(f, server)
    (server === nothing || server.joined === nothing) && return f()
    while true
        try
            return reenable_sigint(f)
        catch error
            error isa InterruptException || rethrow()
            pass_on_sigint(server.joined)
        end
    end
end

"Take a SIGINT that was deferred in a task of ours."
function take_sigint(server)
    server.joined === nothing && return consume_stale_sigint()
    try
        reenable_sigint(() -> ccall(:jl_gc_safepoint, Cvoid, ()))
    catch
        pass_on_sigint(server.joined)
    end
    return nothing
end

"""
Interrupt the person's own code, if there is some; a SIGINT that came late from the daemon has no
target any more.
"""
function pass_on_sigint(joined::Joined)
    backend = repl_backend()
    task = backend === nothing ? joined.main : backend.backend_task
    (task === current_task() || istaskdone(task)) && return nothing
    (backend === nothing ? !joined.agent_runs : person_evaluates(backend)) || return nothing
    try
        schedule(task, InterruptException(); error=true)
    catch
        # It ended, or runs and will meet the next one.
    end
    return nothing
end
