"""The eval that a call means."""

from __future__ import annotations

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
    item = call.core.supervisor.book.get(eval_id)
    if item is None:
        raise ArgumentError(
            f"There is no eval {eval_id!r}, or it is no longer kept. list_evals shows those that "
            "are."
        )
    return item
