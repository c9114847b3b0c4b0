"""A socket that the service manager has made."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaimond.daemonize import activation

if TYPE_CHECKING:
    from collections.abc import Iterator

PID = 4711


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def listening(path: Path) -> int:
    """The descriptor of a socket that a manager would pass."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(8)
        return sock.detach()


def environ(number: int = 1, pid: int = PID) -> dict[str, str]:
    return {"LISTEN_FDS": str(number), "LISTEN_PID": str(pid)}


def test_the_passed_socket_is_taken_and_kept_from_children(directory: Path) -> None:
    path = directory / "s"
    descriptor = listening(path)
    os.set_inheritable(descriptor, True)
    variables = environ()
    taken = activation.take(variables, PID, path, descriptor)
    assert taken
    assert taken.fileno() == descriptor
    assert not taken.get_inheritable()
    assert not taken.getblocking()
    assert variables == environ(), "the successor after an upgrade must know of it, too"
    taken.close()


@pytest.mark.parametrize(
    "variables", [{}, environ(0), environ(pid=PID + 1), {"LISTEN_PID": "x", "LISTEN_FDS": "1"}]
)
def test_what_is_meant_for_nobody_or_for_another_process_is_not_touched(
    directory: Path, variables: dict[str, str]
) -> None:
    descriptor = listening(directory / "s")
    assert activation.take(variables, PID, directory / "s", descriptor) is None
    os.close(descriptor)


def test_of_several_sockets_ours_is_taken_and_the_others_are_closed(directory: Path) -> None:
    # Neighbours, as descriptors that are passed are.
    descriptors = [listening(directory / name) for name in "abc"]
    base = max(descriptors) + 10
    passed = [os.dup2(descriptor, base + index) for index, descriptor in enumerate(descriptors)]
    for descriptor in descriptors:
        os.close(descriptor)
    taken = activation.take(environ(3), PID, directory / "b", base)
    assert taken
    assert taken.fileno() == passed[1]
    for descriptor in (passed[0], passed[2]):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    taken.close()


def test_a_socket_where_no_client_looks_is_refused_with_the_cure(directory: Path) -> None:
    descriptor = listening(directory / "elsewhere")
    with pytest.raises(activation.ActivationError) as caught:
        activation.take(environ(), PID, directory / "s", descriptor)
    assert str(directory / "elsewhere") in str(caught.value)
    assert "kaimonctl service install" in str(caught.value)


def test_a_file_is_no_socket(directory: Path) -> None:
    descriptor = os.open(directory / "file", os.O_RDWR | os.O_CREAT)
    with pytest.raises(activation.ActivationError, match="no socket"):
        activation.take(environ(), PID, directory / "s", descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("left", [False, True], ids=["path gone", "dead socket in its place"])
def test_a_passed_socket_that_has_lost_its_path_is_given_up(directory: Path, left: bool) -> None:
    path = directory / "s"
    descriptor = listening(path)
    path.unlink()
    if left:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    variables = environ()
    assert activation.take(variables, PID, path, descriptor) is None
    assert activation.passed(variables, PID) == 0, "what is bound instead is ours to remove"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_passed_socket_with_a_full_backlog_is_alive(directory: Path) -> None:
    path = directory / "s"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(0)
        waiting = []
        while True:
            client = socket.socket(socket.AF_UNIX)
            waiting.append(client)
            client.setblocking(False)
            try:
                client.connect(str(path))
            except BlockingIOError:
                break
        taken = activation.take(environ(), PID, path, os.dup(sock.fileno()))
        assert taken
        taken.close()
        for client in waiting:
            client.close()
