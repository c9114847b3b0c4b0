# Keeps SIGINTs away from the compiler while it infers. From Julia 1.9 to 1.11.
#
# From 1.8 on the compiler does a call of constants beforehand, and takes whatever is thrown then for
# what the call throws every time. After an InterruptException it leaves out all that follows the
# call, and the process dies when it gets there ("Unreachable reached"). Functions are inferred under
# a lock that defers SIGINTs, but the statements of an evaluation, if they have a loop, are not.

"The world in which the compiler finds its own methods, or 0 before `guard_inference`."
const INFERENCE_WORLD = Ref{UInt}(0)

"""
What Julia calls to infer a method, in the place of the compiler's own function.

A SIGINT that comes meanwhile is dropped. Thrown at the end it would still be inside of what Julia
takes for the compiler, and be reported as an internal error of it. The daemon sends another one.
"""
function infer_guarded(arguments...)
    local inferred
    done = false
    try
        Base.sigatomic_begin()
        # In the compiler's own world nothing that was loaded since has it compiled anew.
        inferred = Core._call_in_world(INFERENCE_WORLD[], Core.Compiler.typeinf_ext_toplevel,
                                       arguments...)
        done = true
        Base.sigatomic_end()
    catch
        done || rethrow()
    end
    return inferred
end

"From now on SIGINTs wait while the compiler infers, for as long as the process lives."
function guard_inference()
    INFERS_UNLOCKED && INFERENCE_WORLD[] == 0 || return nothing
    try
        INFERENCE_WORLD[] = unsafe_load(cglobal(:jl_typeinf_world, UInt))
        # Or it would have to infer itself.
        precompile(infer_guarded, INFERENCE_ARGUMENTS)
        ccall(:jl_set_typeinf_func, Cvoid, (Any,), infer_guarded)
    catch
        # A Julia without these internals evaluates as it would without us.
    end
    return nothing
end
