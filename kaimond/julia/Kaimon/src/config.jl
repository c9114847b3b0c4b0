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

"Names the depot that the precompiled gate is in, if there is one."
const CACHE_VARIABLE = ENVIRONMENT_PREFIX * "CACHE"

"The configuration in `environment`, as the daemon sets it. An ErrorException names what misses."
Config(environment::Dict{String,String}, directory::String) =
    Config(needed(environment, "LIBZMQ"), needed(environment, "ENDPOINT"),
           needed(environment, "SESSION"), needed(environment, "NONCE"),
           needed(environment, "LOG"),
           get(environment, ENVIRONMENT_PREFIX * "INSTANTIATE", "") == "1",
           environment, directory)

function needed(environment::Dict{String,String}, name::String)
    variable = ENVIRONMENT_PREFIX * name
    value = get(environment, variable, "")
    isempty(value) &&
        error("the environment has no $variable; this program is started by kaimond, not by hand")
    return value
end

"Remove from `environment` what `config` was read from: it was for the gate's eyes only."
function hide_configuration!(environment::AbstractDict{String,String}, config::Config)
    for name in keys(config.environment)
        startswith(name, ENVIRONMENT_PREFIX) && name != SESSION_VARIABLE &&
            delete!(environment, name)
    end
    return nothing
end
