"""Homes with a daemon of any version."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.home import Home
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture
def skew_home() -> Iterator[SkewHome]:
    made = SkewHome({"PATH": os.environ["PATH"]})
    yield made
    made.close()
