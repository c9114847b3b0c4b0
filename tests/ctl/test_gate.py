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
