using Kaimon: EvalDisplay, begin_collecting, end_collecting, MAX_DISPLAYED

@testset "shown values are collected in order, while collecting and on this task only" begin
    display_of_ours = EvalDisplay()
    begin_collecting(display_of_ours)
    try
        display([1])
        display("text/html", HTML("<b>"))
        other = @async try
            display(display_of_ours, 1)
        catch error
            error
        end
        @test fetch(other) isa MethodError
        payloads = end_collecting(display_of_ours)
        @test [payload.name for payload in payloads] == ["text/plain", "text/html"]
        @test_throws MethodError display(display_of_ours, 1)
        @test isempty(end_collecting(display_of_ours))
        begin_collecting(display_of_ours)
        @test count(d -> d === display_of_ours, Base.Multimedia.displays) == 1
    finally
        popdisplay(display_of_ours)
    end
end

@testset "there is a limit to what is collected" begin
    display_of_ours = EvalDisplay()
    begin_collecting(display_of_ours)
    try
        foreach(i -> display(display_of_ours, i), 1:MAX_DISPLAYED)
        @test_throws MethodError display(display_of_ours, 1)
        @test length(end_collecting(display_of_ours)) == MAX_DISPLAYED
    finally
        popdisplay(display_of_ours)
    end
end
