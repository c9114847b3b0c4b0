"""Follows an eval from here: prints what it prints, and passes ^C on to it."""

from __future__ import annotations

import base64
import codecs
import os
import select
import sys
from typing import TYPE_CHECKING, Any, Final

from kaimond.ctl import client, render
from kaimond.ctl.interrupts import Interrupts
from kaimond.ctl.output import CtlError, ExitCode, remark, say_json
from kaimond.ctl.session_output import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODES: Final = {
    "done": ExitCode.DONE,
    "failed": ExitCode.FAILED,
    "interrupted": ExitCode.INTERRUPTED,
    "lost": ExitCode.UNKNOWN,
}
"""The exit code for each status of an eval that has ended."""


class Printer:
    """Standard output, for what an eval prints and for its value.

    On a terminal, colours and repainted lines pass, and other control characters are made visible.
    A file or a pipe gets the bytes unchanged.

    Attributes:
        closed: whether its reader has gone away.
    """

    def __init__(self) -> None:
        self.closed = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._within_line = False

    def raw(self, data: bytes) -> None:
        """Print a piece of output."""
        if not data or self.closed:
            return
        self._within_line = not data.endswith(b"\n")
        try:
            if sys.stdout.isatty():
                sys.stdout.write(harmless(self._decoder.decode(data), repaints=True))
            else:
                sys.stdout.buffer.write(data)
            sys.stdout.flush()
        except BrokenPipeError:
            self.closed = True
            # Otherwise Python would try again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def line(self, text: str) -> None:
        """Print a text on lines of its own."""
        self.new_line()
        self.raw(f"{text}\n".encode("utf-8", "replace"))

    def new_line(self) -> None:
        """Begin a new line, if the last one is not complete."""
        if self._within_line:
            self.raw(b"\n")


class Evaluation:
    """One eval, followed over as many connections as it takes.

    Args:
        request: the parameters of the request ``eval``.
        as_json: whether to print facts at the end, instead of what happens.
    """

    def __init__(self, request: Mapping[str, Any], *, as_json: bool) -> None:
        self._request = dict(request)
        self._as_json = as_json
        self._printer = Printer()
        self._received = 0
        self._eval = ""
        self._session = ""
        self._interrupts = Interrupts()
        self._asked_to_end = False

    def run(self) -> ExitCode:
        """Follow the eval to its end.

        Returns:
            The exit code, by the way it ended.

        Raises:
            CtlError: nothing was evaluated, or the eval goes on; the message says which.
        """
        daemon = client.connect_or_start()
        with self._interrupts:
            while True:
                with daemon:
                    code = self._converse(daemon)
                if code is not None:
                    return code
                self._aside("the connection to kaimond broke. Connecting again …")
                daemon = self._connected_again()

    def _converse(self, daemon: client.Client) -> ExitCode | None:
        """Follow the eval on one connection; return None if that breaks."""
        number = daemon.ask(
            "eval", **self._request, offset=self._received, stream=not self._as_json
        )
        if self._asked_to_end:
            daemon.notify("eval.interrupt")
        while True:
            wait = 0.0 if daemon.buffered else None
            keyboard, socket = self._interrupts.fileno(), daemon.fileno()
            ready, _, _ = select.select([keyboard, socket], [], [], wait)
            if keyboard in ready:
                self._interrupts.calm()
                self._check_interrupts(daemon)
            if daemon.buffered or socket in ready:
                messages = daemon.arrived()
                if messages is None:
                    return None
                for message in messages:
                    code = self._heard(message, number)
                    if code is not None:
                        return code
                if self._printer.closed and not self._asked_to_end:
                    if self._request.get("follow"):
                        raise CtlError(
                            f"nobody reads the output any more; {self._where_to_look()}",
                            ExitCode.INTERRUPTED,
                        )
                    self._ask_to_end(daemon, "nobody reads the output any more; ")

    # ^C

    def _check_interrupts(self, daemon: client.Client) -> None:
        if not self._interrupts.count:
            return
        if self._request.get("follow") or self._interrupts.count > 1:
            raise CtlError(self._where_to_look(), ExitCode.INTERRUPTED)
        if not self._asked_to_end:
            more = "; ^C again leaves it running" if self._eval else ""
            self._ask_to_end(daemon, "", more)

    def _ask_to_end(self, daemon: client.Client, why: str, more: str = "") -> None:
        self._asked_to_end = True
        self._aside(f"{why}interrupting{more} …")
        daemon.notify("eval.interrupt")

    def _where_to_look(self) -> str:
        if not self._eval:
            return "left before kaimond said that it had queued the code; `kaimonctl status` tells."
        state = "was asked to end, and had not yet," if self._asked_to_end else "goes on"
        return (
            f"eval {self._eval} {state} in session {self._session}. `kaimonctl eval --follow "
            f"{self._eval}` shows it, `kaimonctl interrupt {self._session}` interrupts it."
        )

    def _connected_again(self) -> client.Client:
        try:
            return client.connected_again(lambda: self._interrupts.count < 2)  # noqa: PLR2004
        except CtlError as error:
            raise CtlError(f"{error} {self._where_to_look()}", ExitCode.UNKNOWN) from None

    def _aside(self, text: str) -> None:
        self._before_message()
        remark(text)

    def _before_message(self) -> None:
        """Keep a message apart from an incomplete line, where both are on one screen."""
        if sys.stdout.isatty() and sys.stderr.isatty():
            self._printer.new_line()

    # What the daemon says

    def _heard(self, message: dict[str, Any], number: int) -> ExitCode | None:
        """Act on one message; return the exit code if it was the last."""
        if "method" not in message:
            if message.get("id") == number:
                client.result(message)
            return None
        said = message.get("params")
        facts: Mapping[str, Any] = said if isinstance(said, dict) else {}
        text = str(facts.get("text", ""))
        kind = message["method"]
        if kind == "eval.queued":
            self._eval, self._session = str(facts.get("eval")), str(facts.get("session"))
        elif kind == "eval.output":
            data = base64.b64decode(str(facts.get("data", "")))
            self._received += len(data)
            self._printer.raw(data)
        elif kind == "eval.said":
            self._aside(render.escape(text))
        elif kind == "eval.refused":
            interrupted = facts.get("kind") == "interrupted"
            raise CtlError(text, ExitCode.INTERRUPTED if interrupted else ExitCode.FAILED)
        elif kind == "eval.left":
            raise CtlError(text, ExitCode.NOT_RUNNING)
        elif kind == "eval.ended":
            return self._ended(facts)
        return None

    def _ended(self, report: Mapping[str, Any]) -> ExitCode:
        facts = report.get("facts")
        status = str(facts.get("status")) if isinstance(facts, dict) else ""
        if self._as_json:
            say_json(facts)
            return _CODES.get(status, ExitCode.UNKNOWN)
        shown = str(facts.get("shown", "")) if isinstance(facts, dict) else ""
        if shown:
            self._printer.line(shown)
        told = [str(report.get(name) or "") for name in ("failure", "notes")]
        if any(told):
            self._before_message()
            sys.stderr.write("".join(f"{harmless(text)}\n" for text in told if text))
        return _CODES.get(status, ExitCode.UNKNOWN)
