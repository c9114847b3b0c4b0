"""Which eval a call means, and what is said of one that is not there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond.mcp.eval_answer import find_eval
from kaimond.mcp.tool import ArgumentError
from kaimond.store.database import Dropped

if TYPE_CHECKING:
    from kaimond.mcp.call import Call


def call(**history: Any) -> Call:
    supervisor = SimpleNamespace(history=SimpleNamespace(get=lambda _: None, **history))
    return cast("Call", SimpleNamespace(core=SimpleNamespace(supervisor=supervisor)))


def test_a_result_that_was_dropped_is_told_apart_from_one_that_never_was() -> None:
    with pytest.raises(ArgumentError, match="There is no eval 'feedface'"):
        find_eval(call(dropped=lambda _: None), "feedface")
    gone = Dropped("0a1b2c3d", "done", 1_000_000_000.0, 1_100_000_000.0, "results are kept 30 days")
    with pytest.raises(ArgumentError) as caught:
        find_eval(call(dropped=lambda _: gone), "feedface")
    said = str(caught.value)
    assert "no longer kept" in said
    assert "2001-09-" in said
    assert "2004-11-" in said
    assert "(done)" in said
    assert "because results are kept 30 days" in said
