"""What is made sure of after an adoption."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from kaimond.gate.link import GateSilentError
from kaimond.registry.record import Record
from kaimond.registry.state import State
from kaimond.sessions.restart import Restarter

if TYPE_CHECKING:
    from kaimond.julia_process.live import Live


async def test_an_adopted_session_that_ends_before_it_answers_is_no_failure() -> None:
    async def closed(*_: object, **__: object) -> None:
        raise GateSilentError("the connection to the gate was closed")

    nothing = cast("Any", None)
    restarter = Restarter(nothing, nothing, nothing, nothing, nothing, nothing)
    live = SimpleNamespace(link=SimpleNamespace(request=closed))
    record = Record("0a1b2c3d", "/p", "", State.BUSY, "agent", 1.0)
    await restarter.confirm(record, cast("Live", live))
