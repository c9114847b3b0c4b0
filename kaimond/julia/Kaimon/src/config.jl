"""
What a gate is told before it opens.

`environment` and `directory` are those the process was started with; a restart goes back to them.
"""
struct Config
    libzmq::String
    endpoint::String
    session::String
    nonce::String
    log::String
    instantiate::Bool
    environment::Dict{String,String}
    directory::String
end

const ENVIRONMENT_PREFIX = "KAIMON_"
"Stays in the environment, so that every descendant of a session can be recognised as one."
const SESSION_VARIABLE = "KAIMON_SESSION"

"The configuration in `environment`, as the daemon sets it. An ErrorException names what misses."
function Config(environment::AbstractDict{String,String}, directory::AbstractString)
    function needed(name)
        value = get(environment, ENVIRONMENT_PREFIX * name, "")
        isempty(value) && error("the environment has no ", ENVIRONMENT_PREFIX, name,
                                "; this program is started by kaimond, not by hand")
        return value
    end
    return Config(needed("LIBZMQ"), needed("ENDPOINT"), needed("SESSION"), needed("NONCE"),
                  needed("LOG"), get(environment, ENVIRONMENT_PREFIX * "INSTANTIATE", "") == "1",
                  Dict{String,String}(environment), directory)
end

"Remove from `environment` what was for the gate's eyes only."
function hide_configuration!(environment::AbstractDict{String,String})
    for name in collect(keys(environment))
        startswith(name, ENVIRONMENT_PREFIX) && name != SESSION_VARIABLE &&
            delete!(environment, name)
    end
    return environment
end
