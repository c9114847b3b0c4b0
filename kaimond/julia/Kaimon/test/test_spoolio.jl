using Kaimon: SpoolIO, open_append, close_fd, duplicate_high, set_cloexec, FIRST_OWN_FD

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
