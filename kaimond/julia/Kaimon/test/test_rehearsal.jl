using Kaimon: expects_packages

@testset "packages are expected where the project or its manifest has a path" begin
    mktempdir() do folder
        folder = realpath(folder)
        project = joinpath(folder, "Project.toml")
        manifest = joinpath(folder, "Manifest.toml")
        @test !expects_packages(nothing)
        @test !expects_packages(project)
        write(project, "[deps]\n")
        @test !expects_packages(project)
        write(manifest, "[[Dep]]\npath = \"lib/Dep\"\n")
        @test expects_packages(project)
        write(manifest, "[[Dep]]\n")
        @test !expects_packages(project)
        write(project, "name = \"Mine\"\n")
        @test expects_packages(project)
    end
end

@testset "it is the manifest that Julia takes" begin
    mktempdir() do folder
        folder = realpath(folder)
        project = joinpath(folder, "Project.toml")
        write(project, "manifest = \"Other.toml\"\n")
        write(joinpath(folder, "Other.toml"), "[[Dep]]\npath = \"lib/Dep\"\n")
        write(joinpath(folder, "Manifest.toml"), "[[Dep]]\n")
        @test expects_packages(project)
        write(project, "[deps]\n")
        if VERSION >= v"1.10.8"
            versioned = "Manifest-v$(VERSION.major).$(VERSION.minor).toml"
            write(joinpath(folder, versioned), "[[deps.Dep]]\npath = \"lib/Dep\"\n")
            @test expects_packages(project)
        end
    end
    VERSION >= v"1.12" && mktempdir() do folder
        folder = realpath(folder)
        write(joinpath(folder, "Project.toml"), "[workspace]\nprojects = [\"test\"]\n")
        write(joinpath(folder, "Manifest.toml"), "[[deps.Dep]]\npath = \"lib/Dep\"\n")
        project = joinpath(mkdir(joinpath(folder, "test")), "Project.toml")
        write(project, "[deps]\n")
        @test expects_packages(project)
    end
end
