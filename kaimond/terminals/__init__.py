"""Terminals that people attach to sessions."""
