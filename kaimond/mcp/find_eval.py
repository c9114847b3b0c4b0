"""The eval that a call means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kaimond.mcp.tool import ArgumentError

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval
    from kaimond.mcp.call import Call


def find_eval(call: Call, eval_id: str) -> Eval:
    """The eval with this id.

    Raises:
        ArgumentError: there is none, or it is no longer kept.
    """
    item = call.core.supervisor.history.get(eval_id)
    if item is None and (dropped := call.core.supervisor.history.dropped(eval_id)):
        raise ArgumentError(
            f"The result of eval {eval_id} is no longer kept. The eval ended at "
            f"{_clock(dropped.finished)} in session {dropped.session} ({dropped.status}); its "
            f"result was dropped at {_clock(dropped.dropped)}, because {dropped.why}."
        )
    if item is None:
        raise ArgumentError(f"There is no eval {eval_id!r}. list_evals shows those that there are.")
    return item


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
