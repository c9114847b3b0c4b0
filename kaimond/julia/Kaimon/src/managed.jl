# A managed session: the daemon started this process for the gate alone.

"Did the daemon start this process?"
const MANAGED = Ref(false)

"""
Open the gate that the environment describes and never return. Called by boot.jl.

What goes wrong before the gate is open is written to the session's log, and the process exits
with code 1.
"""
function run_managed()
    MANAGED[] = true
    config = Config(Dict{String,String}(ENV), pwd())
    hide_configuration!(ENV, config)
    # Behind everything else, so that code here can say `using Kaimon`.
    push!(LOAD_PATH, dirname(dirname(SOURCE)))
    capture = Capture(config.log)
    config.instantiate && instantiate()
    start(opened(config, capture))
    wait_for_ever()
end

opened(config::Config, capture::Capture) =
    or_exit(() -> Server(config, capture), "the gate could not be opened at $(config.endpoint)")

"Download and build what the project's manifest asks for and the depot misses."
instantiate() = or_exit("Pkg.instantiate() failed for $(Base.active_project())") do
    package_manager = stdlib("Pkg", "44cfe95a-1eb2-52ea-b672-e2afdf69b78f")
    Base.invokelatest(package_manager.instantiate)
end

"The value of `f()`. If it throws, print the error, close with a line about `failure`, and exit."
function or_exit(f, failure::String)
    try
        return f()
    catch error
        # In the newest world, because the compiler then skips it unless it is needed.
        Base.invokelatest(exit_because, failure, error, catch_backtrace())
    end
end

function exit_because(failure::String, error, backtrace)
    showerror(stderr, error, backtrace)
    reason = first(split(error_text(error), '\n'))
    println(stderr, "\nkaimon: ", failure, ": ", reason)
    exit(1)
end

"Keep the main task, and with it the process, alive. Nothing thrown into it may end it."
function wait_for_ever()
    disable_sigint() do
        while true
            try
                wait(Condition())
            catch
                # A SIGINT without a target.
            end
        end
    end
end
