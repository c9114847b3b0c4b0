"""
The part of the gate that needs Julia's line editor, as a package so that it can be precompiled.

REPL, which is outside the system image from Julia 1.11 on, costs more than all of the gate, and most
sessions never need it. So nothing here is loaded before somebody attaches. Without a cache the gate
evaluates the same files; see `terminal_package.jl` there.
"""
module KaimonTerminal

include("names.jl")
include("line_editor.jl")
include("compat_terminal.jl")

Kaimon.KEEPS_MACHINE_CODE && ccall(:jl_generating_output, Cint, ()) != 0 && include("workload.jl")

end
