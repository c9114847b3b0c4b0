# A script that is meant to be included by its path in the project: include("scripts/hello.jl")
using MyPkg

println(greet("from scripts/hello.jl"))
summarize(read_log(MyPkg.sample_log()))
