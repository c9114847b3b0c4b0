"""Handles sessions whose gate and this daemon do not speak a common protocol.

Such a session was started by another version of kaimond. It is alive and its memory is intact, so
it is left alone until somebody asks for its end or a restart: `ping`, `exit` and signals work in
every protocol. An upgrade also replaces the gate's files while the old daemon still runs, so the
next session may have a different gate from the last one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaimond import __version__
from kaimond.errors import ErrorKind, SessionError
from kaimond.gate.frames import PROTOCOLS

if TYPE_CHECKING:
    from kaimond.registry.record import Record


GATE: Final = Path(__file__).parent.parent / "julia" / "Kaimon" / "src" / "Kaimon.jl"
"""The file that contains the gate's protocol number."""

_NUMBER: Final = re.compile(r"^const PROTOCOL = (\d{1,6})$", re.MULTILINE)


def unspoken(protocol: int, gate: str) -> str:
    """Return why this daemon cannot speak with a gate, as a clause; "" if it can.

    Args:
        protocol: the gate's protocol, 0 if unknown.
        gate: the gate's version.
    """
    if not protocol or protocol in PROTOCOLS:
        return ""
    return (
        f"its gate is of Kaimon {gate or 'of another version'} and speaks protocol {protocol}; "
        f"this kaimond is {__version__} and speaks {_ours()}"
    )


def require_spoken(record: Record) -> None:
    """Check that a live session can be used.

    Raises:
        SessionError: its gate speaks an unsupported protocol.
    """
    what = unspoken(record.protocol, record.gate)
    if what:
        raise SessionError(
            ErrorKind.GATE_PROTOCOL,
            f"Session {record.key} ({record.title}) is alive but cannot be used: {what}. Nothing "
            "was evaluated, and what it has in memory is still there. "
            'manage_repl(command="restart") gives a fresh Julia under the same key, '
            'manage_repl(command="shutdown") ends it; or the user installs that Kaimon and runs '
            "`kaimonctl reload`, which makes the session usable as it is.",
        )


def require_installed() -> None:
    """Check that this daemon can speak with a Julia that is started now.

    Raises:
        SessionError: another version was installed while this daemon runs.
    """
    protocol = installed_protocol()
    if protocol and protocol not in PROTOCOLS:
        raise SessionError(
            ErrorKind.REPLACED,
            f"The Kaimon that is installed is another one than the running kaimond {__version__}: "
            f"its gate speaks protocol {protocol}, this kaimond {_ours()}. No session was "
            "started. `kaimonctl reload` has the installed kaimond take over, and sessions go on; "
            "then try again.",
        )


def _ours() -> str:
    return " and ".join(map(str, PROTOCOLS))


def installed_protocol() -> int:
    """Return the protocol of the installed gate; 0 if it cannot be determined."""
    try:
        found = _NUMBER.search(GATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    return int(found[1]) if found else 0
