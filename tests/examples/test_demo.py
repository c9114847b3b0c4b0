"""The demo: it tells the truth, says so when it cannot, and leaves nothing behind."""

from __future__ import annotations

import importlib
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.home import CHECKOUT
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from types import ModuleType

DEMO = CHECKOUT / "examples" / "demo.py"
TIMEOUT = 100


def run_demo(julia: Path, *command: str, cwd: Path) -> tuple[int, str]:
    """Run the demo to its end; return its exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=os.environ | {"KAIMON_JULIA": str(julia)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout


def home_of(said: str) -> Path:
    found = re.search(r"(\S*/kdemo\w+)/MyPkg", said)
    assert found, said
    return Path(found[1])


def inhabitants(home: Path) -> list[list[str]]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(home):
                found.append(process.cmdline())
        except (psutil.Error, OSError):
            continue
    return found


def transcript() -> list[str]:
    """The lines of the README's transcript, without those that differ from Julia to Julia."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("## What it looks like")[2].split("```")[1]
    return [line for line in block.partition("Stacktrace:")[0].splitlines() if line.strip(" …")]


def without_chance(text: str) -> str:
    """The same for every run: temporary folders and keys are replaced."""
    return re.sub(r"\b[0-9a-f]{8}\b", "KEY", re.sub(r"\S*/kdemo\w+", "HOME", text))


@pytest.mark.julia
def test_the_demo_tells_a_true_story_and_leaves_nothing_behind(
    julia_program: Path, tmp_path: Path
) -> None:
    code, said = run_demo(julia_program, str(DEMO), cwd=tmp_path)

    assert code == 0, said
    assert "All of it was as told" in said
    assert "\x1b" not in said, "colours are for terminals"
    home = home_of(said)
    assert not home.exists()
    assert inhabitants(home) == []
    # What the README shows was said, in this order.
    rest = without_chance(said)
    for line in transcript():
        _, found, rest = rest.partition(f"{without_chance(line)}\n")
        assert found, f"not in the demo, or not there: {line}"


@pytest.mark.julia
def test_a_broken_claim_is_named_and_fails_the_demo(julia_program: Path, tmp_path: Path) -> None:
    # The story is right and the world is wrong; the other way round is the same to the demo.
    program = (
        f"import sys; sys.path[:0] = [{str(DEMO.parent)!r}]\n"
        "import runpy; runpy.run_path(sys.argv[1])\n"
        "import story; story.READINGS = '13'\n"
        "sys.exit(story.main())\n"
    )
    code, said = run_demo(julia_program, "-c", program, str(DEMO), cwd=tmp_path)

    assert code == 1, said
    assert "This claim is broken: `station` holds 13 readings now" in said
    assert "found: 12" in said
    assert "Traceback" not in said
    assert "as told" not in said
    home = home_of(said)
    assert not home.exists()
    assert inhabitants(home) == []


@pytest.mark.julia
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cleans_up(
    julia_program: Path, number: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "said"
    with out.open("wb") as file:
        demo = subprocess.Popen(
            [sys.executable, str(DEMO)],
            cwd=tmp_path,
            env=os.environ | {"KAIMON_JULIA": str(julia_program)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_until(lambda: b"Session key" in out.read_bytes() or demo.poll() is not None)
        home = home_of(out.read_text(encoding="utf-8"))
        assert inhabitants(home) != []
        demo.send_signal(number)
        assert demo.wait(TIMEOUT) == 130
    finally:
        demo.kill()
        demo.wait()
    said = out.read_text(encoding="utf-8")
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert not home.exists()
    assert inhabitants(home) == []


class Terminal(io.StringIO):
    """A stream that is a terminal, with an encoding."""

    encoding = "ascii"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def narrator(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(DEMO.parent / "demo"))
    return importlib.import_module("narrator")


def test_the_story_is_coloured_on_a_terminal_unless_no_color_is_set(narrator: ModuleType) -> None:
    coloured, plain = Terminal(), Terminal()

    narrator.Narrator(coloured, {}).scene("Title")
    narrator.Narrator(plain, {"NO_COLOR": "1"}).scene("Title")

    assert coloured.getvalue() == "\n\x1b[1m1. Title\x1b[0m\n"
    assert plain.getvalue() == "\n1. Title\n"


def test_the_story_can_be_told_on_a_terminal_that_knows_only_ascii(narrator: ModuleType) -> None:
    out = Terminal()

    narrator.Narrator(out, {"NO_COLOR": "1"}).claim("it holds", kept=True)

    assert out.getvalue() == "  ? it holds\n"
