# The reviser in the course of an evaluation.

"Bring the packages up to date before `request` runs. Throws only what interrupts that."
function revise_before(server::Server, request::Union{EvalRequest,PersonInput})
    reviser = server.reviser
    empty!(reviser.reloaded)
    request.revise == "off" && return nothing
    reviser.choice = request.revise
    reviser.trouble = ""
    guarded(server) do
        run = (f, argument) -> in_user_code(server, f, argument)
        reviser.prepared || run(prepare_reviser, server)
        find_packages!(reviser)
        follows_any(reviser) || return nothing
        in_reviser(:take_up_changes!, reviser, run, request.thorough)
    end
end

"""
The fields that tell what was taken up for `request` and what is not current now; and what the
session runs, if that is something else than whoever asks knows.
"""
function revision_fields(server::Server, request::EvalRequest)
    reviser = server.reviser
    request.revise == "off" && return Field[]
    guarded(() -> find_packages!(reviser), server)
    fields = follows_any(reviser) ? in_reviser(:reloaded_fields, reviser) : Field[]
    append!(fields, stale_fields(reviser))
    return append!(fields, source_fields(reviser, request.known))
end

"What is not current."
function stale_fields(reviser::Reviser)
    lines = isempty(reviser.trouble) ? String[] : String[reviser.trouble]
    follows_any(reviser) && append!(lines, in_reviser(:stale_lines, reviser))
    isempty(lines) && return Field[]
    hopeless = follows_any(reviser) ? in_reviser(:hopeless_count, reviser) : 0
    return Field[Field("stale", join(lines, '\n')),
                 Field("restart", string(hopeless + !isempty(reviser.trouble)))]
end

"What `known` is for whoever does not want to know what the session runs."
const NOT_ASKED = "-"
"What it is for whoever knows nothing yet."
const NOTHING_KNOWN = ""

"What the session runs, unless that is what it ran at the revision `known`."
function source_fields(reviser::Reviser, known::String)
    revision = string(reviser.revision)
    known in (revision, NOT_ASKED) && return Field[]
    fields = Field[Field("sources", revision)]
    follows_any(reviser) && append!(fields, in_reviser(:package_fields, reviser))
    return append!(fields, Field[Field("remark", remark) for remark in reviser.remarks])
end

"Call `f()`. An error of the reviser must not keep code from running, nor be passed over."
function guarded(f, server::Server)
    try
        f()
    catch error
        is_interrupt(error) && rethrow()
        server.reviser.trouble = "taking up changed source failed ($(error_text(error))), so any " *
            "file may be newer than what runs; restart the session"
        note(server.reviser.trouble)
    end
    return nothing
end

"Load Revise before the user's packages if it is wanted and the environment has it."
function prepare_reviser(server::Server)
    reviser = server.reviser
    reviser.prepared && return nothing
    choice = get(server.config.environment, ENVIRONMENT_PREFIX * "REVISE", "")
    choice in ("auto", "revise") && !haskey(Base.loaded_modules, REVISE) &&
        load_revise(reviser, choice)
    reviser.prepared = true
    return nothing
end

function load_revise(reviser::Reviser, choice::String)
    id = Base.identify_package("Revise")
    if id != REVISE
        choice == "revise" && push!(reviser.remarks, "The preference revise asks for Revise, " *
            "which the environment does not have. Kaimon's own reviser takes its place.")
        return nothing
    end
    try
        Base.require(id)
    catch error
        is_interrupt(error) && rethrow()
        push!(reviser.remarks, "Revise could not be loaded ($(first_line(error))). Kaimon's own " *
              "reviser takes its place.")
    end
    return nothing
end

first_line(@nospecialize error) = String(first(split(error_text(error), '\n')))
