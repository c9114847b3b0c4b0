"""The test under a real systemd says politely where it cannot run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.home import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path


def test_a_machine_that_cannot_run_it_is_told_why_by_an_exit_code_of_its_own(
    tmp_path: Path,
) -> None:
    dirname = shutil.which("dirname")
    assert dirname
    (tmp_path / "dirname").symlink_to(dirname)
    done = subprocess.run(
        [CHECKOUT / "packaging" / "test-systemd"],
        env={"PATH": str(tmp_path), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 77
    assert done.stderr.startswith("test-systemd: not run: ")
    assert done.stderr.count("\n") == 1
