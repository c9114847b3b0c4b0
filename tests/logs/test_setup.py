from __future__ import annotations

import errno
import io
import logging
import os
import stat
import sys
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from kaimond.config.settings import LogSettings
from kaimond.logs import setup
from kaimond.logs.context import about
from kaimond.logs.parse import parse_line
from kaimond.logs.rotating import RotatingFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger("kaimond.test")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    setup.close()
    assert "kaimond-log" not in [thread.name for thread in threading.enumerate()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "log" / "server.log"


def messages(file: Path) -> list[str]:
    parsed = [parse_line(text) for text in file.read_text().splitlines()]
    return [line.message for line in parsed if line]


def test_early_records_are_written_once_the_settings_are_known(file: Path) -> None:
    setup.early()
    log.debug("too fine")
    with about(session="ab12cd34"):
        log.info("early")
    logging.getLogger("library").info("chatter")
    setup.configure(file, LogSettings(), foreground=False)
    log.info("late")
    setup.close()
    assert messages(file) == ["early", "late"]
    assert "session=ab12cd34" in file.read_text().splitlines()[0]


def test_early_debug_records_are_written_if_debug_is_configured(file: Path) -> None:
    setup.early()
    log.debug("fine")
    setup.configure(file, LogSettings(level="debug"), foreground=False)
    setup.close()
    assert messages(file) == ["fine"]


def test_early_records_are_bounded(file: Path) -> None:
    setup.early()
    for number in range(setup.KEPT_EARLY + 10):
        log.info("%d", number)
    setup.configure(file, LogSettings(), foreground=False)
    setup.close()
    assert len(messages(file)) == setup.KEPT_EARLY
    assert messages(file)[0] == "10"


def test_a_program_that_never_configures_tells_its_early_warnings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup.early()
    log.info("all is well")
    log.error("it is not")
    setup.close()
    told = capsys.readouterr().err
    assert "it is not" in told
    assert "all is well" not in told


def test_the_log_and_its_directory_are_private(file: Path) -> None:
    before = os.umask(0)
    try:
        setup.configure(file, LogSettings(max_bytes=10_000), foreground=False)
        for _ in range(300):
            log.info("x" * 50)
        setup.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}


def test_the_log_is_rotated_and_only_so_many_files_are_kept(file: Path) -> None:
    setup.configure(file, LogSettings(max_bytes=10_000, backups=2), foreground=False)
    for number in range(1000):
        log.info("%04d %s", number, "x" * 40)
    setup.close()
    names = sorted(path.name for path in file.parent.iterdir())
    assert names == ["server.log", "server.log.1", "server.log.2"]
    kept = [text for name in reversed(names) for text in messages(file.with_name(name))]
    numbers = [int(text[:4]) for text in kept]
    assert numbers == list(range(numbers[0], 1000))
    assert all((file.with_name(name)).stat().st_size <= 10_000 for name in names)


def test_in_the_foreground_lines_go_to_standard_error_too(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.configure(file, LogSettings(), foreground=True)
    log.info("hello")
    setup.close()
    assert capsys.readouterr().err == file.read_text()


def test_a_terminal_that_cannot_show_a_character_gets_an_escape(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    setup.configure(file, LogSettings(), foreground=True)
    log.info("grüße")
    setup.close()
    assert raw.getvalue().rstrip().endswith(rb"gr\xfc\xdfe")


def test_a_closed_terminal_costs_no_line_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    terminal.close()
    monkeypatch.setattr(sys, "stderr", terminal)
    setup.configure(file, LogSettings(), foreground=True)
    log.info("one")
    log.info("two")
    setup.close()
    assert messages(file) == ["one", "two"]


def test_warnings_of_libraries_are_in_the_log(file: Path) -> None:
    setup.configure(file, LogSettings(), foreground=False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("careful", stacklevel=1)
    logging.getLogger("library").warning("of note")
    logging.getLogger("library").info("chatter")
    setup.close()
    first, second = messages(file)
    assert "careful" in first
    assert second == "of note"


def test_a_full_disk_costs_lines_but_is_told_once_it_is_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.configure(file, LogSettings(), foreground=False)
    real_write = os.write
    tried = threading.Semaphore(0)
    full = True

    def write(fd: int, data: bytes) -> int:
        if full and threading.current_thread().name == "kaimond-log":
            tried.release()
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    log.info("one")
    log.info("two")
    assert tried.acquire(timeout=60)
    assert tried.acquire(timeout=60)
    full = False
    log.info("again")
    log.info("and again")
    setup.close()
    told, *others = messages(file)
    assert told == "2 lines were lost: [Errno 28] No space left on device"
    assert others == ["again", "and again"]


def test_a_line_that_was_cut_by_a_full_disk_does_not_swallow_the_next(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = RotatingFile(file, 10_000, 1)
    real_write = os.write
    room = 3

    def write(fd: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        room -= len(data[:room])
        return real_write(fd, bytes(data[:3]))

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space"):
        target.write(b"first line\n")
    monkeypatch.setattr(os, "write", real_write)
    target.write(b"second\n")
    target.close()
    assert file.read_bytes() == b"fir\nsecond\n"


def test_a_log_that_was_moved_away_is_begun_anew(file: Path) -> None:
    target = RotatingFile(file, 10_000, 1)
    target.write(b"one\n")
    file.rename(file.with_name("moved"))
    target.write(b"two\n")
    target.close()
    assert file.read_bytes() == b"two\n"


def test_a_symlink_in_place_of_the_log_is_not_followed(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir(parents=True)
    file.symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        RotatingFile(file, 10_000, 1).write(b"x\n")
    assert not (tmp_path / "precious").exists()


def test_without_backups_the_log_begins_anew_when_it_is_full(file: Path) -> None:
    target = RotatingFile(file, 10, 0)
    target.write(b"12345678\n")
    target.write(b"abc\n")
    target.close()
    assert [path.name for path in file.parent.iterdir()] == ["server.log"]
    assert file.read_bytes() == b"abc\n"


def test_records_that_come_too_fast_are_dropped_and_counted(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "MOST_QUEUED", 10)
    held, release = threading.Event(), threading.Event()
    real_write = RotatingFile.write

    def slow(self: RotatingFile, record: bytes) -> None:
        held.set()
        assert release.wait(60)
        real_write(self, record)

    monkeypatch.setattr(RotatingFile, "write", slow)
    setup.configure(file, LogSettings(), foreground=False)
    log.info("first")
    assert held.wait(60)
    for number in range(50):
        log.info("%d", number)
    release.set()
    setup.close()
    written = messages(file)
    assert "40 lines were dropped: they came faster than can be written" in written
    assert len(written) == 12


def test_many_threads_write_whole_lines(file: Path) -> None:
    setup.configure(file, LogSettings(), foreground=False)

    def chat(name: str) -> None:
        with about(session=name):
            for number in range(200):
                log.info("%s %d", name, number)

    threads = [threading.Thread(target=chat, args=(f"{number:08x}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    setup.close()
    lines = [parse_line(text) for text in file.read_text().splitlines()]
    assert len(lines) == 1600
    assert all(line and line.message.startswith(line.session) for line in lines)


def test_close_puts_logging_back_as_it_was(file: Path) -> None:
    root, ours = logging.getLogger(), logging.getLogger("kaimond")
    before = (list(root.handlers), root.level, ours.level)
    setup.early()
    setup.configure(file, LogSettings(level="debug"), foreground=False)
    setup.close()
    setup.close()
    assert (list(root.handlers), root.level, ours.level) == before


def test_a_second_configure_changes_the_level(file: Path) -> None:
    setup.configure(file, LogSettings(level="error"), foreground=False)
    log.info("no")
    setup.configure(file, LogSettings(level="info"), foreground=False)
    log.info("yes")
    setup.close()
    assert messages(file) == ["yes"]
