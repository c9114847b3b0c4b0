"""A Julia depot for tests: Pkg works in it without network and without the person's packages."""

from __future__ import annotations

import functools
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT = 60

# Pkg downloads the General registry when a depot has none. This one is called General and is empty:
# packages from the standard library and from paths resolve, and anything else is refused at once.
_EMPTY_REGISTRY = """\
name = "General"
uuid = "23338594-aafe-5451-b93e-139f81909106"
repo = ""

[packages]
"""


def create(depot: Path, julia: Path) -> dict[str, str]:
    """Make a depot and tell how to use it.

    Args:
        depot: Folder for the depot; made if it is not there.
        julia: The Julia that will use it.

    Returns:
        The environment variables to add to those of the Julia process.

    Raises:
        OSError: The depot cannot be written, or `julia` cannot be started.
        subprocess.SubprocessError: `julia` failed or did not answer.
    """
    registry = depot / "registries" / "General"
    registry.mkdir(parents=True, exist_ok=True)
    (registry / "Registry.toml").write_text(_EMPTY_REGISTRY, encoding="utf-8")
    return {"JULIA_DEPOT_PATH": path(depot, julia), "JULIA_PKG_SERVER": ""}


def path(depot: Path, julia: Path) -> str:
    """Tell the depot path of a Julia that is to see this depot and nothing of the person's.

    Raises:
        OSError: `julia` cannot be started.
        subprocess.SubprocessError: `julia` failed or did not answer.
    """
    # From 1.11 on Julia's own depot holds its compiled standard library, without which a first
    # start takes a minute. It is named in full, since the short form (an empty entry) would let 1.5
    # read the person's depot as well.
    return f"{depot}:{_own_depot(julia)}"


@functools.cache
def _own_depot(julia: Path) -> str:
    program = 'print(abspath(Sys.BINDIR, Base.DATAROOTDIR, "julia"))'
    return subprocess.run(
        [str(julia), "--startup-file=no", "-e", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=True,
    ).stdout
