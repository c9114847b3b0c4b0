using Kaimon: render, represent, cut_middle, type_name, error_text, shows_as, DISPLAY_SIZE

struct Picture end
Base.show(io::IO, ::MIME"text/plain", ::Picture) = print(io, "a picture")
Base.show(io::IO, ::MIME"image/png", ::Picture) = write(io, UInt8[0x89, 0xff])
Base.show(io::IO, ::MIME"image/svg+xml", ::Picture) = print(io, "<svg/>")

struct Unshowable end
Base.show(io::IO, ::Unshowable) = error("will not be shown")

struct Interrupting end
Base.show(io::IO, ::Interrupting) = throw(InterruptException())

struct Nameless end
Base.show(io::IO, ::Type{Nameless}) = error("no name")

struct Hopeless <: Exception end
Base.showerror(io::IO, ::Hopeless) = error("no words")

# Not a string, of which Julia 1.8 and newer show both ends alone.
struct Long end
Base.show(io::IO, ::Long) = print(io, "x"^(3 << 20))

names(payloads) = [payload.name for payload in payloads]
text(payload) = String(copy(payload.value))

@testset "a value is shown as text and as its best image" begin
    payloads = render(Picture())
    @test names(payloads) == ["text/plain", "image/png"]
    @test payloads[2].value == UInt8[0x89, 0xff]
    @test names(render(1)) == ["text/plain"]
end

@testset "arrays are shown within the display size" begin
    DISPLAY_SIZE[] = (10, 40)
    @test count(isequal('\n'), text(render(collect(1:1000))[1])) < 10
    DISPLAY_SIZE[] = (24, 80)
end

@testset "what cannot be shown says so" begin
    payload = represent("text/plain", Unshowable())
    @test payload.name == "text/x-error"
    @test occursin("Unshowable", text(payload)) && occursin("will not be shown", text(payload))
    @test occursin("Hopeless", error_text(Hopeless()))
    @test occursin("cannot be shown", type_name(Nameless()))
end

@testset "an interrupt ends the showing" begin
    @test_throws InterruptException render(Interrupting())
end

@testset "long text loses its middle and says how much" begin
    bytes = Vector{UInt8}("a"^500 * "b"^500)
    cut = cut_middle(bytes, 200)
    said = match(r"\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n", String(copy(cut)))
    kept = length(cut) - sizeof(said.match)
    @test length(cut) <= 200
    @test kept + parse(Int, said[1]) == 1000
    @test cut[1] == UInt8('a') && cut[end] == UInt8('b')
    @test cut_middle(bytes, 1000) === bytes
end

@testset "characters are not cut apart, and any bytes will do" begin
    for width in 190:200
        @test isvalid(String(cut_middle(Vector{UInt8}("ä€𝄞"^300), width)))
    end
    for byte in (0x80, 0xff)
        @test length(cut_middle(fill(byte, 1000), 200)) <= 200
    end
end

@testset "a long text payload is cut, an image is not" begin
    long = represent("text/plain", Long())
    @test length(long.value) <= 1 << 20
    @test occursin("bytes left out", text(long))
end
