"""The service manager: systemd's user instance or launchd, which starts kaimond at login."""
