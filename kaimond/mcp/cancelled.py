"""What came of a cancellation, in words for an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaimond.interrupts.cancel import Cancelled
from kaimond.mcp.answer import Answer

if TYPE_CHECKING:
    from kaimond.evals.eval import Eval

_WORDS: Final = {
    Cancelled.WITHDRAWN: "was waiting and will not begin.",
    Cancelled.INTERRUPTED: "was interrupted. The session and its state stay.",
    Cancelled.GAVE_WAY: "ended in its own way after it was asked to (its code watches "
    "is_cancelled). check_eval shows its result.",
    Cancelled.ENDED: "had ended already, so nothing was interrupted.",
    Cancelled.BEHIND: "was not interrupted: it is behind code that the person runs whose REPL this "
    "is, and that is left alone. When that code ends the eval is cancelled or runs; check_eval "
    "tells.",
    Cancelled.STUBBORN: "still runs: its code does not let itself be interrupted. "
    'manage_repl(command="restart") ends it, and clears the session\'s state.',
}

_FAILED: Final = (Cancelled.BEHIND, Cancelled.STUBBORN)


def told(item: Eval, came: Cancelled) -> Answer:
    """The answer."""
    meta = {"kaimon/eval": item.id, "kaimon/session": item.session}
    return Answer(f"Eval {item.id} {_WORDS[came]}", is_error=came in _FAILED, meta=meta)
