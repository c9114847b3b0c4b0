# The reviser's part of the rehearsals: a package that exists in memory only comes into being, changes
# and goes.

rehearse_pieces() = (rehearsed_file("f() = 1"); nothing)

function rehearse_walk()
    package = rehearsed_package()
    foreach(live_methods, definitions(package))
end

function rehearse_changes()
    reviser, package = Reviser(), rehearsed_package()
    run = (f, argument) -> Base.invokelatest(f, argument)
    for text in ("\"d\"\nf(x; k=1) = 1\nconst C = 1", "\"e\"\nf(x) = 2\nconst C = 2\nerror()")
        package.files[REHEARSED] = rehearsed_file(text)
        bring_up_to_date!(reviser, package, run)
    end
    push!(reviser.packages, package)
    stale_lines(reviser)
    reloaded_lines(reviser)
    tracked_text(reviser)
    return nothing
end

function rehearsed_file(body::String)
    file = SourceFile(REHEARSED)
    take_text!(file, "module $REHEARSED\n$body\nend")
    return file
end

rehearsed_package() = Package(REHEARSED, Module(Symbol(REHEARSED)), REHEARSED,
                              path -> rehearsed_file("f(x) = 1\n\"doc\"\ng(; k=1) = k"))
