"""How the daemon lives on a machine."""
