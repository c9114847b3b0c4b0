# Included while the package is precompiled: everything that is loaded late otherwise is loaded now,
# and what a session does first is done once, or compiled, so that its code gets into the cache file.
#
# From Julia 1.9 on that is machine code. Nothing of what is done here may stay in the module. What
# is still missing is told by `julia --trace-compile=stderr boot.jl`.

load_reviser()
load_tools()

foreach(signature -> precompile(signature...), (
    # A session's start.
    (run_managed, ()),
    (reroute_global_logger, (IOStream, SpoolIO)),
    (start_responder, (Server,)),
    (listen, (Ptr{Cvoid},)),
    (eval_loop, (Server,)),
    (infer_guarded, INFERENCE_ARGUMENTS),
    (pump, (Server,)),
    # Requests.
    (handle, (Server, Vector{Frame})),
    (handle, (Server, Message)),
    (hear, (Server, Responder, Vector{Frame})),
    (put!, (Channel{Any}, EvalRequest)),
    (push!, (Vector{Message}, Message)),
    # Evaluations.
    (run_request, (Server, EvalRequest)),
    (run_request, (Server, PersonInput)),
    (in_turn, (typeof(run_request), Server, EvalRequest)),
    (in_turn, (typeof(run_request), Server, PersonInput)),
    (attempt, (Server, EvalRequest)),
    (in_user_code, (Server, Any, Any)),
    (evaluate_and_render, (EvalRequest,)),
    (finish, (Server, EvalRequest, String, Int, Int, Vector{Field})),
    (abandon, (Server, EvalRequest, String)),
    (revise_before, (Server, EvalRequest)),
    (revision_fields, (Server, EvalRequest)),
    (prepare_reviser, (Server,)),
    (take_up_changes!, (Reviser, Function, Bool)),
    (begin_following!, (Reviser, Base.PkgId, Module, String, Float64)),
    (mirror_begin, (EvalRequest,)),
    (mirror_end, (EvalRequest, Int, Vector{Field})),
    # Programs, among them those that precompile packages.
    (open, (Base.CmdRedirect, String, SpoolIO)),
    (Base.spawn_opts_inherit, (Base.DevNull, SpoolIO, SpoolIO)),
    (Base.setup_stdio, (SpoolIO, Bool)),
    # A person's session.
    (open_gate, (String, String, Settings)),
))
for verb in ("ping", "eval", "result", "ack", "sources", "tools", "interrupt", "terminal", "restart",
             "exit")
    precompile(handler_of(verb), (Server, Message))
end

"Values, errors, output and edits of the usual kinds."
function work()
    values = Any[1, 1.5, true, "text", 'c', :symbol, nothing, missing, 1:3, [1, 2], [1.0, 2.0],
                 ["a"], Any[1], [1 2; 3 4], (1, "a"), (a=1, b="c"), Dict("a" => 1), Set([1]), r"x",
                 v"1.2", sin, Int, Main, Some(1), :(f(x)), 1 => 2, 1 // 2, 1 + 2im]
    foreach(render, values)
    foreach(summary_fields, Any[values..., zeros(3, 3), zeros(100), [true], Usual(1, "a", [1])])
    inputs_of("]")
    for code in ("1 +", "throw(InterruptException())", "error(1)", "sqrt(-1.0)", "undefined", "[1][2]",
                 "sin(\"a\")", "Dict()[1]", "throw(ArgumentError(\"x\"))")
        try
            evaluate_toplevel(parse_code(code, REHEARSED))
        catch
            failure_fields(exception_stack())
        end
    end
    rehearse_value()
    rehearse_message()
    rehearse_trace()
    rehearse_backtrace()
    rehearse_pieces()
    rehearse_walk(Main)
    rehearse_changes(Main)
    follow_a_package()
    expects_packages()
    find_packages!(Reviser())
    path = tempname()
    file = open_append(path)
    print_usual(SpoolIO(file))
    close_fd(file)
    rm(path)
    return nothing
end

"What a first `using` of a package that is followed needs, and an edit of it."
function follow_a_package()
    root = joinpath(mktempdir(), "src", "$REHEARSED.jl")
    mkpath(dirname(root))
    write(root, "module Main\n\"doc\"\nf(x) = 1\nstruct S end\nconst C = 1\nend")
    reviser = Reviser()
    package = track(Base.PkgId(REHEARSED), Main, root, time())
    push!(reviser.packages, package)
    run = (f, argument) -> Base.invokelatest(f, argument)
    for text in ("module Main\nf(x) = 2\ng() = f(1)\nend", "module Main\nf(x = \nend")
        write(root, text)
        take_up_changes!(reviser, run, true)
        followed_paths(reviser)
        has_settled(reviser)
        reloaded_fields(reviser)
        stale_fields(reviser)
        source_fields(reviser, NOTHING_KNOWN)
        tracked_text(reviser)
    end
    reviser.listener === nothing || close_fd(reviser.listener.fd)
    return nothing
end

"A type as users define them."
struct Usual
    number::Int
    text::String
    list::Vector{Int}
end

function print_usual(out::SpoolIO)
    for value in Any[1, 1.5, "a", 'c', true, nothing, [1, 2], :a]
        print(out, value)
        println(out, value)
        show(out, value)
    end
    println(out, "a ", 1, " b ", 2.5)
    println(out)
    Base.CoreLogging.with_logger(Base.CoreLogging.SimpleLogger(out)) do
        @info "a" b = 1
        @warn "a"
    end
    return nothing
end

rehearse_interrupt()
keeping_inferred(work)
empty!(FRAMES)
