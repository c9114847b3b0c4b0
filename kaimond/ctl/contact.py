"""The daemon's answers as facts for the doctor, for whom a missing daemon is not a failure."""

from __future__ import annotations

from kaimond.ctl import client
from kaimond.ctl.output import CtlError, ExitCode
from kaimond.doctor.world import Contact, DaemonState


def ask() -> Contact:
    """Ask for version and status, with the same deadlines as every command."""
    try:
        with client.connect() as daemon:
            version = daemon.call("version")
            status = daemon.call("status")
    except client.SkewedDaemonError as error:
        return Contact(DaemonState.SKEWED, str(error))
    except CtlError as error:
        absent = error.code is ExitCode.NOT_RUNNING
        return Contact(DaemonState.ABSENT if absent else DaemonState.UNCLEAR, str(error))
    except Exception as error:  # noqa: BLE001 - the doctor comes when things are as nobody foresaw
        words = f"asking the daemon failed ({type(error).__name__}: {error})"
        return Contact(DaemonState.UNCLEAR, words)
    return Contact(DaemonState.RUNNING, version=version, status=status)
