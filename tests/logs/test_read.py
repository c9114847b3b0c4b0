from __future__ import annotations

import contextlib
import os
import queue
import stat
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kaimond.logs import files, read
from kaimond.logs.read import follow, tail
from kaimond.logs.rotating import RotatingFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kaimond.logs.parse import Line

START = datetime(2026, 11, 21, 14, tzinfo=UTC)


def text(number: int, level: str = "INFO", session: str = "-") -> str:
    time = START + timedelta(seconds=number)
    return f"{time:%Y-%m-%dT%H:%M:%S}.000Z {level:<5} session={session} agent=- test: {number}"


def raw(*numbers: int) -> bytes:
    return b"".join(f"{text(number)}\n".encode() for number in numbers)


def numbers(lines: list[Line]) -> list[int]:
    return [int(line.message.split()[0]) for line in lines]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


def test_the_tail_of_a_log_that_does_not_exist_is_empty(file: Path) -> None:
    assert tail(file, 10) == []
    assert tail(file.parent / "none" / "server.log", 10) == []


def test_the_tail_goes_back_through_rotated_files(file: Path) -> None:
    file.with_name("server.log.2").write_bytes(raw(0, 1))
    file.with_name("server.log.1").write_bytes(raw(2, 3))
    file.write_bytes(raw(4))
    file.with_name("server.log.old").write_bytes(raw(9))
    assert numbers(tail(file, 4)) == [1, 2, 3, 4]
    assert numbers(tail(file, 100)) == [0, 1, 2, 3, 4]
    assert tail(file, 0) == []


def test_the_tail_of_many_lines_reads_only_the_end(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(raw(*range(100_000)))
    read_bytes = 0
    real = os.pread

    def counted(fd: int, length: int, offset: int) -> bytes:
        nonlocal read_bytes
        block = real(fd, length, offset)
        read_bytes += len(block)
        return block

    monkeypatch.setattr(os, "pread", counted)
    assert numbers(tail(file, 500)) == list(range(99_500, 100_000))
    assert read_bytes <= 2 * files.BLOCK
    assert len(tail(file, 200_000)) == 100_000


def test_lines_across_blocks_are_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 7)
    file.write_bytes(raw(*range(20)))
    assert [line.text for line in tail(file, 20)] == [text(number) for number in range(20)]


def test_continuation_lines_belong_to_their_record(file: Path) -> None:
    file.with_name("server.log.1").write_text(f"{text(1)}\n    Traceback\n      frame\n")
    file.write_text(f"    Error\n{text(2)}\n")
    first, second = tail(file, 5)
    assert first.message == "1\n    Traceback\n      frame\n    Error"
    assert first.text.startswith(text(1))
    assert second.message == "2"
    assert [line.message for line in tail(file, 1)] == ["2"]


def test_level_session_and_time_select(file: Path) -> None:
    file.write_text(
        "\n".join(
            [
                text(1, "DEBUG", "ab12cd34"),
                text(2, "WARNING", "ab12cd34"),
                text(3, "ERROR"),
                text(4, "INFO", "ab12cd34"),
            ]
        )
    )
    assert numbers(tail(file, 9, level="warning")) == [2, 3]
    assert numbers(tail(file, 9, session="ab12cd34")) == [1, 2, 4]
    assert numbers(tail(file, 1, session="ab12cd34", level="WARNING")) == [2]
    assert numbers(tail(file, 9, since=START + timedelta(seconds=3))) == [3, 4]
    with pytest.raises(ValueError, match="no level"):
        tail(file, 9, level="loud")


def test_what_is_long_before_since_is_not_even_read(file: Path) -> None:
    file.write_bytes(raw(0, 1, 10_000, 10_001))
    (file.with_name("server.log.1")).write_bytes(raw(20_000))  # as if the clock had gone back
    assert numbers(tail(file, 9, since=START + timedelta(seconds=9_000))) == [10_000, 10_001]


def test_text_of_others_is_shown_harmless(file: Path) -> None:
    file.write_bytes(b"rubbish \x1b[2J \xff\n" + raw(1) + b"    below \x1b[1m\r\n")
    stray, line = tail(file, 9)
    assert stray.message == r"rubbish \x1b[2J \xff"
    assert line.message == "1\n" + r"    below \x1b[1m\r"


def test_a_rotation_while_the_files_are_opened_loses_and_repeats_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.with_name("server.log.1").write_bytes(raw(0, 1))
    file.write_bytes(raw(2, 3))
    real = files.open_one
    opened = 0

    def open_and_rotate(path: Path) -> files.OpenFile | None:
        nonlocal opened
        found = real(path)
        opened += 1
        if opened <= 2:
            RotatingFile(file, 1, 9)._rotate()
            file.write_bytes(raw(10 + opened))
        return found

    monkeypatch.setattr(files, "open_one", open_and_rotate)
    assert numbers(tail(file, 9)) == [0, 1, 2, 3]


class Follower:
    """Follows in a thread and hands out what it got."""

    def __init__(self, file: Path, count: int, **wanted: str) -> None:
        self.got: queue.Queue[int] = queue.Queue()
        self.stop = threading.Event()
        self._lines = follow(file, count, **wanted, stop=self.stop)  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for line in self._lines:
            self.got.put(int(line.message))

    def take(self, count: int) -> list[int]:
        return [self.got.get(timeout=60) for _ in range(count)]

    def end(self) -> None:
        self.stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def following(file: Path, count: int = 0, **wanted: str) -> Iterator[Follower]:
    follower = Follower(file, count, **wanted)
    try:
        yield follower
    finally:
        follower.end()
        assert follower.got.empty()


@pytest.fixture(params=["watched", "without watchfiles"])
def _any_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "watched":
        monkeypatch.setitem(sys.modules, "watchfiles", None)
        monkeypatch.setattr(read, "_LONGEST_WAIT", 0.05)


@pytest.fixture(autouse=True)
def _no_descriptor_is_left() -> Iterator[None]:
    before = open_regular_files()
    yield
    assert open_regular_files() == before


def open_regular_files() -> int:
    """Count them; what a watcher holds is not regular, and goes a moment later."""
    count = 0
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names are numbers here
        with contextlib.suppress(OSError):
            count += stat.S_ISREG(os.fstat(int(name)).st_mode)
    return count


@pytest.mark.usefixtures("_any_way")
def test_following_tells_the_last_lines_and_then_the_new_ones(file: Path) -> None:
    file.write_bytes(raw(1, 2, 3))
    log = RotatingFile(file, 10_000, 3)
    with following(file, 2) as follower:
        assert follower.take(2) == [2, 3]
        log.write(raw(4))
        assert follower.take(1) == [4]
        log.write(raw(5, 6))
        assert follower.take(2) == [5, 6]
    log.close()


@pytest.mark.usefixtures("_any_way")
def test_following_goes_through_rotations_without_losing_a_line(file: Path) -> None:
    log = RotatingFile(file, 300, 100)
    log.write(raw(0))
    with following(file, 1) as follower:
        assert follower.take(1) == [0]
        for number in range(1, 201):
            log.write(raw(number))
        assert follower.take(200) == list(range(1, 201))
    log.close()
    assert file.with_name("server.log.40").exists()


@pytest.mark.usefixtures("_any_way")
def test_a_log_that_does_not_exist_yet_is_waited_for(file: Path) -> None:
    late = file.parent / "later" / "server.log"
    log = RotatingFile(late, 10_000, 3)
    with following(late, 5) as follower:
        log.write(raw(1))
        assert follower.take(1) == [1]
        log.write(raw(2))
        assert follower.take(1) == [2]
    log.close()


def test_a_log_that_is_emptied_is_read_from_its_beginning(file: Path) -> None:
    file.write_bytes(raw(1, 2, 3))
    with following(file, 1) as follower:
        assert follower.take(1) == [3]
        file.write_bytes(raw(4))
        assert follower.take(1) == [4]


def test_a_log_that_is_removed_and_begun_anew_is_followed(file: Path) -> None:
    file.write_bytes(raw(1))
    with following(file, 1) as follower:
        assert follower.take(1) == [1]
        file.unlink()
        file.write_bytes(raw(2))
        assert follower.take(1) == [2]


def test_half_a_line_is_not_told_before_its_other_half(file: Path) -> None:
    line = raw(7)
    file.write_bytes(raw(1) + line[:30])
    with following(file, 5) as follower:
        assert follower.take(1) == [1]
        with file.open("ab") as half:
            half.write(line[30:])
        assert follower.take(1) == [7]


def test_following_selects_too(file: Path) -> None:
    file.write_text(f"{text(1, 'ERROR')}\n{text(2)}\n")
    with following(file, 9, level="error") as follower:
        assert follower.take(1) == [1]
        with file.open("a") as log:
            log.write(f"{text(3)}\n{text(4, 'ERROR')}\n")
        assert follower.take(1) == [4]


def test_closing_the_generator_ends_following(file: Path) -> None:
    file.write_bytes(raw(1))
    lines = follow(file, 1)
    assert next(lines).message == "1"
    lines.close()  # type: ignore[attr-defined]
