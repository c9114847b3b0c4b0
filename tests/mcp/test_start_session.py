"""What an agent is told while Julia starts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from kaimond import paths
from kaimond.events import Bus
from kaimond.mcp.tools.start_session import StartArguments, _progress
from kaimond.registry.registry import Registry
from kaimond.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.mcp.call import Call


@pytest.mark.parametrize("way", ["whole", "slash", "link", "dots"])
def test_progress_is_of_the_project_however_its_path_is_written(tmp_path: Path, way: str) -> None:
    project = tmp_path / "Proj"
    project.mkdir()
    (project / "Project.toml").touch()
    (tmp_path / "link").symlink_to(project)
    where = paths.resolve({"HOME": str(tmp_path)})
    where.session_logs.mkdir(parents=True)
    store = Store(tmp_path / "kaimond.db")
    registry = Registry(store, Bus())
    key = registry.create(str(project.resolve()), "", "agent", "julia").key
    where.session_log(key).write_text("Precompiling")
    supervisor = SimpleNamespace(registry=registry)
    call = SimpleNamespace(core=SimpleNamespace(supervisor=supervisor, paths=where))
    written = {
        "whole": str(project),
        "slash": f"{project}/",
        "link": str(tmp_path / "link"),
        "dots": f"{tmp_path}/./Proj/../Proj",
    }[way]
    said = _progress(cast("Call", call), StartArguments(project_path=written, name=""), 3.0)
    assert said == "starting Julia for 3 s: Precompiling"
    store.close()


def test_progress_of_what_is_no_project_is_told_without_a_word_of_julia(tmp_path: Path) -> None:
    store = Store(tmp_path / "kaimond.db")
    supervisor = SimpleNamespace(registry=Registry(store, Bus()))
    call = cast("Call", SimpleNamespace(core=SimpleNamespace(supervisor=supervisor)))
    said = _progress(call, StartArguments(project_path="/no/such", name=""), 6.0)
    assert said == "starting Julia for 6 s"
    store.close()
