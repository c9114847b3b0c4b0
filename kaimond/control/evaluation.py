"""One evaluation for a client of the control socket, from its submission to its end.

The eval belongs to its session, as agents' evals do: a client that goes away leaves it running, and
may come back for it, also to the next daemon.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import logging
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from kaimond.control.command import Params
from kaimond.control.output_reader import OutputReader
from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import PERSON, Status
from kaimond.evals.spool import Spool
from kaimond.events import EvalPrinted
from kaimond.failure import told
from kaimond.gate.frames import is_utf_8
from kaimond.interrupts.cancel import Cancelled
from kaimond.mcp.restart_rules import restarted_if_stale
from kaimond.registry.state import USABLE
from kaimond.supervisor.persons_choice import meant, nearest_project, project_at

if TYPE_CHECKING:
    from kaimond.control.caller import Caller
    from kaimond.core import Core
    from kaimond.evals.eval import Eval
    from kaimond.registry.record import Record

_log = logging.getLogger("kaimond.control")

AGENT: Final = "kaimonctl"
"""Who submits these evals, for display and for the journal."""

SAY_EVERY: Final = 1.0
"""Seconds between two looks at what the code tells of its progress."""


class EvalParams(Params):
    """What to evaluate, or which eval to follow.

    Attributes:
        code: Julia code.
        pasted: whether the code may have a Markdown fence or prompts around it, to be left out.
        quiet: whether the value is not shown.
        session: the key of the session or its beginning; "" for that of the client's directory.
        cwd: the client's working directory.
        request: a random name for this evaluation; the same when the client asks again after its
            connection broke, so that nothing is evaluated twice.
        follow: the id of an eval to follow in place of evaluating anything.
        offset: how many bytes of the output the client has already.
        stream: whether output is sent as it comes, rather than in the facts at the end.
    """

    code: str = ""
    pasted: bool = False
    quiet: bool = False
    session: str = ""
    cwd: str = ""
    request: str = Field("", max_length=64)
    follow: str = ""
    offset: int = Field(0, ge=0)
    stream: bool = True


class Evaluation:
    """Evaluates for one client and tells it what happens.

    Args:
        core: the daemon.
        params: what the client asks for.
        caller: the client.
    """

    def __init__(self, core: Core, params: EvalParams, caller: Caller) -> None:
        self._core = core
        self._params = params
        self._caller = caller
        self._item: Eval | None = None
        self._interrupt = asyncio.Event()

    def interrupt(self) -> None:
        """Interrupt the eval, or do not submit it."""
        self._interrupt.set()
        if self._item:
            self._core.supervisor.tasks.watch(self._cancel(self._item))

    async def run(self) -> None:
        """Submit the eval and follow it to its end; every failure is told to the client."""
        try:
            with contextlib.suppress(ConnectionError):
                await self._run()
        except Exception as error:  # noqa: BLE001 - the client gets sentences, the log the cause
            failure = told(error, "This", "`kaimonctl status`", self._core.paths.server_log)
            if failure.logged:
                _log.exception("an eval for kaimonctl failed")
            with contextlib.suppress(ConnectionError):
                await self._notify("refused", text=failure.message, kind=failure.kind)

    async def _run(self) -> None:
        # Loading takes a moment in a daemon that has just started, which others must not notice.
        words = await asyncio.to_thread(importlib.import_module, "kaimond.control.eval_report")
        item = self._known() or await self._submitted(words)
        self._item = item
        await self._notify("queued", eval=item.id, session=item.session)
        if item.status is Status.QUEUED:
            await self._say(_waits(item))
        output = OutputReader(self._spool(item).path(item.id), self._params.offset)
        with contextlib.closing(output):
            await self._to_its_end(item, output, words)

    async def _to_its_end(self, item: Eval, output: OutputReader, words: Any) -> None:
        ended = await self._followed(item, output)
        if ended is None:
            text = (
                f"kaimond ended and left session {item.session} running, and eval {item.id} in it. "
                f"`kaimonctl eval --follow {item.id}` starts kaimond again and shows it."
            )
            await self._notify("left", text=text)
            return
        if self._params.stream:
            await self._send_rest(ended, output, words)
        report = await words.report(self._core, ended, with_output=not self._params.stream)
        await self._notify("ended", **report)

    # Before it begins

    def _known(self) -> Eval | None:
        """Return the eval that the client asks for by its id, or has submitted already."""
        history = self._core.supervisor.history
        if self._params.follow:
            found = history.get(self._params.follow)
            if found is None:
                gone = history.dropped(self._params.follow)
                why = f" Its result is no longer kept: {gone.why}." if gone else ""
                raise SessionError(
                    ErrorKind.NO_EVAL, f"There is no eval {self._params.follow!r}.{why}"
                )
            return found
        if not self._params.request:
            return None
        started = self._core.store.load_call(AGENT, self._params.request)
        return history.get(str(started["eval"])) if started else None

    async def _submitted(self, words: Any) -> Eval:
        code = self._params.code
        if self._params.pasted:
            code, remark = words.unwrapped(code)
            await self._say(remark)
        if not code.strip():
            raise SessionError(ErrorKind.REFUSED, "There is no code, so nothing was evaluated.")
        if "\0" in code:
            raise SessionError(
                ErrorKind.REFUSED,
                "The code holds a NUL character, which Julia code cannot have. "
                "Nothing was evaluated.",
            )
        if not is_utf_8(code):
            raise SessionError(ErrorKind.REFUSED, "The code is not UTF-8. Nothing was evaluated.")
        preparing = asyncio.ensure_future(self._prepared())
        interrupted = asyncio.ensure_future(self._interrupt.wait())
        try:
            await asyncio.wait([preparing, interrupted], return_when=asyncio.FIRST_COMPLETED)
            if self._interrupt.is_set():
                raise SessionError(
                    ErrorKind.INTERRUPTED,
                    "Nothing was evaluated. A session that was starting goes on with that.",
                )
            key = await preparing
        finally:
            preparing.cancel()
            interrupted.cancel()
        session = self._core.supervisor.sessions.get(key)
        if session is None:
            raise SessionError(
                ErrorKind.NO_SESSION,
                f"Session {key} ended in this moment, so nothing was evaluated. Try again.",
            )

        def journal(eval_id: str) -> None:
            started = {"tool": "eval", "eval": eval_id}
            self._core.remember_call(AGENT, self._params.request, started)

        return session.evaluate(code, AGENT, quiet=self._params.quiet, journal=journal)

    async def _prepared(self) -> str:
        """Return the key of the session, which is ready and as current as the user wants it."""
        supervisor = self._core.supervisor
        record = await self._session()
        if record.state not in USABLE:
            await supervisor.settled(record.key)
        await self._say(await restarted_if_stale(self._core, record.key, AGENT))
        return record.key

    async def _session(self) -> Record:
        supervisor, params = self._core.supervisor, self._params
        listed = supervisor.projects.listed
        project = None if params.session else project_at(listed, params.cwd)
        has_session = any(record.project == str(project) for record in supervisor.registry.alive())
        if project is None or (has_session and listed.allowed(project) is None):
            # A person's own REPL is in a project that agents need not be allowed to start.
            return meant(supervisor, listed, params.session, params.cwd, careful=False)
        starting = asyncio.ensure_future(supervisor.start(str(project), "", "ctl"))
        try:
            await asyncio.wait([starting], timeout=SAY_EVERY)
            there = supervisor.registry.alive_for(str(project), "")
            if not (starting.done() or (there and there.state in USABLE)):
                await self._say(f"starting a session for {project} …")
            record, fresh = await starting
        finally:
            starting.cancel()
        nearest = nearest_project(self._params.cwd)
        if fresh:
            await self._say(f"session {record.key} started for {project}")
        elif nearest != project:
            await self._say(
                f"evaluating in session {record.key} of {project}; {nearest} is not allowed by "
                "itself"
            )
        return record

    # While it runs

    async def _followed(self, item: Eval, output: OutputReader) -> Eval | None:
        """Pass on what an eval prints; return it at its end, None if the daemon ends first."""
        core, news = self._core, asyncio.Event()

        def printed(event: EvalPrinted) -> None:
            if event.eval == item.id:
                news.set()

        unsubscribe = core.bus.subscribe(EvalPrinted, printed)
        ended = asyncio.ensure_future(core.supervisor.history.finished(item.id))
        stopping = asyncio.ensure_future(core.stopping.wait())
        for each in (ended, stopping):
            each.add_done_callback(lambda _: news.set())
        progress = ""
        # What there is already, if it was submitted before.
        news.set()
        try:
            while not ended.done():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SAY_EVERY):
                        await news.wait()
                if news.is_set():
                    news.clear()
                    await self._send_output(output)
                progress = await self._progress(item, progress)
                if core.stopping.is_set() and not core.reloading and self._outlives_daemon():
                    return None
            return await ended
        finally:
            unsubscribe()
            ended.cancel()
            stopping.cancel()

    def _outlives_daemon(self) -> bool:
        return self._core.settings.daemon.on_stop == "keep"

    async def _progress(self, item: Eval, said: str) -> str:
        """Tell what the code says of its progress, if that is new; return it."""
        session = self._core.supervisor.sessions.get(item.session)
        progress = session.notes_of(item.id).progress if session else ""
        if progress not in ("", said):
            await self._say(progress)
        return progress

    async def _cancel(self, item: Eval) -> None:
        came = await self._core.supervisor.cancel(
            item, "it was interrupted by the kaimonctl that ran it"
        )
        why = _NOT_INTERRUPTED.get(came)
        if why:
            with contextlib.suppress(ConnectionError):
                await self._say(f"eval {item.id} still runs: {why.format(key=item.session)}")

    # Output

    async def _send_output(self, output: OutputReader, size: int = -1) -> None:
        """Send what there is of the output, up to ``size`` bytes if it has ended."""
        while self._params.stream and (data := output.piece(size)):
            await self._notify("output", data=base64.b64encode(data).decode())

    async def _send_rest(self, item: Eval, output: OutputReader, words: Any) -> None:
        outcome = item.outcome
        assert outcome is not None, "the eval has ended"
        if output.position < outcome.output:
            await self._send_output(output, outcome.output)
        if not output.position and outcome.output:
            # The process was gone before its file was opened.
            data = words.output(item, self._spool(item)).encode("utf-8", "replace")
            await self._notify("output", data=base64.b64encode(data).decode())
        elif output.position < outcome.output:
            left = outcome.output - output.position
            await self._say(f"the last {left} bytes of its output are no longer kept")

    def _spool(self, item: Eval) -> Spool:
        return Spool(self._core.paths.session_spool(item.session))

    # Messages

    async def _say(self, text: str) -> None:
        """Send a sentence for the person, if it is not empty."""
        if text:
            await self._notify("said", text=text)

    async def _notify(self, what: str, **facts: Any) -> None:
        await self._caller.notify(f"eval.{what}", facts)


_NOT_INTERRUPTED: Final = {
    Cancelled.STUBBORN: "its code does not let itself be interrupted. `kaimonctl restart {key}` "
    "ends it, and clears the session's state",
    Cancelled.BEHIND: "it is behind code of the person whose REPL this is, which is left alone",
}


def _waits(item: Eval) -> str:
    if item.waited_for == PERSON:
        return "waiting for what a person evaluates at a terminal …"
    return f"waiting for eval {item.waited_for} of this session …"
