"""Homes with a daemon of any version."""

from __future__ import annotations

import os
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.support import fake_julia
from tests.support.agent import Agent
from tests.support.home import Home
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.skew.versions import Release

DEADLINE = 100.0


class SkewHome(Home):
    """A home whose programs can be of any version."""

    def start(self, release: Release) -> subprocess.Popen[str]:
        """Start a daemon and wait until it announces itself."""
        with (self.path / "daemon.out").open("a") as log:
            daemon = subprocess.Popen(
                release.command("kaimond"),
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.daemons.append(daemon)
        wait_until(lambda: self.announced() == daemon.pid or daemon.poll() is not None, DEADLINE)
        assert daemon.poll() is None, (self.path / "daemon.out").read_text()
        return daemon

    def gate(self, protocol: int) -> None:
        """What the gate of the next Julia speaks."""
        (self.path / "gate").write_text(str(protocol))
        julia = self.path / "julia"
        fake_julia.script(julia, f'FAKE_GATE_PROTOCOL="$(cat {self.path}/gate)" ')
        self.paths.config.mkdir(parents=True, exist_ok=True)
        self.paths.settings_file.write_text(f'[julia]\ncommand = "{julia}"\n')

    def kill(self, daemon: subprocess.Popen[str]) -> None:
        """End a daemon without any order."""
        daemon.kill()
        daemon.wait()
        self.daemons.remove(daemon)

    def ctl(self, release: Release, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a kaimonctl of that version."""
        done = subprocess.run(
            [*release.command("kaimonctl"), *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    @asynccontextmanager
    async def agent(self, release: Release) -> AsyncIterator[Agent]:
        """An agent whose kaimon-mcp is of that version."""
        command, *arguments = release.command("kaimon-mcp")
        parameters = StdioServerParameters(
            command=command, args=arguments, env=self.env, cwd=str(self.path)
        )
        with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - opening it never blocks
            async with Client(stdio_client(parameters, errlog=nowhere), mode="legacy") as client:
                yield Agent(client)


@pytest.fixture
def skew_home() -> Iterator[SkewHome]:
    made = SkewHome({"PATH": os.environ["PATH"]})
    made.gate(1)
    yield made
    made.close()
