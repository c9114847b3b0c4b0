# What the terminal uses of the gate and of the standard library.

using Kaimon: Kaimon, CAUSED_BY, EvalRequest, PersonInput, Server, SyntaxProblem, TERMINALS, Terminal,
    close_fd, close_terminal, disable_sigint, duplicate_high, error_text, evaluate_toplevel,
    exception_stack, global_value, hides_value, keeping_random_stream, open_tty, parse_code,
    repl_backend, repl_library, set_ans, trim_frames

const REPL = repl_library()
const LineEdit = REPL.LineEdit
