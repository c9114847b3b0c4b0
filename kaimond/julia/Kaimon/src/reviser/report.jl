# What is told of the packages that are followed.

const BUILTIN = "built-in reviser"

"All packages that are followed, each with who does it."
followed(reviser::Reviser) =
    append!(Any[(revise_name(), package) for package in reviser.revised],
            Any[(BUILTIN, package) for package in reviser.packages])

"What was taken up, a line per file."
reloaded_lines(reviser::Reviser) =
    String[shown_path(file) * (count == 0 ? "" : ": " * counted(count, "definition"))
           for (file, count) in reviser.reloaded]

counted(count::Int, what::String) = count == 1 ? "1 $what" : "$count $(what)s"

"What is not current, a line per file, with the number of further reasons."
function stale_lines(reviser::Reviser)
    lines = String[]
    for (_, package) in followed(reviser)
        for file in sort!(unique(String[notice.file for notice in package.notices]))
            notices = filter(notice -> notice.file == file, package.notices)
            # What needs most help is said first.
            worst = findfirst(is_hopeless, notices)
            notice = notices[something(worst, 1)]
            place = notice.line > 0 ? ":$(notice.line)" : ""
            more = length(notices) > 1 ? " (and $(length(notices) - 1) more)" : ""
            push!(lines, "$(shown_path(file))$place: $(notice.reason)$more; $(notice.cure)")
        end
    end
    return append!(lines, other_revise_lines(reviser))
end

"How many of the files that are not current only a new process, or undoing, makes current."
hopeless_count(reviser::Reviser) =
    length(unique(String[notice.file for (_, package) in followed(reviser)
                         for notice in package.notices if is_hopeless(notice)]))

"`path` from the project's directory, if it is in it."
function shown_path(path::String)
    project = text_or_empty(Base.active_project)
    folder = joinpath(isempty(project) ? pwd() : dirname(project), "")
    return startswith(path, folder) ? path[length(folder) + 1:end] : path
end

"The packages by who follows them, with counts; what cannot be followed is named."
function tracked_text(reviser::Reviser)
    texts = String[]
    before = ""
    for (follower, package) in followed(reviser)
        text = "$(package.name) ($(counted(length(package.files), "file"))"
        isempty(package.untracked) ||
            (text *= "; not tracked: " * join(map(shown_path, package.untracked), ", "))
        push!(texts, (follower == before ? "" : follower * " tracks ") * text * ")")
        before = follower
    end
    return join(texts, ", ")
end

"""
What the session runs, for whoever wants to compare it with the disk: of each package who follows
it, its name, and each of its files as the digest of the text that was taken up last and the path.
"""
function package_fields(reviser::Reviser)
    fields = Field[]
    for (follower, package) in followed(reviser)
        append!(fields, Field[Field("reviser", follower), Field("package", package.name)])
        for path in sort!(collect(keys(package.files)))
            push!(fields, Field("file", digest(package.files[path]) * " " * path))
        end
        append!(fields, Field[Field("untracked", shown_path(what)) for what in package.untracked])
    end
    return fields
end

function reloaded_fields(reviser::Reviser)
    lines = reloaded_lines(reviser)
    return isempty(lines) ? Field[] : Field[Field("reloaded", join(lines, '\n'))]
end
