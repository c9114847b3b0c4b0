"""Kaimon: live, trustworthy Julia sessions for AI coding agents."""

__version__ = "0.1.0"
