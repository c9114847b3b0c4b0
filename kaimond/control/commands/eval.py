"""eval: evaluate code in a session, one per connection.

After the answer, which comes at once, the daemon sends ``eval.queued`` (``eval``, ``session``),
``eval.output`` (``data`` in base64), ``eval.said`` (``text``, a sentence for the person) and, last,
one of ``eval.ended`` (see `kaimond.control.eval_report`), ``eval.refused`` (``text``, ``kind``:
nothing was evaluated) and ``eval.left`` (``text``: the daemon ends, the eval goes on). The client
may send ``eval.interrupt``. Closing the connection leaves the eval running.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import StreamCommand
from kaimond.control.evaluation import EvalParams, Evaluation

if TYPE_CHECKING:
    from kaimond.control.caller import Caller
    from kaimond.core import Core


async def run(core: Core, params: EvalParams, caller: Caller) -> dict[str, Any]:
    """Begin the evaluation."""
    evaluation = Evaluation(core, params, caller)
    caller.listen("eval.interrupt", lambda _: evaluation.interrupt())
    task = asyncio.create_task(evaluation.run(), name="eval for kaimonctl")

    def gone() -> None:
        task.cancel()

    caller.when_gone(gone)
    return {}


COMMAND: Final = StreamCommand("eval", EvalParams, run)
