"""kaimond as a service under a real systemd: what `packaging/test-systemd` runs.

A Debian 12 is booted in a container, the built wheel is installed in it as an ordinary user would,
and the service is brought through its life. A table tells what was seen. Needs root on Linux, a
Debian mirror in apt's own configuration, and a Julia (`make julia`).
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import tree
from checks import CHECKS, Service
from machine import HOME, UID, USER, FailedError, Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD: Final = 0
FAILED: Final = 1
CANNOT: Final = 77
"""As test programs say "skipped" since automake."""


def main() -> int:
    """Do it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="packaging/test-systemd",
        description=__doc__,
        epilog=f"Exit code {GOOD}: all is well, {FAILED}: something is not, {CANNOT}: this machine "
        "cannot do it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--install-tools",
        action="store_true",
        help=f"have apt install {' and '.join(tree.TOOLS.values())} on this machine if missing",
    )
    parser.add_argument(
        "--clean", action="store_true", help=f"remove what is kept in {tree.CACHE}, and do no more"
    )
    options = parser.parse_args()
    if options.clean:
        shutil.rmtree(tree.CACHE, ignore_errors=True)
        return GOOD
    try:
        with _prepared(install=options.install_tools) as machine:
            return _check(machine)
    except tree.CannotRunError as error:
        print(f"test-systemd: not run: {' '.join(str(error).split())}.", file=sys.stderr)
        return CANNOT
    except FailedError as error:
        print(f"test-systemd: {error}", file=sys.stderr)
        return FAILED


@contextlib.contextmanager
def _prepared(*, install: bool) -> Iterator[Machine]:
    begin = time.monotonic()
    tree.require(install=install)
    place = tree.base()
    with tempfile.TemporaryDirectory(prefix="run-", dir=tree.CACHE) as folder:
        root = Path(folder) / "kaimond-test"
        tree.copy(place, root)
        bound = tree.add_julia(root)
        shutil.copytree(tree.wheels(), root / "opt" / "wheels")
        tree.wheel(root / "opt" / "wheels")
        shutil.copy(Path(__file__).with_name("agent.py"), root / "opt")
        print(f"prepared in {time.monotonic() - begin:.0f} s", flush=True)
        with Machine(root, bound) as machine:
            try:
                machine.boot()
                machine.root(f"useradd --create-home --uid {UID} --shell /bin/sh {USER}")
                machine.root(f"chown -R {UID} /opt/depot; loginctl enable-linger {USER}")
                machine.wait_for_user()
            except FailedError as error:
                # Nothing of ours runs in it yet.
                raise tree.CannotRunError(f"a container does not boot here: {error}") from None
            print(f"booted after {time.monotonic() - begin:.0f} s, home {HOME}\n", flush=True)
            yield machine


def _check(machine: Machine) -> int:
    service = Service(machine)
    width = max(len(name) for name, _ in CHECKS)
    for name, check in CHECKS:
        begin = time.monotonic()
        print(f"{name:{width}}  ", end="", flush=True)
        try:
            seen = check(service)
        except FailedError as error:
            print(f"FAILED  {time.monotonic() - begin:5.1f} s  {error}", flush=True)
            _tell_more(machine)
            return FAILED
        print(f"ok      {time.monotonic() - begin:5.1f} s  {seen}", flush=True)
    return GOOD


def _tell_more(machine: Machine) -> None:
    print("\nThe end of the console, of the journal and of the server log:")
    print("\n".join(machine.console().splitlines()[-20:]))
    print(machine.root("journalctl --no-pager -n 60 -o short-monotonic"))
    print(machine.root(f"tail -n 40 {HOME}/.local/state/kaimon/log/server.log"))


if __name__ == "__main__":
    sys.exit(main())
