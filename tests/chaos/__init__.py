"""A chaos run: real agents, real Julia, random work and random kills, checked against a model.

`python -m tests.chaos --minutes 10 --seed 1` runs it; `test_chaos` runs a short version.

`agent` is one MCP client over a real shim; `script` is an agent's work; `disturber` kills, stops
and upgrades processes; `model` contains what must hold, without input or output; `checks` compares
the system with the model while it is quiet; `run` drives a run; `report` formats the figures.
"""
