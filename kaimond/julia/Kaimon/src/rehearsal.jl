# What the eval task does in its first idle second: have the compiler do its work beforehand.
#
# This is for safety more than for speed. Compiled on demand, the description of the first interrupt
# keeps the gate mute for a second. The daemon takes a mute gate for one whose code computes, and
# goes on with SIGINTs until Julia throws by force, in the midst of the compiler, which then crashes
# the process. The steps are short, because a request that comes meanwhile waits for one of them.

# What every request needs. The gate opens before this is compiled.

rehearse_attempt() = precompile(attempt, (Server, EvalRequest))
rehearse_finish() =
    precompile(finish, (Server, EvalRequest, String, Int, Int, Vector{Field}))
rehearse_turn() = precompile(in_turn, (typeof(run_request), Server, EvalRequest))

"""
`f`, which the compiler does not see coming.

It looks into everything that code may call before that code runs, and the gate would open only when
it is through with all that evaluations, persons and accidents may need. Unlike with invokelatest the
world stays the same, so no definition of the user's has the gate's own code compiled anew.
"""
unseen(@nospecialize f) = Ref{Any}(f)[]

function rehearse_value()
    parse_inputs(inputs_of("1; 2"), REHEARSED)
    hides_value("1; 2")
    render(2)
    foreach(summary_fields, Any[2, "a"])
    return nothing
end

rehearse_message() = foreach(entry -> error_text(entry[1]), rehearsed_stack())

rehearse_trace() =
    foreach(((error, addresses),) -> full_trace(error, known_frames(addresses)), rehearsed_stack())

rehearse_backtrace() = (failure_fields(rehearsed_stack()); nothing)

"""
The answer to the question that every interrupt begins with. Compiled on demand it takes so long that
the gate counts as mute, and the SIGINT hits a background task while the evaluation only waits.
"""
function rehearse_interrupt()
    precompile(on_interrupt, (Server, Message))
    foreach(f -> precompile(f, (Server, String)),
            (withdraw_waiting, withdraw_input, withdraw_behind_person))
    precompile(ask_to_end, ())
    precompile(tell_offer, (Server,))
    return nothing
end

"An evaluation that is interrupted at once, from its code to its result, which nobody gets."
function rehearse_failure(server::Server)
    request = EvalRequest(Frame(), REHEARSED, "throw(InterruptException())", "", true, true,
                          DISPLAY_SIZE[], "off", false, "", Field[])
    begin_notes(server, request)
    status, fields = attempt(server, request)
    result_frames(request, status, 0, 0, fields)
    return nothing
end

const REHEARSED = "rehearsal"

"The exceptions of an interrupted evaluation that never was."
function rehearsed_stack()
    try
        evaluate_toplevel(Expr(:toplevel, LineNumberNode(1, REHEARSED),
                               :(throw(InterruptException()))))
    catch
        return exception_stack()
    end
end

# The reviser's part is loaded with the reviser; it costs as much as all the rest.

rehearse_looking() = (find_packages!(Reviser()); expects_packages() && load_reviser(); nothing)
rehearse_parsing() = REVISER_LOADED[] && in_reviser(:rehearse_pieces)
rehearse_walking() = REVISER_LOADED[] && in_reviser(:rehearse_walk)
rehearse_taking_up() = REVISER_LOADED[] && in_reviser(:rehearse_changes)

"Is the active project a package, or developed with one? Else there will hardly be any to follow."
function expects_packages(project=Base.active_project())
    (project === nothing || !isfile(project)) && return false
    has_line(project, "name") && return true
    # Julia knows where the manifest is: it may be one for this version, or that of a workspace.
    manifest = try
        Base.project_file_manifest_path(project)
    catch
        nothing
    end
    return manifest !== nothing && has_line(manifest, "path")
end

"Does a TOML file set `key` anywhere?"
has_line(file::String, key::String) = any(line -> startswith(line, key * " ="), eachline(file))
