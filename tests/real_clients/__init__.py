"""The real Claude Code, Codex CLI and Gemini CLI, driven by a model of ours on loopback."""
