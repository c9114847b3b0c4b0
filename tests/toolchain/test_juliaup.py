"""Julias of juliaup, with scripts in the place of the Julias."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.toolchain import juliaup
from kaimond.toolchain.find_julia import Julia, JuliaError, Julias

if TYPE_CHECKING:
    from pathlib import Path

BY = "the launch_config of /p"


class Machine:
    """A home with juliaup in it: its launcher, which must never be started, and its file."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.depot = home / ".julia"
        self.environ = {"HOME": str(home), "PATH": f"{home}/.juliaup/bin:/bin:/usr/bin"}
        self.config: dict[str, Any] = {
            "Default": "release",
            "InstalledVersions": {},
            "InstalledChannels": {},
            "Settings": {},
            "Overrides": [],
        }
        launcher = home / ".juliaup" / "bin" / "julialauncher"
        self.script(launcher, "echo the launcher was started; exit 1")
        (launcher.parent / "julia").symlink_to("julialauncher")
        for channel, version in (("release", "1.11.2"), ("lts", "1.10.7"), ("1.9", "1.9.4")):
            self.install(channel, version)

    def script(self, path: Path, body: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o700)
        return path

    def julia(self, folder: str, version: str, below: str = "bin/julia") -> Path:
        body = f"echo julia version {version}"
        return self.script(self.depot / "juliaup" / folder / below, body)

    def install(self, channel: str, version: str) -> None:
        name = f"{version}+0.x64.linux.gnu"
        self.julia(f"julia-{name}", version)
        self.config["InstalledVersions"][name] = {"Path": f"./julia-{name}"}
        self.config["InstalledChannels"][channel] = {"Version": name}
        self.save()

    def save(self) -> None:
        (self.depot / "juliaup" / "juliaup.json").write_text(json.dumps(self.config))

    def binary(self, version: str) -> str:
        return str(self.depot / "juliaup" / f"julia-{version}+0.x64.linux.gnu" / "bin" / "julia")

    async def find(self, command: str, project: Path | None = None) -> Julia:
        return await Julias().find(command, self.environ, wanted_by=BY, project=project)

    async def refused(self, command: str) -> str:
        with pytest.raises(JuliaError) as caught:
            await self.find(command)
        message = str(caught.value)
        assert "No session was started" in message
        return message


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path.resolve())


@pytest.mark.parametrize(
    ("command", "version"),
    [
        ("+release", "1.11.2"),
        ("+lts", "1.10.7"),
        ("1.9", "1.9.4"),
        ("+1.9", "1.9.4"),
        ("julia +1.9", "1.9.4"),
        ("julia", "1.11.2"),
    ],
)
async def test_a_channel_is_the_real_binary_and_not_the_launcher(
    machine: Machine, command: str, version: str
) -> None:
    assert await machine.find(command) == Julia(machine.binary(version), version)


async def test_the_launchers_path_is_the_default_channels_binary(machine: Machine) -> None:
    path = machine.home / ".juliaup" / "bin" / "julia"
    assert (await machine.find(str(path))).path == machine.binary("1.11.2")
    copy = machine.home / "elsewhere" / "julia"
    copy.parent.mkdir()
    copy.symlink_to(path)
    assert (await machine.find(str(copy))).path == machine.binary("1.11.2")


async def test_a_julia_without_a_launcher_is_itself(machine: Machine) -> None:
    path = machine.script(machine.home / "bin" / "julia", "echo julia version 1.12.1")
    machine.environ["PATH"] = f"{path.parent}:{machine.environ['PATH']}"
    assert await machine.find("julia") == Julia(str(path), "1.12.1")


async def test_the_default_is_found_without_a_launcher_on_the_path(machine: Machine) -> None:
    (machine.home / ".juliaup" / "bin" / "julia").unlink()
    machine.environ["PATH"] = "/nowhere"
    assert (await machine.find("julia")).version == "1.11.2"


async def test_what_the_launcher_goes_by_is_followed_in_its_order(machine: Machine) -> None:
    project = machine.home / "work" / "Proj"
    machine.config["Overrides"] = [
        {"Path": str(machine.home), "Channel": "release"},
        {"Path": str(machine.home / "work"), "Channel": "lts"},
        {"Path": str(machine.home / "wor"), "Channel": "1.9"},
    ]
    machine.save()

    assert (await machine.find("julia", project)).version == "1.10.7"
    assert (await machine.find("julia")).version == "1.11.2"
    machine.environ["JULIAUP_CHANNEL"] = "1.9"
    assert (await machine.find("julia", project)).version == "1.9.4"
    assert (await machine.find("+release", project)).version == "1.11.2"


async def test_a_change_of_the_default_counts_at_once(machine: Machine) -> None:
    julias = Julias()
    assert (await julias.find("julia", machine.environ, wanted_by=BY)).version == "1.11.2"
    machine.config["Default"] = "lts"
    machine.save()
    assert (await julias.find("julia", machine.environ, wanted_by=BY)).version == "1.10.7"


async def test_juliaups_own_depot_is_followed_and_julias_is_not(machine: Machine) -> None:
    elsewhere = machine.home / "other"
    machine.environ["JULIA_DEPOT_PATH"] = str(elsewhere)
    assert (await machine.find("+lts")).version == "1.10.7"
    machine.depot.rename(elsewhere)
    assert "there is no juliaup" in await machine.refused("+lts")
    machine.environ["JULIAUP_DEPOT_PATH"] = str(elsewhere)
    assert (await machine.find("+lts")).version == "1.10.7"


async def test_links_aliases_and_nightlies_are_channels_too(machine: Machine) -> None:
    mine = machine.script(machine.home / "mine" / "julia", "echo julia version 1.13.0-DEV")
    machine.julia("julia-nightly", "1.14.0-DEV")
    machine.julia("julia-app", "1.12.3", "Julia-1.12.app/Contents/Resources/julia/bin/julia")
    machine.julia("julia-known", "1.12.4", "at/a/place/of/its/own")
    machine.config["InstalledChannels"] |= {
        "dev": {"Command": str(mine), "Args": ["--threads=3"]},
        "nightly": {"Path": "./julia-nightly", "Url": "x", "LocalETag": "1", "ServerETag": "2"},
        "app": {"Path": "./julia-app", "Url": "x"},
        "known": {"Path": "./julia-known", "BinaryPath": "./julia-known/at/a/place/of/its/own"},
        "alias": {"Target": "dev", "Args": ["-q"]},
    }
    machine.save()

    assert await machine.find("+dev") == Julia(str(mine), "1.13.0-DEV", ("--threads=3",))
    assert (await machine.find("+nightly")).version == "1.14.0-DEV"
    assert (await machine.find("+app")).version == "1.12.3"
    assert (await machine.find("+known")).version == "1.12.4"
    assert await machine.find("+alias") == Julia(str(mine), "1.13.0-DEV", ("-q", "--threads=3"))


async def test_a_channel_that_is_not_installed_is_told_with_the_command(machine: Machine) -> None:
    message = await machine.refused("1.8")
    assert f"no channel `1.8`, which {BY} asks for" in message
    assert "Installed are 1.9, lts, release." in message
    assert message.endswith("juliaup add 1.8")
    machine.config["Default"] = "gone"
    machine.save()
    assert "`gone`, which juliaup's default asks for" in await machine.refused("julia")


async def test_a_channel_that_is_not_whole_is_told_with_the_command(machine: Machine) -> None:
    machine.config["InstalledChannels"]["half"] = {"Version": "nobody knows"}
    machine.save()
    assert "juliaup update half" in await machine.refused("+half")
    (machine.depot / "juliaup" / "julia-1.10.7+0.x64.linux.gnu" / "bin" / "julia").unlink()
    assert "juliaup remove lts; juliaup add lts" in await machine.refused("+lts")


async def test_a_juliaup_that_has_nothing_yet_is_told(machine: Machine) -> None:
    machine.config |= {"InstalledChannels": {}, "InstalledVersions": {}}
    machine.save()
    assert "juliaup add release" in await machine.refused("julia")
    assert "It has none at all yet." in await machine.refused("+lts")
    (machine.depot / "juliaup" / "juliaup.json").unlink()
    assert "juliaup add release" in await machine.refused("julia")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"InstalledChannels": 1, "InstalledVersions": [], "Overrides": {}, "Default": 3}',
        '{"InstalledChannels": {"lts": 1}, "Overrides": [1, {}, {"Path": 1}]}',
        '{"InstalledChannels": {"lts": {}}, "InstalledVersions": {"": {"Path": 1}}}',
    ],
)
async def test_a_file_that_makes_no_sense_is_told(machine: Machine, content: str) -> None:
    (machine.depot / "juliaup" / "juliaup.json").write_text(content)
    for command in ("julia", "+lts"):
        await machine.refused(command)


def test_a_file_that_cannot_be_read_is_an_error_of_juliaup(machine: Machine) -> None:
    file = machine.depot / "juliaup" / "juliaup.json"
    file.unlink()
    file.mkdir()
    with pytest.raises(juliaup.JuliaupError, match=r"juliaup\.json cannot be read"):
        juliaup.load(machine.environ)


def version(program: Path) -> str:
    """What a Julia says of itself."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[-1]


@pytest.mark.julia
async def test_a_link_to_a_real_julia_is_that_julia(machine: Machine, julia_program: Path) -> None:
    machine.config["InstalledChannels"]["real"] = {"Command": str(julia_program), "Args": None}
    machine.save()

    assert await machine.find("+real") == Julia(str(julia_program), version(julia_program))
