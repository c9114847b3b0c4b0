# What is done before each evaluation.

"The package `id`, loaded as `top` from `root` at some time after `since`, is followed from now on."
function begin_following!(reviser::Reviser, id::Base.PkgId, top::Module, root::String,
                          since::Float64)
    for packages in (reviser.packages, reviser.revised)
        # Not by name: extensions of different packages often have the same.
        filter!(package -> package_id(package) != id, packages)
    end
    revised = reviser.choice == "builtin" ? nothing : revised_package(id, top, since)
    if revised === nothing
        push!(reviser.packages, track(id, top, root, since))
        reviser.packages[end].checked = last_redefined(reviser)
    else
        push!(reviser.revised, revised)
    end
    return nothing
end

"""
Take up what changed in the files of all packages. `run(f, x)` is to call `f(x)` so that it can be
interrupted; whatever that throws leaves here only if it is an interrupt.

Every file is read if `thorough`, and what could not be taken up is tried again; else a file that
looks as it did is not read.
"""
function take_up_changes!(reviser::Reviser, @nospecialize(run), thorough::Bool=false)
    reviser.listener === nothing && (reviser.listener = FileListener())
    listener = reviser.listener::FileListener
    !thorough && reviser.still && is_quiet(listener) && revise_is_idle() && return nothing
    reviser.still = false
    # Before any file is looked at, so that no change is missed in between.
    paths = followed_paths(reviser)
    listen!(listener, paths)
    take_up_all!(reviser, run, thorough)
    reviser.still = listener.trusted && followed_paths(reviser) == paths && has_settled(reviser)
    return nothing
end

followed_paths(reviser::Reviser) =
    Set{String}(path for (_, package) in followed(reviser) for path in keys(package.files))

"Is nothing left to do, and does each file have one name only?"
has_settled(reviser::Reviser) =
    all(package -> is_finished(reviser, package), reviser.packages) &&
    all(file.stamp.plain && file.stamp != NO_STAMP for (_, package) in followed(reviser)
        for file in values(package.files))

function take_up_all!(reviser::Reviser, @nospecialize(run), thorough::Bool)
    take_up_by_revise!(reviser, run, thorough)
    thorough && foreach(doubt!, reviser.packages)
    for _ in 1:ATTEMPTS
        before = taken_up(reviser)
        for each in reviser.packages
            package = each::Package
            reread_files!(package)
            is_finished(reviser, package) && continue
            reviser.revision += 1
            Base.invokelatest(bring_up_to_date!, reviser, package, run)
        end
        # What failed may have needed something that another package has only now.
        taken_up(reviser) > before || return nothing
        all(package -> is_finished(reviser, package), reviser.packages) && return nothing
    end
end

"Times that packages are looked at for what others of them have taken up."
const ATTEMPTS = 10

taken_up(reviser::Reviser) = sum(Int[count for (_, count) in reviser.reloaded])

is_finished(reviser::Reviser, package::Package) =
    !package.pending && last_redefined(reviser) <= package.checked

"Trust nothing that is remembered of the files of `package`."
function doubt!(package::Package)
    foreach(file -> file.settled = false, values(package.files))
    package.pending = true
end

function reread_files!(package::Package)
    for found in values(package.files)
        # Asserted, because this is what every evaluation costs.
        file = found::SourceFile
        looks_changed(file) && reread!(file) && (package.pending = true)
    end
end

function count_change!(reviser::Reviser, file::String)
    index = findfirst(entry -> entry[1] == file, reviser.reloaded)
    if index === nothing
        push!(reviser.reloaded, (file, 1))
    else
        reviser.reloaded[index] = (file, reviser.reloaded[index][2] + 1)
    end
    return nothing
end
