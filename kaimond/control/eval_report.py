"""The end of an eval as kaimonctl prints it, and as facts for programs.

Loaded when the first eval is submitted, as it needs what is needed to talk to agents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.evals.notes import STASH
from kaimond.evals.spool import Spool
from kaimond.mcp.pasted_code import unwrapped
from kaimond.mcp.render import output, pieces, stashed
from kaimond.mcp.text import clean, shorten

if TYPE_CHECKING:
    from kaimond.core import Core
    from kaimond.evals.eval import Eval, Outcome

__all__ = ["output", "report", "unwrapped"]

MOST: Final = 2**21
"""Most characters of what was displayed, together with the value; a person's screen has less."""


async def report(core: Core, item: Eval, *, with_output: bool) -> dict[str, Any]:
    """Return how an eval has ended.

    Args:
        core: the daemon.
        item: the eval.
        with_output: whether the facts contain its output.

    Returns:
        ``facts`` for programs; and for a person ``shown`` (what was displayed, and the value),
        ``failure`` and ``notes``, each as text, "" if there is none.
    """
    outcome = item.outcome
    assert outcome is not None, "only an eval that has ended is reported"
    record = core.supervisor.registry.get(item.session)
    end = pieces(item, MOST // 4)
    shown = shorten("\n".join(end.shown), MOST, "show less of it")
    remarks = [*end.notes, *await core.supervisor.source.finding(item)]
    if record and record.tainted:
        remarks.append(
            f"(Session {record.key} is tainted: an earlier eval was interrupted by force, maybe "
            "inside C code, and its state may be broken. "
            f"`kaimonctl restart {record.key}` gives a fresh one.)"
        )
    images = _images(outcome)
    pictures = [f"({kind}, {size} bytes; not shown here)" for kind, size in images]
    kept = stashed(outcome.parts, MOST // 4)
    spool = Spool(core.paths.session_spool(item.session))
    facts = {
        "eval": item.id,
        "session": item.session,
        "project": record.project if record else "",
        "status": str(item.status),
        "elapsed": outcome.elapsed,
        "value": _text(outcome, "value:text/plain"),
        "type": _text(outcome, "type"),
        "shown": shown,
        "images": [{"type": kind, "bytes": size} for kind, size in images],
        "error": _text(outcome, "error") or outcome.reason or None,
        "backtrace": _text(outcome, "backtrace"),
        "stashed": {
            clean(name.removeprefix(STASH).encode()): clean(value)
            for name, value in outcome.parts
            if name.startswith(STASH)
        },
        "output_bytes": outcome.output,
        "notes": remarks,
    }
    if with_output:
        facts["output"] = output(item, spool)
    return {
        "facts": facts,
        "shown": shown,
        "failure": end.failure,
        "notes": "\n".join(filter(None, [kept, *pictures, *remarks])),
    }


def _text(outcome: Outcome, name: str) -> str | None:
    found = clean(outcome.part(name)).strip("\n")
    return found or None


def _images(outcome: Outcome) -> list[tuple[str, int]]:
    """Return the type and size in bytes of each image."""
    found = [(name.partition(":")[2], len(value)) for name, value in outcome.parts]
    return [(mime, size) for mime, size in found if mime.startswith("image/")]
