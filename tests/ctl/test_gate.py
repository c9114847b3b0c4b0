"""``kaimonctl gate``."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from kaimond.startup_jl import places

if TYPE_CHECKING:
    from tests.ctl.conftest import Home


def test_the_path_is_that_of_the_package(home: Home) -> None:
    path = str(places.package_directory())
    assert home.ctl("gate", "path").stdout == f"{path}\n"
    assert json.loads(home.ctl("gate", "path", "--json").stdout) == {"path": path}


def test_dev_says_what_to_type_and_changes_nothing(home: Home) -> None:
    path = str(places.package_directory())
    shown = home.ctl("gate", "dev").stdout
    assert f'push!(LOAD_PATH, "{path}"); using Kaimon; Gate.serve()' in shown
    assert "kaimonctl startup install --global" in shown
    assert list(home.path.iterdir()) == []
    line = json.loads(home.ctl("gate", "dev", "--json").stdout)["shell"]
    assert line in shown
    for before, after in (("", f":{path}"), ("@:/mine", f"@:/mine:{path}")):
        done = subprocess.run(
            ["/bin/sh", "-uc", f'{line}; printf %s "$JULIA_LOAD_PATH"'],
            env={"JULIA_LOAD_PATH": before} if before else {},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == after


def test_the_doctor_says_that_there_is_no_julia_and_what_helps(home: Home) -> None:
    settings = home.path / ".config" / "kaimon" / "kaimond.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[julia]\ncommand = "no-julia-is-called-so"\n')
    done = home.ctl("gate", "doctor")
    assert done.returncode == 1
    assert "there is no `no-julia-is-called-so`" in done.stdout
    told = json.loads(home.ctl("gate", "doctor", "--json").stdout)
    assert told["ok"] is False
    assert "Install Julia" in told["verdict"]


def test_the_doctor_tells_what_julia_says(home: Home) -> None:
    julia = home.path / "julia"
    julia.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "julia version 1.11.2" && exit\n'
        "echo kaimond-trial julia 1.11.2\n"
        'echo "kaimond-trial uuid a21192e0-c747-40e2-a203-a8df58b0ebbe"\n'
        "echo kaimond-trial libzmq /l.so\n"
        "echo kaimond-trial loaded /l.so\n"
    )
    julia.chmod(0o755)
    home.environ["PATH"] = f"{home.path}:{home.environ['PATH']}"
    done = home.ctl("gate", "doctor")
    assert done.returncode == 0
    assert done.stdout == (
        f"Julia    1.11.2 ({julia})\n"
        "libzmq   /l.so\n"
        "ok: `using Kaimon; Gate.serve()` works in Julia 1.11.2\n"
    )
    assert json.loads(home.ctl("gate", "doctor", "--json").stdout)["ok"] is True


def julia_that(home: Home, version: str, code: str) -> str:
    """Put a program first in the PATH that says it is this Julia, and else does this."""
    julia = home.path / "julia"
    julia.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "julia version {version}" && exit\n{code}\n'
    )
    julia.chmod(0o755)
    home.environ["PATH"] = f"{home.path}:{home.environ['PATH']}"
    return str(julia)


def test_the_gate_is_precompiled_when_somebody_asks_for_it(home: Home) -> None:
    julia_that(home, "1.12.5", 'for last; do :; done; echo made > "$last/mark"')
    done = home.ctl("gate", "precompile")
    assert done.returncode == 0
    (mark,) = (home.path / ".cache" / "kaimon" / "gate").glob("*/mark")
    assert done.stdout == f"The gate is precompiled for Julia 1.12.5 ({mark.parent}).\n"
    # Also if it is there, as what is there may be broken.
    mark.unlink()
    assert json.loads(home.ctl("gate", "precompile", "--json").stdout)["path"] == str(mark.parent)
    assert mark.exists()


def test_a_gate_that_cannot_be_precompiled_is_told_with_what_julia_said(home: Home) -> None:
    julia_that(home, "1.12.5", "echo no room; exit 3")
    done = home.ctl("gate", "precompile")
    assert done.returncode == 1
    assert "Sessions start without it" in done.stderr
    assert "no room" in done.stderr


def test_a_julia_that_can_have_no_precompiled_gate_is_no_failure(home: Home) -> None:
    julia_that(home, "1.5.3", "exit 1")
    done = home.ctl("gate", "precompile")
    assert done.returncode == 0
    assert "nothing was done" in done.stdout


def test_without_a_julia_nothing_is_precompiled(home: Home) -> None:
    settings = home.path / ".config" / "kaimon" / "kaimond.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[julia]\ncommand = "no-julia-is-called-so"\n')
    done = home.ctl("gate", "precompile")
    assert done.returncode == 1
    assert "there is no `no-julia-is-called-so`" in done.stderr
    assert "session" not in done.stderr
