# What depends on the version of Julia in the line editor, each with the version that differs.

"""
Does a terminal of this type, as TERM tells it, show colours?

Up to 1.10 Julia asks a program; from 1.11 on it has a terminfo of its own.
"""
function has_color(type::String)
    isdefined(Base, :load_terminfo) || return Base.ttyhascolor(type)
    return startswith(type, "xterm") || haskey(Base.load_terminfo(type), :setaf)
end

"The module that a line editor's person evaluates in; from 1.9 on it can be another than Main."
module_of(repl) = hasfield(typeof(repl.mistate), :active_module) ? repl.mistate.active_module : Main

"""
What shows the documentation that a person asks for with `line` in `home`.

Up to 1.8 all is looked up in Main. From 1.11 on this is a block that would leave a name in `home`.
"""
function help_expression(io::IO, line::String, home::Module)
    help = REPL.helpmode
    found = applicable(help, io, line, home) ? Base.invokelatest(help, io, line, home) :
        Base.invokelatest(help, io, line)
    return Expr(:let, Expr(:block), found)
end

"What makes the command that a person entered as `line`. From 1.14 on it may be a pipeline."
function shell_command(line::String)
    parsed = Base.shell_parse(line)[1]
    return Meta.isexpr(parsed, :tuple) ? :(Base.cmd_gen($parsed)) : parsed
end

"Add a line that was entered before to a line editor's `history`, which holds records from 1.13 on."
function push_history!(history, mode::Symbol, line::String)
    if hasfield(typeof(history), :modes)
        push!(history.history, line)
        push!(history.modes, mode)
    else
        time = REPL.now(REPL.UTC)
        push!(history.history, eltype(history.history)(mode, time, line, 0))
    end
    return nothing
end

"""
Call `f()` while the line editor of this `state` works at no key.

From 1.12 on it does so on a task of its own, maybe on another thread.
"""
between_keys(f, state) =
    hasfield(typeof(state), :line_modify_lock) ? lock(f, state.line_modify_lock) : f()

"""
Have `]` lead to the package mode of the line editor `repl`.

From 1.11 on it comes with an extension of Pkg that is loaded when it is used first, and that makes
one for the line editor alone that Base knows of at that moment.
"""
function lead_to_package_mode!(repl)
    isdefined(REPL, :load_pkg) || return nothing
    keys = repl.interface.modes[1].keymap_dict
    insert = keys[']']
    keys[']'] = function (state, rest...)
        typed = LineEdit.buffer(state)
        position(typed) == 0 || return insert(state, rest...)
        typed = copy(typed)
        mode = package_mode!(repl)
        LineEdit.transition(state, mode) do
            LineEdit.state(state, mode).input_buffer = typed
        end
    end
    return nothing
end

"The package mode of `repl`, which gets one if it has none."
function package_mode!(repl)
    extension = Base.invokelatest(REPL.load_pkg)
    provider = global_value(extension, :PkgCompletionProvider)
    is_it(mode) = mode isa LineEdit.Prompt && mode.complete isa provider
    any(is_it, repl.interface.modes) ||
        Base.invokelatest(global_value(extension, :repl_init), repl)
    return repl.interface.modes[findlast(is_it, repl.interface.modes)]
end

"Have menus drawn on `terminal`: up to 1.10 the library remembers the one that it was loaded with."
function set_menu_terminal(terminal)
    isdefined(REPL, :TerminalMenus) || return nothing
    menus = REPL.TerminalMenus
    isdefined(menus, :terminal) && Core.eval(menus, :(terminal = $terminal))
    return nothing
end
