"""Output files of evals: reading both ends, pruning, modes."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaimond.evals.spool import KEEP, Spool
from kaimond.runtime import UnsafeDirectoryError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def test_it_is_made_for_its_owner_only(spool: Spool, tmp_path: Path) -> None:
    spool.prepare()
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


def test_a_spool_that_is_open_to_others_is_refused(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(0o755)
    with pytest.raises(UnsafeDirectoryError):
        spool.prepare()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 80), st.integers(0, 40), st.integers(0, 40))
def test_both_ends_and_the_gap_make_the_whole(
    spool: Spool, content: bytes, end: int, head: int, tail: int
) -> None:
    spool.prepare()
    spool.path("1").write_bytes(content)
    output = spool.read("1", end, head, tail)
    whole = content[:end]
    assert len(output.head) + output.omitted + len(output.tail) == len(whole)
    assert whole.startswith(output.head)
    assert whole.endswith(output.tail)
    if output.omitted:
        assert (len(output.head), len(output.tail)) == (head, tail)
    else:
        assert output.head + output.tail == whole


def test_a_file_that_is_missing_reads_as_nothing(spool: Spool) -> None:
    output = spool.read("1", 100, 10, 10)
    assert (output.head, output.tail, output.omitted) == (b"", b"", 0)
    assert output.path == spool.path("1")


def test_the_oldest_files_make_room_for_the_next_eval(spool: Spool) -> None:
    spool.prepare()
    for number in range(KEEP + 5):
        path = spool.path(f"{number:08x}")
        path.touch()
        os.utime(path, (number, number))
    spool.prepare()
    left = sorted(file.name for file in spool.path("x").parent.iterdir())
    assert left == [f"{number:08x}.out" for number in range(6, KEEP + 5)]
    assert len(left) == KEEP - 1


def test_few_files_are_left_alone(spool: Spool) -> None:
    spool.prepare()
    for number in range(KEEP - 1):
        spool.path(str(number)).touch()
    spool.prepare()
    assert len(list(spool.path("x").parent.iterdir())) == KEEP - 1


def test_removing_removes_everything_and_can_be_repeated(spool: Spool, tmp_path: Path) -> None:
    spool.prepare()
    spool.path("1").touch()
    spool.remove()
    spool.remove()
    assert not (tmp_path / "spool").exists()
