# A session that has Revise itself loaded: ours stands aside.

const REVISE = Base.PkgId(Base.UUID("295af30f-e4ad-537b-8983-00126c2a3abe"), "Revise")

revise_loaded() = haskey(Base.loaded_modules, REVISE)

"Have Revise take up what its watchers have put into its queue."
function revise_by_revise(::Nothing)
    revise = Base.loaded_modules[REVISE]
    isempty(revise.revision_queue) || Base.invokelatest(revise.revise)
    return nothing
end

"What Revise could not take up, a line per file; its tables differ between versions."
function revise_errors()
    lines = String[]
    try
        for (place, problem) in Base.loaded_modules[REVISE].queue_errors
            package, file = place
            reason = first(split(error_text(problem[1]), '\n'))
            push!(lines, "$(joinpath(package.info.basedir, file)): Revise: $reason; correct the " *
                  "file, or restart the session")
        end
    catch error
        push!(lines, "Revise does not say what it could not take up ($(error_text(error))), so " *
              "any file may be newer than what runs; restart the session to be sure")
    end
    return lines
end

"The packages that Revise follows, from its own tables."
function revise_tracked()
    try
        tables = Base.loaded_modules[REVISE].pkgdatas
        return "by Revise: " * join(["$(id.name) ($(counted(length(data.info.files), "file")))"
                                     for (id, data) in tables], ", ")
    catch
        return "by Revise, which does not tell what"
    end
end
