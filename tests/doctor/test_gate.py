"""What `kaimonctl gate doctor` makes of a Julia, here a small program."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kaimond.doctor import gate
from kaimond.doctor.gate import load_path, run

if TYPE_CHECKING:
    from pathlib import Path

OURS = "uuid a21192e0-c747-40e2-a203-a8df58b0ebbe"


def told(tmp_path: Path, *lines: str, code: int = 0) -> gate.Trial:
    """What comes of a Julia that writes these lines."""
    program = tmp_path / "julia"
    said = "\n".join(lines)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\nexit {code}\n")
    program.chmod(0o755)
    return run(str(program), tmp_path / "packages", os.environ, tmp_path)


def fact(*words: str) -> list[str]:
    return [f"kaimond-trial {word}" for word in words]


def test_a_julia_in_which_everything_is_found_works(tmp_path: Path) -> None:
    lines = fact("julia 1.11.2", OURS, "file /p/Kaimon.jl", "libzmq /l.so", "loaded /l.so")
    tried = told(tmp_path, *lines)
    assert tried.works
    assert tried.verdict == ("`using Kaimon; Gate.serve()` works in Julia 1.11.2", "")
    assert tried.facts["file"] == "/p/Kaimon.jl"


@pytest.mark.parametrize(
    ("lines", "what", "cure"),
    [
        (
            ["sh: julia: no"],
            "did not run Julia code. It ended with code 3. It said: sh:",
            "by hand",
        ),
        (
            [*fact("julia 1.4.0"), "ERROR: LoadError"],
            "`using Kaimon` fails in Julia 1.4.0. It ended with code 3. It said: ERROR: LoadError",
            "1.5 or newer",
        ),
        (
            fact("julia 1.12.0", "uuid 1234", "file /other/Kaimon.jl"),
            "loads another package of that name: /other/Kaimon.jl",
            "pkg> rm Kaimon",
        ),
        (
            fact("julia 1.12.0", OURS, "no-libzmq no libzmq was found. Start kaimond once"),
            "has no libzmq: no libzmq was found. Start kaimond once",
            "See there",
        ),
        (
            fact("julia 1.12.0", OURS, "libzmq /l.so", "not-loaded wrong ELF class"),
            "/l.so does not: wrong ELF class",
            "Reinstall",
        ),
        (
            fact("julia 1.12.0", OURS, "libzmq /l.so"),
            "/l.so does not: It ended with code 3.",
            "Reinstall",
        ),
    ],
)
def test_what_is_missing_is_told_with_its_cure(
    tmp_path: Path, lines: list[str], what: str, cure: str
) -> None:
    tried = told(tmp_path, *lines, code=3)
    assert not tried.works
    assert what in tried.verdict[0]
    assert cure in tried.verdict[1]


def test_a_julia_that_hangs_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "TIMEOUT", 0.2)
    program = tmp_path / "julia"
    program.write_text("#!/bin/sh\nsleep 1000 & wait\n")
    program.chmod(0o755)
    tried = run(str(program), tmp_path, os.environ, tmp_path)
    assert "was not done within 0 s and was killed" in tried.verdict[0]


def test_the_package_comes_behind_what_julia_looks_through_already(tmp_path: Path) -> None:
    assert load_path({}, tmp_path) == f":{tmp_path}"
    assert load_path({"JULIA_LOAD_PATH": "@:/mine"}, tmp_path) == f"@:/mine:{tmp_path}"
