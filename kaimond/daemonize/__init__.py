"""Into the background, signs of life for the service manager, and an upgrade in place."""
