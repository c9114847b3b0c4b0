# What the eval task does in its first idle second: have the compiler do its work beforehand.
#
# This is for safety more than for speed. Compiled on demand, the description of the first interrupt
# keeps the gate mute for a second. The daemon takes a mute gate for one whose code computes, and
# goes on with SIGINTs until Julia throws by force, in the midst of the compiler, which then crashes
# the process. The steps are short, because a request that comes meanwhile waits for one of them.

rehearse_value() = (parse_code("1; 2", REHEARSED); hides_value("1; 2"); render(2); nothing)

rehearse_message() = foreach(entry -> error_text(entry[1]), rehearsed_stack())

rehearse_trace() = foreach(entry -> full_trace(entry...), rehearsed_stack())

rehearse_backtrace() = (failure_fields(rehearsed_stack()); nothing)

const REHEARSED = "rehearsal"

"The exceptions of an interrupted evaluation that never was."
function rehearsed_stack()
    try
        evaluate_toplevel(Expr(:toplevel, LineNumberNode(1, REHEARSED),
                               :(throw(InterruptException()))))
    catch
        return exception_stack()
    end
end

# The reviser's part: a package that exists in memory only comes into being, changes and goes.

rehearse_parsing() = (rehearsed_file("f() = 1"); nothing)

rehearse_looking() = (find_packages!(Reviser()); nothing)

function rehearse_walking()
    package = rehearsed_package()
    foreach(live_methods, definitions(package))
end

function rehearse_taking_up()
    reviser, package = Reviser(), rehearsed_package()
    run = (f, argument) -> Base.invokelatest(f, argument)
    for text in ("\"d\"\nf(x; k=1) = 1\nconst C = 1", "\"e\"\nf(x) = 2\nconst C = 2\nerror()")
        package.files[REHEARSED] = rehearsed_file(text)
        bring_up_to_date!(reviser, package, run)
    end
    push!(reviser.packages, package)
    stale_lines(reviser)
    reloaded_lines(reviser)
    tracked_text(reviser)
    return nothing
end

function rehearsed_file(body::String)
    file = SourceFile(REHEARSED)
    take_text!(file, "module $REHEARSED\n$body\nend")
    return file
end

rehearsed_package() = Package(REHEARSED, Module(Symbol(REHEARSED)), REHEARSED,
                              path -> rehearsed_file("f(x) = 1\n\"doc\"\ng(; k=1) = k"))
