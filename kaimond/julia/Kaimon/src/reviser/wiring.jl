# The reviser in the course of an evaluation.

"Bring the packages up to date before `request` runs. Throws only what interrupts that."
function revise_before(server::Server, request::EvalRequest)
    request.revise == "builtin" || return nothing
    guarded(server) do
        run = (f, argument) -> in_user_code(server, f, argument)
        if revise_loaded()
            empty!(server.reviser.reloaded)
            run(revise_by_revise, nothing)
        else
            take_up_changes!(server.reviser, run)
        end
    end
end

"The fields that tell what was taken up for `request` and what is not current now."
function revision_fields(server::Server, request::EvalRequest)
    fields = Field[]
    request.revise == "builtin" || return fields
    if revise_loaded()
        stale = revise_errors()
    else
        guarded(() -> find_packages!(server.reviser), server)
        stale = stale_lines(server.reviser)
    end
    reloaded = reloaded_lines(server.reviser)
    isempty(reloaded) || push!(fields, Field("reloaded", join(reloaded, '\n')))
    isempty(stale) || push!(fields, Field("stale", join(stale, '\n')))
    return fields
end

"Call `f()`. An error of the reviser must not keep code from running, nor be passed over."
function guarded(f, server::Server)
    server.reviser.trouble = ""
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
