# Included while the package is precompiled: everything that is loaded late otherwise is loaded now,
# and what a session does first is done once, so that its code gets into the cache file.
#
# From Julia 1.9 on that is machine code. Nothing of what is done here may stay in the module.

load_reviser()
load_tools()

foreach(signature -> precompile(signature...), (
    (run_managed, ()),
    (eval_loop, (Server,)),
    (pump, (Server,)),
    (handle, (Server, Vector{Frame})),
    (run_request, (Server, EvalRequest)),
    (run_request, (Server, PersonInput)),
    (in_turn, (typeof(run_request), Server, EvalRequest)),
    (in_turn, (typeof(run_request), Server, PersonInput)),
    (attempt, (Server, EvalRequest)),
    (finish, (Server, EvalRequest, String, Int, Int, Vector{Field})),
    (abandon, (Server, EvalRequest, String)),
    (revise_before, (Server, EvalRequest)),
    (revision_fields, (Server, EvalRequest)),
    (prepare_reviser, (Server,)),
    (take_up_changes!, (Reviser, Function, Bool)),
    (open_gate, (String, String, Settings)),
    (mirror_begin, (EvalRequest,)),
    (mirror_end, (EvalRequest, Int, Vector{Field})),
))
for verb in ("ping", "eval", "result", "ack", "sources", "tools", "interrupt", "terminal", "restart",
             "exit")
    precompile(handler_of(verb), (Server, Message))
end

let buffer = IOBuffer()
    # The values that are shown most.
    foreach(render, Any[1, 1.5, true, "text", 'c', :symbol, nothing, missing, 1:3, [1, 2], [1.0, 2.0],
                        ["a"], [1 2; 3 4], (1, "a"), (a=1, b="c"), Dict("a" => 1), Set([1]),
                        r"x", v"1.2", sin, Int, Main, Some(1), :(f(x)), 1 => 2, 1 // 2, 1 + 2im])
    rehearse_interrupt()
    rehearse_value()
    rehearse_message()
    rehearse_trace()
    rehearse_backtrace()
    rehearse_pieces()
    rehearse_walk(Main)
    rehearse_changes(Main)
    expects_packages()
    find_packages!(Reviser())
    try
        parse_code("1 +", REHEARSED)
    catch
        failure_fields(exception_stack())
    end
    try
        Core.eval(Main, :(sqrt(-1.0)))
    catch
        failure_fields(exception_stack())
    end
end
empty!(FRAMES)
