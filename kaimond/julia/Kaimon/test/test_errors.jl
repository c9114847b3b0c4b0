using Kaimon: FRAMES, exception_stack, failure_fields, known_frames, trim_frames,
    status_of, evaluate_toplevel, parse_code

# In the newest world, as in a session: from 1.12 on older ones do not know what was just defined.
fields(f) = try
    f()
catch
    told = Base.invokelatest(failure_fields, exception_stack())
    Dict(field.name => String(copy(field.value)) for field in told)
end

run_code(code) = evaluate_toplevel(Base.parse_input_line(code; filename="eval-1"))

@testset "the user's frames stay, and Base's that the user called; ours go" begin
    told = fields(() -> run_code("user_function(x) = sqrt(x)\nuser_function(-1)"))
    @test occursin("DomainError", told["error"])
    @test !occursin("Stacktrace", told["error"])
    @test occursin("user_function", told["backtrace"])
    @test occursin("sqrt", told["backtrace"])
    @test occursin("top-level scope", told["backtrace"])
    @test !occursin("boot.jl", told["backtrace"])
    @test !occursin(Kaimon.SOURCE, told["backtrace"])
    @test occursin("evaluate_toplevel", told["trace"])
end

@testset "calls of eval by the user stay" begin
    told = fields(() -> run_code("Core.eval(Main, :(error(1)))"))
    @test occursin("boot.jl", told["backtrace"])
end

@testset "an error without user frames has no backtrace" begin
    told = fields(() -> parse_code("f(", "eval-1"))
    @test !isempty(told["error"])
    @test told["backtrace"] == ""
end

@testset "an error while handling another tells both" begin
    told = fields(() -> run_code("try; error(\"first\"); catch; error(\"second\"); end"))
    @test occursin(r"^second\n\ncaused by: first"s, told["error"])
    @test occursin("first", told["trace"])
end

@testset "frames are those that Julia finds, and each address is looked up once" begin
    addresses = try
        run_code("sort([1, \"a\"])")
    catch
        exception_stack()[end][2]
    end
    empty!(FRAMES)
    @test known_frames(addresses) == stacktrace(addresses)
    known = copy(FRAMES)
    @test !isempty(known)
    @test known_frames(addresses) == stacktrace(addresses)
    @test all(address -> FRAMES[address] === known[address], keys(FRAMES))
end

@testset "an interrupt is one however it is wrapped" begin
    @test status_of(InterruptException()) == "interrupted"
    @test status_of(LoadError("f", 1, InterruptException())) == "interrupted"
    @test status_of(CompositeException(Any[ErrorException("x"), InterruptException()])) ==
        "interrupted"
    task = @async throw(InterruptException())
    waited = try
        wait(task)
    catch error
        error
    end
    @test status_of(waited) == "interrupted"
    @test status_of(ErrorException("x")) == "error"
    @test status_of("a string can be thrown too") == "error"
end

@testset "endless recursion is told in few words" begin
    told = fields(() -> run_code("endless(x) = 1 + endless(x)\nendless(1)"))
    @test occursin("StackOverflowError", told["error"])
    @test occursin("endless", told["backtrace"])
    @test count(isequal('\n'), told["backtrace"]) < 200
end
