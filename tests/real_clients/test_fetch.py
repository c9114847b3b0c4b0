"""The clients are pinned in one place, and their absence is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.real_clients import fetch
from tests.real_clients.run import CLIENTS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_without_npm_that_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert fetch.fetch() == "no npm"
    assert fetch.lacking() == "no npm"


def test_clients_of_other_versions_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("npm", "node"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(fetch, "STAMP", tmp_path / "fetched")
    (tmp_path / "fetched").write_text("another lock file")

    assert "make clients" in fetch.lacking()


def test_the_lock_file_has_the_pinned_versions_and_names_no_host() -> None:
    lock = json.loads(fetch.LOCK.read_text(encoding="utf-8"))["packages"]

    assert {client.package for client in CLIENTS.values()} == set(fetch.versions())
    for package, version in fetch.versions().items():
        assert lock[f"node_modules/{package}"]["version"] == version
    assert not any("resolved" in entry for entry in lock.values())
