"""Open the live REPL of a session in this terminal; agents and you share its state.

^D at an empty prompt, the detach key, or a terminal that goes away leave everything running. ^C
interrupts what you have entered, and nothing of an agent.
"""

from __future__ import annotations

import argparse
import base64
import os
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaimond.ctl import chosen_session, client, render
from kaimond.ctl.output import CtlError, ExitCode, remark
from kaimond.ctl.raw_terminal import DetachKey, RawTerminal

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE: Final = "kaimonctl attach"

DETACH_KEY: Final = "^]"

LIMIT: Final = 150.0
"""Seconds for the answer; the session may be restarting, which has a deadline of its own."""


@dataclass(frozen=True)
class End:
    """The way an attachment ended.

    Attributes:
        kind: as the daemon calls it; ``detached`` or ``gone`` if this side ended it; ``lost`` if
            the connection broke.
        text: a sentence for the person.
        again: whether to attach again.
    """

    kind: str
    text: str = ""
    again: bool = False


_CODES: Final = {
    "left": ExitCode.DONE,
    "detached": ExitCode.DONE,
    "gone": ExitCode.DONE,
    "daemon-ends": ExitCode.NOT_RUNNING,
}
"""The ends that are not failures."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    chosen_session.add_argument(parser)
    parser.add_argument(
        "--detach-key",
        metavar="KEYS",
        type=_keys,
        default=DETACH_KEY,
        help=f"control keys that detach, such as ^P^Q; {DETACH_KEY} if not given",
    )


def run(options: argparse.Namespace) -> int:
    """Attach to the session, and again if the daemon is replaced meanwhile."""
    screen = RawTerminal()
    daemon = client.connect_or_start()
    key, first = options.session, True
    while True:
        with daemon:
            key = chosen_session.choose(daemon, key, tell=False)
            begun = _attach(daemon, screen, key)
            key = begun["session"]
            remark(_greeting(begun, options.detach_key, again=not first))
            with screen:
                end = _converse(daemon, screen, begun["terminal"], DetachKey(options.detach_key))
        if not end.again:
            return _conclude(end, key)
        remark(f"{render.escape(end.text)} Attaching again (^C gives up) …")
        daemon, first = _connected_again(key), False


def _attach(daemon: client.Client, screen: RawTerminal, key: str) -> dict[str, Any]:
    rows, columns = screen.size()
    term = os.environ.get("TERM") or "dumb"
    return daemon.call("attach", LIMIT, session=key, rows=rows, columns=columns, term=term)


def _greeting(begun: Mapping[str, Any], detach_key: str, *, again: bool) -> str:
    name = f"session {begun['session']} ({render.escape(str(begun['title']))})"
    if again:
        return f"attached to {name} again, generation {begun['generation']}"
    return f"attached to {name}. {detach_key} detaches, as does ^D; the session goes on."


def _converse(daemon: client.Client, screen: RawTerminal, terminal: str, keys: DetachKey) -> End:
    """Pass input and output on until one side ends the attachment; return how it ended."""
    while True:
        # Messages that came together with the answer do not make the descriptor readable.
        wait = 0.0 if daemon.buffered else None
        watched = [screen.input, screen.woken, daemon.fileno()]
        ready, _, _ = select.select(watched, [], [], wait)
        if screen.woken in ready:
            screen.calm()
            rows, columns = screen.size()
            daemon.notify("attach.resize", terminal=terminal, rows=rows, columns=columns)
        if screen.input in ready:
            typed = screen.read()
            passed, leaves = keys.feed(typed)
            if passed:
                data = base64.b64encode(passed).decode()
                daemon.notify("attach.input", terminal=terminal, data=data)
            if leaves:
                return End("detached", "Detached.")
            if not typed:
                return End("gone")
        if daemon.buffered or daemon.fileno() in ready:
            messages = daemon.arrived()
            end = _shown(screen, messages or ())
            if end:
                return end
            if messages is None:
                return End("lost", "The connection to kaimond broke; the session goes on.", True)


def _shown(screen: RawTerminal, messages: tuple[Mapping[str, Any], ...]) -> End | None:
    for message in messages:
        said = message.get("params")
        if not isinstance(said, dict):
            continue
        if message.get("method") == "attach.output":
            try:
                screen.write(base64.b64decode(str(said.get("data", ""))))
            except OSError:
                return End("gone")
        elif message.get("method") == "attach.ended":
            text = str(said.get("text", ""))
            return End(str(said.get("kind", "")), text, again=said.get("again") is True)
    return None


def _conclude(end: End, key: str) -> int:
    code = _CODES.get(end.kind, ExitCode.FAILED)
    text = render.escape(end.text)
    if end.kind == "detached":
        text = f"{text} Session {key} goes on; `kaimonctl attach {key}` comes back to it."
    if code is ExitCode.DONE:
        if text:
            remark(text)
        return code
    raise CtlError(text or "the daemon ended it without a word", code)


def _connected_again(key: str) -> client.Client:
    try:
        return client.connected_again()
    except CtlError as error:
        raise CtlError(
            f"{error} Session {key} does not need one to go on; attach again when kaimond runs.",
            error.code,
        ) from None


def _keys(text: str) -> str:
    try:
        DetachKey(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no sequence of control keys such as ^] or ^P^Q"
        ) from None
    return text
