"""The search for Julia, with small scripts in its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest

from kaimond.toolchain import find_julia
from kaimond.toolchain.find_julia import Julia, JuliaError, Julias
from tests.support.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Script = Callable[..., Path]

BY = "kaimond.toml"


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Writes a program that is called as Julia would be."""

    def write(body: str, name: str = "julia") -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o700)
        return path

    return write


def environ(path: Path | None = None, home: str = "/nowhere") -> dict[str, str]:
    return {"PATH": f"{path.parent if path else '/nowhere'}:/bin:/usr/bin", "HOME": home}


async def find(command: object, env: dict[str, str] | None = None) -> Julia:
    return await Julias().find(str(command), env or environ(), wanted_by=BY)


async def refused(command: object, env: dict[str, str] | None = None) -> str:
    with pytest.raises(JuliaError) as caught:
        await find(command, env)
    message = str(caught.value)
    assert "No session was started" in message
    return message


async def test_a_name_is_looked_up_in_the_path(script: Script) -> None:
    path = script("echo julia version 1.11.2")
    found = await find("julia", environ(path))
    assert found == Julia(str(path), "1.11.2")
    assert found.minor == "1.11"


async def test_a_path_is_taken_as_it_is(script: Script) -> None:
    path = script("echo julia version 1.12.0-rc1", "myjulia")
    assert (await find(path)).version == "1.12.0-rc1"


async def test_juliaups_folder_is_searched_even_if_the_path_lacks_it(tmp_path: Path) -> None:
    folder = tmp_path / ".juliaup" / "bin"
    folder.mkdir(parents=True)
    path = folder / "julia"
    path.write_text("#!/bin/sh\necho julia version 1.10.1\n")
    path.chmod(0o700)
    assert (await find("julia", environ(home=str(tmp_path)))).path == str(path)


async def test_a_julia_that_is_missing_is_told_with_the_cure() -> None:
    message = await refused("julia-that-nobody-has")
    assert "`julia-that-nobody-has`" in message
    assert "[julia] command" in message


@pytest.mark.parametrize("what", ["missing", "directory", "not executable"])
async def test_a_path_that_cannot_be_run_is_told_with_who_named_it(
    tmp_path: Path, what: str
) -> None:
    path = tmp_path / "julia"
    if what == "directory":
        path.mkdir()
    elif what == "not executable":
        path.touch(0o600)
    message = await refused(path)
    assert str(path) in message
    assert BY in message


async def test_the_home_of_somebody_unknown_is_no_program() -> None:
    assert "is not a program that can be run" in await refused("~nobody-of-this-name/bin/julia")


async def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    path = tmp_path / "julia"
    path.write_bytes(b"\x00\x01 no program")
    path.chmod(0o700)
    assert "cannot be run" in await refused(path)


@pytest.mark.parametrize("version", ["1.4.2", "0.6.4", "1.0.5"])
async def test_a_julia_that_is_too_old_is_told(script: Script, version: str) -> None:
    message = await refused(script(f"echo julia version {version}"))
    assert version in message
    assert "1.5 or newer" in message


async def test_the_oldest_supported_julia_will_do(script: Script) -> None:
    assert (await find(script("echo julia version 1.5.0"))).version == "1.5.0"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo Python 3.11", "ended with code 0 and said: Python 3.11"),
        ("echo broken >&2; exit 3", "ended with code 3 and said: broken"),
        ("exit 0", "said: nothing"),
    ],
)
async def test_a_program_that_is_not_julia_is_told_with_what_it_said(
    script: Script, body: str, words: str
) -> None:
    message = await refused(script(body))
    assert "is not Julia" in message
    assert words in message


async def test_a_julia_that_hangs_is_given_up_with_all_that_it_started(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_julia, "_ASK_TIMEOUT", 0.3)
    path = script(f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    assert "did not answer within 0.3 s" in await refused(path)
    below = int((tmp_path / "pid").read_text())
    await until(lambda: not _runs(below))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def test_a_julia_is_asked_once_as_long_as_it_does_not_change(
    script: Script, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    path = script(f"echo x >> {asked}; echo julia version 1.9.0")
    julias = Julias()
    for _ in range(3):
        assert (await julias.find(str(path), environ(), wanted_by=BY)).version == "1.9.0"
    assert asked.read_text().count("x") == 1
    script(f"echo x >> {asked}; echo julia version 1.10.0")
    os.utime(path, (1, 1))
    assert (await julias.find(str(path), environ(), wanted_by=BY)).version == "1.10.0"


async def test_a_failure_is_not_remembered(script: Script) -> None:
    julias = Julias()
    path = script("exit 1")
    with pytest.raises(JuliaError):
        await julias.find(str(path), environ(), wanted_by=BY)
    script("echo julia version 1.9.0")
    assert (await julias.find(str(path), environ(), wanted_by=BY)).version == "1.9.0"
