"""A checkout without a Julia, and a machine on which nothing of the person's is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import debian
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    return folder


@pytest.fixture
def no_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(home: Path) -> Path:
        raise AssertionError(f"nothing was to be fetched into {home}")

    monkeypatch.setattr(debian, "fetch", refuse)


@pytest.fixture
def nothing_of_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JULIAS", "KAIMON_JULIA", "JULIAUP_DEPOT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
