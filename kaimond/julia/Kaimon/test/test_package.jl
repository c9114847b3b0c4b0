root = dirname(@__DIR__)

@testset "load.jl and Project.toml name the same package" begin
    uuid = string(Base.PkgId(Kaimon).uuid)
    @test occursin("\"$uuid\"", read(joinpath(root, "load.jl"), String))
    @test occursin("\"$uuid\"", read(joinpath(root, "Project.toml"), String))
end

@testset "the package of terminals is the one beside this" begin
    file = joinpath(dirname(Kaimon.TERMINAL_SOURCE), "Project.toml")
    @test occursin("uuid = \"$(Kaimon.TERMINAL_PACKAGE.uuid)\"", read(file, String))
end

@testset "the version is that of Project.toml" begin
    @test VersionNumber(Kaimon.PACKAGE_VERSION) >= v"0.1.0"
end

@testset "only the standard library is used, under its real UUIDs" begin
    listed = eachmatch(r"^(\w+) = \"([0-9a-f-]{36})\"$"m,
                       split(read(joinpath(root, "Project.toml"), String), "[deps]")[2])
    for entry in listed
        id = Base.PkgId(Base.UUID(entry[2]), entry[1])
        @test startswith(Base.locate_package(id), Sys.STDLIB)
    end
end
