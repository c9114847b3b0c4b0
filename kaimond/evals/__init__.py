"""Evals: each belongs to its session, not to the agent that waits for it."""
