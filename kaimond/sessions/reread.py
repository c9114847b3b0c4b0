"""Reports the result of reading all source files of a session again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import Status
from kaimond.source import report

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.source.report import SourceReport
    from kaimond.source.source_check import SourceCheck


async def read_again(source: SourceCheck, item: Eval) -> tuple[str, SourceReport]:
    """Return the result of reading all files again as text, and a fresh source report.

    Args:
        source: compares sessions' source with the disk.
        item: the eval that `Session.reread` returned, after it has ended.

    Raises:
        SessionError: the eval did not succeed.
    """
    outcome = item.outcome
    assert outcome is not None, "only what has ended is told"
    if outcome.status is not Status.DONE:
        why = outcome.reason or outcome.text("error")
        raise SessionError(
            ErrorKind.NOT_REVISED,
            f"Reading the source files of session {item.session} again did not get through: {why}. "
            "Changes are still taken up before each eval.",
        )
    told = await source.now(item.session)
    return report.read_again(item.session, outcome.text("reloaded"), told), told
