# Julia's line editor on a terminal.
#
# The prompt, its keys, completion and modes are those of the REPL library. What it does with a line
# is ours: the line goes to the eval task as one piece of work, which evaluates it and shows the
# value there, so that ^C and the order of things are the same for all of it.

"What was entered in this session, as pairs of mode and line: the history of the next terminal."
const HISTORY = Tuple{Symbol,String}[]
const MAX_HISTORY = 10_000

"""
The display of the person whose input runs.

It stays in Julia's stack of displays for good, so that those which user code pushes keep their
place above it.
"""
mutable struct PersonDisplay <: AbstractDisplay
    current::Any
end

const PERSON_DISPLAY = PersonDisplay(nothing)

# A MethodError is how a display says "not mine" to Base.display, which then asks the next one.
function Base.display(display::PersonDisplay, @nospecialize(value))
    display.current === nothing && throw(MethodError(Base.display, (display, value)))
    Base.display(display.current, value)
end

function Base.display(display::PersonDisplay, type::MIME, @nospecialize(value))
    display.current === nothing && throw(MethodError(Base.display, (display, type, value)))
    Base.display(display.current, type, value)
end

"Begin to edit lines on the terminal at `path`. Throws if it cannot be opened."
function open_frontend(server::Server, terminal::Terminal, path::String)
    fd = open_tty(path)
    try
        terminal.fd = duplicate_high(fd)
    finally
        close_fd(fd)
    end
    try
        terminal.tty = open_stream(path)
    catch
        close_fd(terminal.fd)
        rethrow()
    end
    push!(TERMINALS, terminal)
    @async disable_sigint(() -> edit_lines(server, terminal))
    return nothing
end

"A stream on the terminal at `path` that owns what it has open."
function open_stream(path::String)
    fd = open_tty(path)
    stream = try
        Base.TTY(RawFD(fd))
    catch
        close_fd(fd)
        rethrow()
    end
    # libuv opens a terminal anew, to set modes that others do not see, and leaves us ours.
    its_own = Ref{Cint}(-1)
    ccall(:uv_fileno, Cint, (Ptr{Cvoid}, Ptr{Cint}), stream.handle, its_own)
    its_own[] == fd || close_fd(fd)
    return stream
end

"Read and pass on lines until the person leaves or the terminal is gone."
function edit_lines(server::Server, terminal::Terminal)
    reason = ""
    try
        repl = line_editor(terminal)
        terminal.repl = repl
        @async disable_sigint(() -> show_notices(terminal))
        pass_lines_on(server, terminal)
    catch error
        reason = error_text(error)
    end
    close_terminal(server, terminal, reason)
end

"""
What `LineEdit.run_interface` does, for modes that come while it does so, too: a package that is
loaded meanwhile may bring one.
"""
function pass_lines_on(server::Server, terminal::Terminal)
    repl = terminal.repl::REPL.LineEditREPL
    state = repl.mistate::LineEdit.MIState
    ours = Any[]
    while !state.aborted
        take_over_modes!(ours, server, terminal)
        buffer, ok = LineEdit.prompt!(repl.t, repl.interface, state)
        take_over_modes!(ours, server, terminal)
        Base.invokelatest(LineEdit.mode(state).on_done, state, buffer, ok)
    end
end

"Have what is entered in each mode that is not in `ours` yet evaluated by the eval task."
function take_over_modes!(ours::Vector{Any}, server::Server, terminal::Terminal)
    modes = (terminal.repl::REPL.LineEditREPL).interface.modes
    main = modes[1]
    for mode in modes
        (mode isa LineEdit.Prompt && !any(other -> other === mode, ours)) || continue
        push!(ours, mode)
        name = name_of(mode, main.hist)
        mode.on_done =
            name === :julia ? entering(evaluate_line, server, terminal, name, main) :
            name === :shell ? entering(run_in_shell, server, terminal, name, main) :
            name === :help ? entering(show_help, server, terminal, name, main; also_empty=true) :
            passing_on(mode.on_done, server, terminal)
    end
end

"What `history` calls the `mode` if it is one of those that every line editor has, else nothing."
function name_of(mode::LineEdit.Prompt, @nospecialize history)
    for name in (:julia, :shell, :help)
        get(history.mode_mapping, name, nothing) === mode && return name
    end
    return nothing
end

"A line editor for `terminal`."
function line_editor(terminal::Terminal)
    tty, color = terminal.tty, terminal.color
    repl = REPL.LineEditREPL(REPL.Terminals.TTYTerminal(terminal.type, tty, tty, tty), color, true)
    repl.history_file = false
    repl.specialdisplay = REPL.REPLDisplay(repl)
    # ^Z would stop the whole session.
    keys = Dict{Any,Any}("^Z" => (state, rest...) -> nothing)
    repl.interface = REPL.setup_interface(repl; hascolor=color, extra_repl_keymap=keys)
    Core.eval(Base, :(have_color = $color))
    load_interactive_names()
    # The package mode, and what a person's startup file sets up, comes by these hooks. They look at
    # both variables.
    enter_repl(repl)
    Base._atreplinit(repl)
    leave_repl()
    lead_to_package_mode!(repl)
    take_history!(repl.interface.modes[1].hist)
    repl.mistate = LineEdit.init_state(repl.t, repl.interface)
    return repl
end

"Make what `InteractiveUtils` exports (`@which`, `methodswith`, …) known in Main, as at the REPL."
function load_interactive_names()
    try
        Core.eval(Main, :(using InteractiveUtils))
    catch
        # The load path of this session does not lead there.
    end
    return nothing
end

# The compiler does not look into it for this type of history: that takes longer than what it does.
function take_history!(@nospecialize history)
    for (mode, line) in HISTORY
        haskey(history.mode_mapping, mode) && push_history!(history, mode, line)
    end
    history.start_idx = length(history.history)
    LineEdit.reset_state(history)
    return nothing
end

function remember(mode::Symbol, line::String)
    entry = (mode, line)
    (isempty(strip(line)) || (!isempty(HISTORY) && HISTORY[end] == entry)) && return nothing
    push!(HISTORY, entry)
    length(HISTORY) > MAX_HISTORY && popfirst!(HISTORY)
    return nothing
end

"What a mode does with a line: `f(terminal, line)` on the eval task, and back to the mode `main`."
function entering(f, server::Server, terminal::Terminal, name::Symbol, main; also_empty::Bool=false)
    return function (state, buffer, ok)
        ok || return LineEdit.transition(state, :abort)
        line = String(take!(buffer))
        if also_empty || !isempty(line)
            remember(name, line)
            enter(server, terminal, () -> with_errors_shown(() -> f(terminal, line), terminal))
        end
        return next_line(state, terminal, main)
    end
end

function next_line(state::LineEdit.MIState, terminal::Terminal, @nospecialize main)
    println(terminal.tty)
    LineEdit.reset_state(state)
    return state.current_mode.sticky ? true : LineEdit.transition(state, main)
end

"What a mode of another library does, on the eval task."
function passing_on(on_done, server::Server, terminal::Terminal)
    return function (state, buffer, ok)
        ok || return on_done(state, buffer, ok)
        result = Ref{Any}(nothing)
        enter(server, terminal,
              () -> with_errors_shown(() -> (result[] = on_done(state, buffer, ok)), terminal))
        return result[]
    end
end

"Have `work` done on the eval task, in its turn, and wait for its end."
function enter(server::Server, terminal::Terminal, @nospecialize work)
    input = PersonInput(terminal.id, terminal, work, terminal.revise, false, Channel{Any}(1), false)
    terminal.input = input
    running = server.running
    put!(server.queue, input)
    running === nothing || say(terminal, waiting_for(running))
    take!(input.done)
    input.withdrawn && say(terminal, "^C: it was not evaluated")
    return nothing
end

waiting_for(::EvalRequest) = "waiting for an agent's eval …"
waiting_for(::PersonInput) = "waiting for what another terminal evaluates …"

"A line to the person that is not a result."
function say(terminal::Terminal, text::String)
    io = IOContext(terminal.tty, :color => terminal.color)
    printstyled(io, text, '\n'; color=:light_black)
end

# On the eval task:

"Make `terminal`'s line editor the one that Julia knows of."
function enter_repl(terminal::Terminal)
    enter_repl(terminal.repl)
    any(other -> other === PERSON_DISPLAY, Base.Multimedia.displays) || pushdisplay(PERSON_DISPLAY)
    PERSON_DISPLAY.current = terminal.repl.specialdisplay
    set_menu_terminal(terminal.repl.t)
    return nothing
end

function enter_repl(repl)
    Core.eval(Base, :(active_repl = $repl))
    Core.eval(Base, :(is_interactive = true))
    return nothing
end

function leave_repl()
    PERSON_DISPLAY.current = nothing
    Core.eval(Base, :(is_interactive = false))
    return nothing
end

function evaluate_line(terminal::Terminal, line::String)
    parsed = parse_code(line, "REPL[$(length(HISTORY))]")
    value = evaluate_toplevel(parsed, module_of(terminal.repl))
    set_ans(value)
    value === nothing || hides_value(line) || Base.invokelatest(display, value)
    return nothing
end

function show_help(terminal::Terminal, line::String)
    home = module_of(terminal.repl)
    value = evaluate_toplevel(help_expression(terminal.repl.t, line, home), home)
    value === nothing || Base.invokelatest(display, value)
    return nothing
end

run_in_shell(terminal::Terminal, line::String) =
    evaluate_toplevel(Expr(:call, :(Base.repl_cmd), shell_command(line), terminal.repl.t))

"Call `f()`; what it throws is described on `terminal`."
function with_errors_shown(@nospecialize(f), terminal::Terminal)
    try
        f()
    catch
        show_exceptions(terminal, exception_stack())
    end
    return nothing
end

function show_exceptions(terminal::Terminal, stack::Vector{Tuple{Any,Any}})
    io = IOContext(terminal.repl.t, :limit => true, :module => Main)
    for (index, (error, backtrace)) in enumerate(reverse(stack))
        index == 1 ? printstyled(io, "ERROR: "; bold=true, color=Base.error_color()) :
            print(io, CAUSED_BY)
        try
            Base.invokelatest(showerror, io, error)
        catch failure
            failure isa InterruptException && rethrow()
            print(io, error_text(error))
        end
        error isa SyntaxProblem && continue
        frames = trim_frames(stacktrace(backtrace))
        isempty(frames) || Base.invokelatest(Base.show_backtrace, io, frames)
    end
    println(io)
    return nothing
end

# Above the prompt:

"Show what comes for `terminal` from elsewhere, until it is closed."
function show_notices(terminal::Terminal)
    for text in terminal.notices
        try
            show_above_prompt(terminal.repl, text, terminal.input !== nothing)
        catch
            # The terminal is going away; the task that reads it will say so.
        end
    end
end

"Write `text` where the prompt is and draw the prompt, with what was typed, below it."
function show_above_prompt(repl, text::String, evaluating::Bool)
    if evaluating
        write(repl.t, text)
        return nothing
    end
    between_keys(repl.mistate) do
        buffer = IOBuffer()
        LineEdit.clear_input_area(REPL.Terminals.TerminalBuffer(buffer),
                                  LineEdit.state(repl.mistate))
        write(buffer, text)
        write(repl.t, take!(buffer))
        LineEdit.refresh_line(repl.mistate)
    end
    return nothing
end

# At the prompt of a process that a person started:

"Show `text` above the prompt of Julia's own REPL, or among the output of what it evaluates."
function show_at_own_prompt(text::String)
    repl = isdefined(Base, :active_repl) ? Base.active_repl : nothing
    backend = repl_backend()
    (repl isa REPL.LineEditREPL && repl.mistate !== nothing && backend !== nothing) ||
        return nothing
    keeping_random_stream() do
        @async try
            show_above_prompt(repl, text, backend.in_eval)
        catch
            # The REPL is ending.
        end
    end
    return nothing
end
