# The reviser's part of the rehearsals: a package that exists in memory only comes into being, changes
# and goes.

#
# `home` stands for the package's module. While Kaimon is precompiled only Main will do: Julia refuses
# to evaluate in a module that was not made by the code it precompiles.

rehearse_pieces() = (rehearsed_file("f() = 1", rehearsed_module()); nothing)

function rehearse_walk(home::Module=rehearsed_module())
    package = rehearsed_package(home)
    foreach(definition -> live_methods(package, definition), definitions(package))
end

function rehearse_changes(home::Module=rehearsed_module())
    reviser, package = Reviser(), rehearsed_package(home)
    run = (f, argument) -> Base.invokelatest(f, argument)
    for text in ("\"d\"\nf(x; k=1) = 1\nconst C = 1", "\"e\"\nf(x) = 2\nconst C = 2\nerror()")
        package.files[REHEARSED] = rehearsed_file(text, home)
        bring_up_to_date!(reviser, package, run)
    end
    push!(reviser.packages, package)
    stale_lines(reviser)
    reloaded_lines(reviser)
    tracked_text(reviser)
    return nothing
end

rehearsed_module() = Module(Symbol(REHEARSED))

function rehearsed_file(body::String, home::Module)
    file = SourceFile(REHEARSED)
    take_text!(file, "module $(nameof(home))\n$body\nend")
    return file
end

rehearsed_package(home::Module) =
    Package(REHEARSED, home, REHEARSED,
            path -> rehearsed_file("f(x) = 1\n\"doc\"\ng(; k=1) = k", home))
