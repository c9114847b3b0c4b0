using Kaimon: SpoolIO, STREAM_WORLD, open_append, close_fd, duplicate_high, set_cloexec,
    FIRST_OWN_FD

function spooled(f)
    path = tempname()
    fd = open_append(path)
    try
        f(SpoolIO(fd))
        return read(path)
    finally
        close_fd(fd)
        rm(path)
    end
end

@testset "everything arrives at once and byte by byte as it was" begin
    @test spooled(io -> (print(io, "a", 1, 'ä'); println(io); write(io, 0x00); write(io, 0xff))) ==
        [codeunits("a1ä\n"); 0x00; 0xff]
    @test spooled(io -> write(io, UInt8[0xc3, 0x28])) == UInt8[0xc3, 0x28]
    @test spooled(io -> show(io, [1, 2])) == codeunits("[1, 2]")
    @test spooled(io -> write(io, "")) == UInt8[]
end

@testset "closing and flushing change nothing" begin
    @test spooled(io -> (close(io); flush(io); print(io, isopen(io), iswritable(io)))) ==
        codeunits("truetrue")
end

@testset "there is nothing to read" begin
    @test spooled(io -> print(io, isreadable(io), eof(io), bytesavailable(io), read(io, String))) ==
        codeunits("falsetrue0")
    @test_throws EOFError read(SpoolIO(1), UInt8)
    @test readavailable(SpoolIO(1)) == UInt8[]
end

@testset "colours are told however one asks" begin
    io = SpoolIO(1)
    @test (get(io, :color, true), haskey(io, :color), io[:color]) == (false, true, false)
    @test (get(io, :other, 1), haskey(io, :other)) == (1, false)
    @test (:color => false) in io
    @test_throws KeyError io[:other]
    @test !get(IOContext(io), :color, false)
    @test sprint(printstyled, "x"; context=io) == "x"
    @test sprint(context -> printstyled(context, "x"; color=:red); context=io) == "x"
end

@testset "a context around it is written and redirected like it" begin
    @test spooled(io -> (println(IOContext(io, :limit => true), "a"); flush(IOContext(io)))) ==
        codeunits("a\n")
    @test displaysize(IOContext(SpoolIO(1))) == displaysize(SpoolIO(1))
end

@testset "children get the descriptor itself" begin
    @test fd(SpoolIO(7)) === RawFD(7)
    @test spooled() do io
        run(pipeline(`sh -c "echo out; echo err >&2"`; stdout=io, stderr=io))
        run(pipeline(`echo context`; stdout=IOContext(io)))
        run(pipeline(`echo open`, `cat`, io))
        child = open(`cat`, "w", io)
        print(child, "written")
        close(child.in)
        wait(child)
        isdefined(Base, :closewrite) && Base.closewrite(io)
        isopen(io) && print(io, ", still open")
    end == codeunits("out\nerr\ncontext\nopen\nwritten, still open")
end

@testset "a stream can be copied to it" begin
    @test spooled(io -> write(io, IOBuffer("buffer"))) == codeunits("buffer")
    @test spooled(io -> write(io, IOContext(IOBuffer("context")))) == codeunits("context")
end

@testset "it is known where packages are loaded" begin
    # Base.invoke_in_world came with the world of its own that 1.10 loads packages in.
    isdefined(Base, :_require_world_age) && @test spooled() do io
        Base.invoke_in_world(STREAM_WORLD[], println, io, "from there")
    end == codeunits("from there\n")
    @test 0 < STREAM_WORLD[] <= Base.get_world_counter()
end

@testset "a descriptor that is gone is an error, not silence" begin
    @test_throws SystemError print(SpoolIO(9999), "x")
end

@testset "a spool file is the owner's only, and a missing folder is named" begin
    path = tempname()
    close_fd(open_append(path))
    @test filemode(path) & 0o777 == 0o600
    rm(path)
    try
        open_append("/nowhere/at/all")
        @test false
    catch error
        @test error isa SystemError
        @test occursin("/nowhere/at/all", sprint(showerror, error))
    end
end

@testset "our descriptors are numbered high" begin
    fd = duplicate_high(1)
    @test fd >= FIRST_OWN_FD
    close_fd(fd)
    @test !set_cloexec(fd)
end

@testset "stdout can be a SpoolIO, be redirected and be put back" begin
    path = tempname()
    fd = open_append(path)
    io = SpoolIO(fd)
    old = stdout
    saved = duplicate_high(1)
    try
        redirect_stdout(io)
        println("one")
        reader, writer = redirect_stdout()
        println("inner")
        @test stdout !== io
        redirect_stdout(io)
        close(writer)
        println("two")
        @test read(reader, String) == "inner\n"
        run(`echo three`)
        @test read(path, String) == "one\ntwo\nthree\n"
    finally
        redirect_stdout(SpoolIO(saved))
        old isa SpoolIO || redirect_stdout(old)
        close_fd(saved)
        close_fd(fd)
        rm(path)
    end
end
