from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from kaimond.store import ownership
from kaimond.store.database import StoreError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_database_has_one_owner_who_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "_PAUSE", 0)
    database = tmp_path / "kaimond.db"
    with ownership.owned(database):
        with pytest.raises(StoreError) as refused, ownership.owned(database):
            pass
        assert f"pid {os.getpid()}" in str(refused.value)
        assert f"`kill -KILL {os.getpid()}` frees it and loses nothing" in str(refused.value)
    with ownership.owned(database):
        pass


def test_an_owner_that_is_about_to_let_go_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "kaimond.db"
    lock = database.with_suffix(".lock")
    # Longer than any number of ours: of an owner that was killed.
    lock.write_text("9" * 30)
    ending = contextlib.ExitStack()
    ending.enter_context(ownership.owned(database))
    assert lock.read_text() == str(os.getpid())
    monkeypatch.setattr(time, "sleep", lambda _: ending.close())
    with ownership.owned(database):
        pass


def test_a_lock_that_cannot_be_had_is_told_in_words(tmp_path: Path) -> None:
    database = tmp_path / "kaimond.db"
    database.with_suffix(".lock").mkdir()
    with pytest.raises(StoreError) as refused, ownership.owned(database):
        pass
    assert str(refused.value) == (
        f"{tmp_path}/kaimond.lock cannot be used: Is a directory. Nothing was started. "
        "Move it out of the way, or make room on the disk."
    )


def test_an_owner_that_does_not_name_itself_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "_PAUSE", 0)
    database = tmp_path / "kaimond.db"
    with ownership.owned(database):
        database.with_suffix(".lock").write_text("")
        with pytest.raises(StoreError, match="another kaimond, whose"), ownership.owned(database):
            pass
