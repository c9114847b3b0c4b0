"""Going into the background, messages to the service manager, and upgrades in place."""
