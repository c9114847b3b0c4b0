# What a running evaluation can tell of itself, and how it asks whether it is to end.

"""
What is known of the running evaluation besides its output.

- `stash`: what it has stashed, fields named `stash:<name>` in the order of their first time.
- `progress`: its last word of progress.
- `watches`: does it ask `is_cancelled` by itself? Then it gets time to end in its own way.
- `asked`: when its end was asked for, 0 before; nanoseconds, as all times here.
- `untold`: names of fields that the daemon was not told yet.
- `told`: when it was told last.
- `yielded`: when `is_cancelled` last let other tasks run.
"""
mutable struct Notes
    server::Server
    request::EvalRequest
    stash::Vector{Field}
    progress::String
    watches::Bool
    asked::UInt64
    untold::Set{String}
    told::UInt64
    yielded::UInt64
end

Notes(server::Server, request::EvalRequest) =
    Notes(server, request, Field[], "", false, 0, Set{String}(), 0, 0)

"Of the running evaluation; nothing between two of them."
const NOTES = Ref{Union{Notes,Nothing}}(nothing)
"Child tasks take notes too, and they may run on other threads."
const NOTES_LOCK = ReentrantLock()

const MAX_STASHED = 100
"The most bytes of one stashed value."
const STASH_LIMIT = 1 << 14
"The most bytes of one word of progress."
const PROGRESS_LIMIT = 1 << 10

const TELL_EVERY = UInt64(100_000_000)
const YIELD_EVERY = UInt64(10_000_000)
"What an evaluation that watches for its end gets before it is interrupted."
const GRACE = UInt64(2_000_000_000)

"""
    stash(name, value)

Keep a text of `value` under `name` with the running evaluation, while it runs and in its result;
`check_eval` shows it. A second value of the same name replaces the first.

Returns whether an evaluation runs that takes it.
"""
function stash(name, @nospecialize(value))
    notes = NOTES[]
    notes === nothing && return false
    label = "stash:" * string(name)
    # Showing is user code, so it happens before anything is held.
    field = Field(label, cut_middle(represent("text/plain", value).value, STASH_LIMIT))
    take_note(notes, label) do
        index = findfirst(old -> old.name == label, notes.stash)
        if index !== nothing
            notes.stash[index] = field
        elseif length(notes.stash) < MAX_STASHED
            push!(notes.stash, field)
        else
            throw(ArgumentError("an evaluation can stash $MAX_STASHED values at most"))
        end
    end
    return true
end

"""
    progress(message)

Tell whoever waits for the running evaluation how far it is. Only the newest message counts, and
calls cost little, so a loop may call it in each turn.

Returns whether an evaluation runs that takes it.
"""
function progress(message)
    notes = NOTES[]
    notes === nothing && return false
    text = String(cut_middle(to_frame(string(message)), PROGRESS_LIMIT))
    take_note(() -> notes.progress = text, notes, "progress")
    return true
end

"""
    is_cancelled()

Was the running evaluation asked to end? Code that asks this now and then, from any of its tasks,
gets two seconds to end in its own way before it is interrupted.
"""
function is_cancelled()
    notes = NOTES[]
    notes === nothing && return false
    if !notes.watches
        take_note(() -> notes.watches = true, notes, "watches")
    end
    now = time_ns()
    if notes.asked == 0 && Threads.threadid() == 1 && now - notes.yielded >= YIELD_EVERY
        notes.yielded = now
        # The pump cannot hear the question otherwise, if the code computes without a pause.
        yield()
    end
    return notes.asked != 0
end

"Do `change()` and tell the daemon of the field `name`, soon."
function take_note(change, notes::Notes, name::String)
    disable_sigint() do
        lock(NOTES_LOCK) do
            change()
            push!(notes.untold, name)
        end
        # Code that never lets other tasks run tells it itself. The socket is the main thread's.
        notes.server.responder === nothing && Threads.threadid() == 1 &&
            time_ns() - notes.told >= TELL_EVERY && tell(notes)
    end
    if notes.server.responder === nothing
        ccall(:uv_async_send, Cint, (Ptr{Cvoid},), TELLER[].handle)
    else
        wake(notes.server.responder)
    end
    return nothing
end

"Send what the daemon was not told yet. Does not take in what arrived meanwhile."
tell(notes::Notes) = send_news(notes, lock(() -> take_news(notes), NOTES_LOCK))

function take_news(notes::Notes)
    fresh = filter(field -> field.name in notes.untold, note_fields(notes))
    empty!(notes.untold)
    return fresh
end

function send_news(notes::Notes, fields::Vector{Field})
    isempty(fields) && return nothing
    notes.told = time_ns()
    frames = reply_frames(to_frame(notes.request.id), "notes", fields)
    server, peer = notes.server, notes.request.peer
    lock(() -> send_frames(server.socket, pushfirst!(frames, peer)), server.lock)
    return nothing
end

"""
Tell on the responder's thread what the daemon was not told yet; returns how many milliseconds that
has to wait, -1 if there is nothing.

The lock is not waited for: code that was interrupted by force may have left it locked.
"""
function tell_news(server)
    notes = NOTES[]
    (notes === nothing || isempty(notes.untold)) && return -1
    since = time_ns() - notes.told
    since < TELL_EVERY && return Int((TELL_EVERY - since) ÷ 1_000_000) + 1
    trylock(NOTES_LOCK) || return Int(TELL_EVERY ÷ 1_000_000)
    fields = try
        take_news(notes)
    finally
        unlock(NOTES_LOCK)
    end
    send_news(notes, fields)
    return -1
end

"All notes as fields."
function note_fields(notes::Notes)
    fields = copy(notes.stash)
    isempty(notes.progress) || push!(fields, Field("progress", notes.progress))
    notes.watches && push!(fields, Field("watches", "1"))
    return fields
end

# The teller: a task of the main thread that can be woken from every thread.

const TELLER = Ref{Base.AsyncCondition}()

function start_teller()
    isassigned(TELLER) && return nothing
    TELLER[] = Base.AsyncCondition()
    @async tell_for_ever(TELLER[])
    return nothing
end

function tell_for_ever(woken::Base.AsyncCondition)
    disable_sigint() do
        while true
            try
                calmly(() -> wait(woken), current_gate())
                tell_all()
            catch error
                note("telling of the evaluation failed: $(error_text(error))")
                # Should the error come back at once, do not fill the log and the processor.
                Libc.systemsleep(0.02)
            end
        end
    end
end

function tell_all()
    while (notes = NOTES[]) !== nothing
        told = !isempty(notes.untold)
        tell(notes)
        # Sending, also that of `take_note`, can swallow the wake-up of a message that has arrived.
        drain(notes.server)
        told || return nothing
        # One that is woken while it sleeps looks again; no wake-up is lost, and none hurries it.
        sleep(TELL_EVERY / 1e9)
    end
end

# What the rest of the gate does with notes.

"Take notes of `request`, which begins."
function begin_notes(server::Server, request::EvalRequest)
    server.responder === nothing && start_teller()
    NOTES[] = Notes(server, request)
    return nothing
end

"Take no more notes of `request`, which ends; returns what was stashed."
function end_notes(request::EvalRequest)
    notes = NOTES[]
    # One that never began may end while another one runs.
    (notes === nothing || notes.request !== request) && return Field[]
    NOTES[] = nothing
    return lock(() -> copy(notes.stash), NOTES_LOCK)
end

"Fields for whoever asks how the running evaluation is doing."
function notes_of(request::EvalRequest)
    notes = NOTES[]
    (notes === nothing || notes.request !== request) && return Field[]
    # Not waited for, as in `tell_news`.
    trylock(NOTES_LOCK) || return Field[]
    return try
        note_fields(notes)
    finally
        unlock(NOTES_LOCK)
    end
end

"Ask the running evaluation to end; tells whether it gets time to do so in its own way."
function ask_to_end()
    notes = NOTES[]
    notes === nothing && return false
    now = time_ns()
    notes.asked == 0 && (notes.asked = now)
    return notes.watches && now - notes.asked < GRACE
end
