"""A chaos run: real agents, real Julia, random work and random deaths, checked against a model.

`python -m tests.chaos --minutes 10 --seed 1` runs it alone; `test_chaos` runs a short one.

`agent` is one MCP client over a real shim; `script` is what an agent does; `disturber` is what
happens to the processes; `model` knows, without any input or output, what must hold; `checks`
compares the world with it while everything is quiet; `run` puts a run together; `report` has words.
"""
