using Kaimon: Frame, Field, Refusal, parse_message, required, optional, positive, repeated,
    reply_frames, addressable

frames(parts...) = Frame[part isa String ? Frame(codeunits(part)) : part for part in parts]
refusal(parts...) = try
    parse_message(frames(parts...))
    ""
catch error
    error isa Refusal ? error.reason : rethrow()
end

@testset "fields keep their order and may repeat" begin
    message = parse_message(frames("peer", "id", "restart", "arg", "a", "nonce", "n", "arg", "b"))
    @test message.verb == "restart"
    @test message.id == codeunits("id")
    @test repeated(message, "arg") == ["a", "b"]
    @test required(message, "nonce") == "n"
end

@testset "a value may be any bytes, a text field must be UTF-8" begin
    message = parse_message(frames("peer", "id", "eval", "blob", UInt8[0xff, 0x00]))
    @test message.fields[1].value == UInt8[0xff, 0x00]
    @test_throws Refusal required(message, "blob")
end

@testset "a missing field is refused by name" begin
    message = parse_message(frames("peer", "id", "eval"))
    @test optional(message, "quiet", "no") == "no"
    try
        required(message, "code")
        @test false
    catch error
        @test occursin("code", error.reason)
    end
end

@testset "numbers are positive and whole" begin
    for (text, good) in (("7", true), ("0", false), ("-1", false), ("x", false), ("", false))
        message = parse_message(frames("peer", "id", "eval", "rows", text))
        good ? (@test positive(message, "rows", 1) == 7) :
            (@test_throws Refusal positive(message, "rows", 1))
    end
    @test positive(parse_message(frames("peer", "id", "eval")), "rows", 24) == 24
end

@testset "what is no request is refused with a reason" begin
    @test occursin("verb", refusal("peer", "id"))
    @test occursin("value", refusal("peer", "id", "eval", "code"))
    @test occursin("request id", refusal("peer", "", "ping"))
    @test occursin("UTF-8", refusal("peer", "id", UInt8[0xff]))
    @test occursin("UTF-8", refusal("peer", "id", "ping", UInt8[0xff], "x"))
    @test !addressable(frames("peer"))
    @test addressable(frames("peer", "id"))
end

@testset "a reply carries text and bytes alike" begin
    @test reply_frames(Frame(codeunits("id")), "pong", [Field("a", "ä"), Field("b", UInt8[1])]) ==
        frames("id", "pong", "a", "ä", "b", UInt8[1])
end
