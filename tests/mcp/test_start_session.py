"""What an agent is told while Julia starts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from kaimond import paths
from kaimond.events import Bus
from kaimond.mcp.starting import progress
from kaimond.registry.registry import Registry
from kaimond.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.mcp.call import Call


def test_progress_shows_what_julia_says(tmp_path: Path) -> None:
    where = paths.resolve({"HOME": str(tmp_path)})
    where.session_logs.mkdir(parents=True)
    store = Store(tmp_path / "kaimond.db")
    registry = Registry(store, Bus())
    supervisor = SimpleNamespace(registry=registry)
    call = cast("Call", SimpleNamespace(core=SimpleNamespace(supervisor=supervisor, paths=where)))
    assert progress(call, "/a/Proj", "", 3.0) == "starting Julia for 3 s"
    key = registry.create("/a/Proj", "", "agent", "julia").key
    where.session_log(key).write_text("Precompiling")
    assert progress(call, "/a/Proj", "", 6.0) == "starting Julia for 6 s: Precompiling"
    store.close()
