# Keeps the daemon's SIGINTs away from everything but code that is to be interrupted.

"""
A lock on a file beside the gate's socket. The gate holds it, but for the time that code of an
evaluation or of a person's input runs; the daemon takes it for each SIGINT, and keeps it until the
signal has been delivered.

Julia throws a SIGINT into whatever task runs next. Without the lock, one that is delivered a moment
after the evaluation's end hits a background task of the user's, and kills it.
"""
struct Shield
    fd::Cint
end

"The shield, raised, of the gate whose socket is at `endpoint`."
function Shield(endpoint::AbstractString)
    shield = Shield(open_append(lock_path(endpoint)))
    raise(shield)
    return shield
end

lock_path(endpoint::AbstractString) = splitext(endpoint)[1] * ".lock"

"Let SIGINTs come."
lower(shield::Shield) = unlock_file(shield.fd)

"From now on no SIGINT comes; one that is on its way has arrived when this returns."
raise(shield::Shield) = lock_file(shield.fd)
