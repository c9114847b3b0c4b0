# A person at the session: the part that every gate loads.
#
# The daemon opens a pseudo-terminal and sends its path. On it the gate runs Julia's own line editor
# (the package KaimonTerminal), on a task of its own. What a person enters goes through the queue of the
# evaluations, so that persons and agents evaluate one after the other, on one task, in one Main.
#
# While a person's input runs, all output of the process goes to that person's terminal: by
# descriptor, as an agent's goes to its spool, and not through libuv. Should the terminal go away
# meanwhile, the rest goes to the session's log and the code does not notice.

"""
A terminal that somebody opened.

- `id`: 8 hexadecimal digits, as evaluations have; by it what is entered here is interrupted.
- `peer`: whom to tell what happens here.
- `type`: what the terminal is, as in TERM.
- `color`: does it show colours?
- `revise`: who takes up changed source before what is entered here runs.
- `fd`: of our own on the terminal, for the output of what is entered here.
- `tty`: the stream that the line editor reads and writes.
- `input`: what was entered and has not ended, or nothing. There is one at a time.
- `notices`: texts to be shown above the prompt.
- `repl`: the line editor, once it is set up.
"""
mutable struct Terminal
    id::String
    peer::Frame
    type::String
    color::Bool
    revise::String
    fd::Cint
    tty::Any
    input::Any
    notices::Channel{Any}
    repl::Any
end

"""
What a person entered.

- `id`: of the terminal.
- `work`: called on the eval task, as user code.
- `done`: gets a value when it has ended, or will not begin.
- `withdrawn`: it was interrupted before it began.
"""
mutable struct PersonInput
    id::String
    terminal::Terminal
    work::Any
    revise::String
    thorough::Bool
    done::Channel{Any}
    withdrawn::Bool
end

"The terminals that are open, the oldest first."
const TERMINALS = Any[]

"The open terminal `id`, or nothing."
function find_terminal(id::String)
    for terminal in TERMINALS
        terminal.id == id && return terminal::Terminal
    end
    return nothing
end

"The most texts that wait to be shown on a terminal; what comes when there are more is left out."
const MAX_NOTICES = 200

function notify_person(terminal::Terminal, text::String)
    isopen(terminal.notices) && length(terminal.notices.data) < MAX_NOTICES &&
        put!(terminal.notices, text)
    return nothing
end
