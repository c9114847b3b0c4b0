# Included while the package is precompiled: what a terminal does first, so that its machine code gets
# into the cache file. What is still missing is told by `julia --trace-compile=stderr boot.jl`.

Kaimon.keeping_inferred() do
    foreach(signature -> precompile(signature...), (
        (has_color, (String,)),
        (open_frontend, (Server, Terminal, String)),
        (edit_lines, (Server, Terminal)),
        (line_editor, (Terminal,)),
        (take_history!, (Any,)),
        (pass_lines_on, (Server, Terminal)),
        (take_over_modes!, (Vector{Any}, Server, Terminal)),
        (enter_repl, (Terminal,)),
        (leave_repl, ()),
        (remember, (Symbol, String)),
        (enter, (Server, Terminal, Function)),
        (next_line, (LineEdit.MIState, Terminal, Any)),
        (with_errors_shown, (Function, Terminal)),
        (evaluate_line, (Terminal, String)),
        (module_of, (REPL.LineEditREPL,)),
        (display, (PersonDisplay, Any)),
        (show_exceptions, (Terminal, Vector{Tuple{Any,Any}})),
        (show_notices, (Terminal,)),
        (show_above_prompt, (REPL.LineEditREPL, String, Bool)),
    ))
end
