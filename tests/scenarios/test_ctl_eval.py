"""kaimonctl eval: Julia from a shell, in the session that agents use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import agent
from tests.support.home import PROGRAMS, Home
from tests.support.terminal import Terminal
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.julia

CTL = str(PROGRAMS / "kaimonctl")


class Person:
    """Somebody with a shell in a project's directory."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.project = home.example()
        self.waits = home.path / "waits"

    def popen(
        self,
        *arguments: str,
        command: str = "eval",
        cwd: str = ".",
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [CTL, command, *arguments],
            env=self.home.env,
            cwd=self.project / cwd,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs(self, *arguments: str, cwd: str = ".", stdin: str = "") -> tuple[int, str, str]:
        """The exit code, what was printed as data, and what as messages."""
        process = self.popen(*arguments, cwd=cwd, stdin=subprocess.PIPE)
        out, err = process.communicate(stdin, timeout=100)
        assert "Traceback" not in err
        return process.returncode, out, err

    def ctl(self, command: str, *arguments: str) -> tuple[int, str, str]:
        """The same of another command."""
        process = self.popen(*arguments, command=command)
        out, err = process.communicate(timeout=100)
        return process.returncode, out, err

    def value(self, code: str) -> str:
        status, out, err = self.runs(code)
        assert status == 0, err
        return out

    def terminal(self, *arguments: str) -> Terminal:
        return Terminal([CTL, "eval", *arguments], self.home.env, self.project)

    def waiting(self, before: str, after: str = "nothing") -> str:
        """Code that goes on until `go_on`."""
        self.waits.touch()
        return f'{before}; while ispath("{self.waits}") sleep(0.01) end; {after}'

    def go_on(self) -> None:
        self.waits.unlink()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and all messages that were not read yet; the data must have been."""
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    with process.stderr:
        return process.wait(60), process.stderr.read()


@pytest.fixture(scope="module")
def person(julia: dict[str, str]) -> Iterator[Person]:
    home = Home(julia)
    home.start_daemon()
    yield Person(home)
    home.close()


@pytest.mark.smoke
async def test_code_runs_in_the_session_of_the_directory_as_at_the_repl(person: Person) -> None:
    code, out, err = person.runs("x = 41; println(:out); x + 1", cwd="src")
    assert (code, out.splitlines()[-2:]) == (0, ["out", "42"])
    assert f"started for {person.project}" in err
    assert person.runs("x += 1;") == (0, "", "")
    assert person.runs("--quiet", "x") == (0, "", "")
    assert person.runs('print("no end of line"); x') == (0, "no end of line\n42\n", "")
    assert person.runs("-", stdin="sum(1:10)\n") == (0, "55\n", "")
    assert person.runs("--", "-x") == (0, "-42\n", "")
    code, out, err = person.runs('println(:out); error("no")')
    assert (code, out) == (1, "out\n")
    assert err.startswith("ERROR: no\nStacktrace:\n")
    async with agent(person.home) as one:
        assert "by kaimonctl: println(:out)" in await one.ok("list_evals", limit=1)


def test_a_file_is_included_and_its_errors_name_it(person: Person) -> None:
    file = person.home.path / 'a "$b.jl'
    file.write_text("y = 1\nfunction f()\n    missing_name\nend\nbasename(@__FILE__)\n")
    assert person.runs("-f", os.path.relpath(file, person.project))[:2] == (0, '"a \\"\\$b.jl"\n')
    file.write_text('y = 1\nfunction f()\n    error("no")\nend\nf()\n')
    code, out, err = person.runs("-f", str(file))
    assert (code, out) == (1, "")
    assert err.startswith("ERROR: LoadError: no\n")
    # Julia shortens the home directory.
    assert f"/{file.name}:3" in err
    code, out, err = person.runs("-f", "nowhere.jl")
    assert (code, out) == (2, "")
    assert err == (
        "kaimonctl: nowhere.jl cannot be read: No such file or directory. Nothing was evaluated.\n"
    )


def test_output_arrives_while_the_eval_runs(person: Person) -> None:
    process = person.popen(person.waiting('println("begun"); print("é")', '"value"'))
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    assert process.poll() is None
    person.go_on()
    assert process.stdout.read() == 'é\n"value"\n'
    assert ended(process) == (0, "")


def test_an_interrupt_from_the_keyboard_ends_the_eval_and_keeps_the_state(person: Person) -> None:
    person.value("kept = 7")
    with person.terminal('println("begun"); sleep(1000)') as shown:
        shown.reads("begun\n")
        shown.type("\x03")
        assert shown.process.wait(60) == 130
        assert "^C again leaves it running" in shown.screen
        assert "was interrupted" in shown.screen
    assert person.value("kept") == "7\n"


def test_a_second_interrupt_leaves_the_eval_which_can_be_followed(person: Person) -> None:
    person.waits.touch()
    goes_on = f'ispath("{person.waits}")'
    swallows = f"while {goes_on}; try; while {goes_on}; sleep(0.01); end; catch; end; end"
    with person.terminal(f'println("begun"); {swallows}; print(2); 9') as shown:
        shown.reads("begun\n")
        shown.type("\x03")
        shown.reads("^C again leaves it running")
        shown.type("\x03")
        assert shown.process.wait(60) == 130
        shown.reads("kaimonctl eval --follow ")
        eval_id = shown.screen.split("--follow ")[1][:8]
    with person.terminal("--follow", eval_id) as shown:
        shown.reads("begun\n")
        # Whoever only looks on interrupts nothing.
        shown.type("\x03")
        assert shown.process.wait(60) == 130
        assert "goes on in session" in shown.screen
    person.go_on()
    assert person.runs("--follow", eval_id) == (0, "begun\n2\n9\n", "")


def test_json_is_one_object_with_all_that_is_known(person: Person) -> None:
    def told(code: str) -> tuple[int, dict[str, Any]]:
        done = person.runs("--json", code)
        return done[0], json.loads(done[1])

    code, facts = told('using Kaimon; Gate.stash("a", 7); println("out"); [1, 2]')
    assert code == 0
    assert facts["status"] == "done"
    assert facts["project"] == str(person.project)
    assert facts["value"].endswith(" 1\n 2")
    assert (facts["output"], facts["output_bytes"]) == ("out\n", 4)
    assert (facts["stashed"], facts["error"], facts["images"]) == ({"a": "7"}, None, [])
    code, facts = told('error("no")')
    assert (code, facts["status"], facts["error"], facts["value"]) == (1, "failed", "no", None)
    assert "Stacktrace" in facts["backtrace"]
    shows = 'struct P end; Base.show(io::IO, ::MIME"image/png", ::P) = write(io, 0x1, 0x2); P()'
    assert told(shows)[1]["images"] == [{"type": "image/png", "bytes": 2}]
    assert "(image/png, 2 bytes; not shown here)" in person.runs("P()")[2]


async def test_an_eval_waits_for_those_of_agents(person: Person) -> None:
    async with agent(person.home) as one:
        await one.start(person.project)
        eval_id = await one.promoted(person.waiting("1"))
        process = person.popen("8")
        assert process.stderr
        assert process.stderr.readline() == (
            f"kaimonctl: waiting for eval {eval_id} of this session …\n"
        )
        person.go_on()
        assert process.stdout
        assert process.stdout.read() == "8\n"
        assert ended(process)[0] == 0


async def test_a_session_is_meant_by_its_directory_and_by_the_beginning_of_its_key(
    person: Person,
) -> None:
    key = str(json.loads(person.runs("--json", "1")[1])["session"])
    for given in ([], [key[:7]]):
        _, out, err = person.ctl("interrupt", *given)
        assert out == f"Session {key} evaluates nothing.\n"
        assert err == f"kaimonctl: session {key} (MyPkg, {person.project})\n"
    assert person.runs("--session", key[:7], "2", cwd="/") == (0, "2\n", "")
    assert person.ctl("log", "-n", "1", "--session-output")[0] == 0
    with Terminal([CTL, "attach"], person.home.env, person.project) as shown:
        shown.reads(f"attached to session {key} (MyPkg)")
        shown.reads("julia> ")
        shown.type("\x04")
        assert shown.process.wait(60) == 0
    async with agent(person.home) as one:
        assert await one.value("3", session=key[:7]) == "3"


def test_a_reader_that_has_had_enough_ends_the_eval(person: Person) -> None:
    process = person.popen('while true println("line") end')
    assert process.stdout
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    code, err = ended(process)
    assert code == 130
    assert "nobody reads the output any more" in err


@pytest.mark.parametrize("code", ["", " \n", "#\0"])
def test_what_is_no_code_is_refused_in_a_line(person: Person, code: str) -> None:
    done = person.runs("-", stdin=code)
    assert (done[0], done[1], done[2].count("\n")) == (1, "", 1)
    assert "othing was evaluated" in done[2]


def test_where_no_project_is_allowed_the_cure_is_named(person: Person, tmp_path: Path) -> None:
    other = person.home.project("Other", allowed=False)
    assert person.runs("1")[0] == 0
    code, out, err = person.runs("1", cwd=str(other))
    assert (code, out) == (1, "")
    assert f"kaimonctl project allow {other}" in err
    assert person.runs("--session", "zz", "1")[0] == 1
    # Elsewhere, the only session is meant.
    assert person.runs("basename(pwd())", cwd=str(tmp_path))[:2] == (0, '"MyPkg"\n')


def test_stale_source_is_told(person: Person) -> None:
    person.runs("using MyPkg")
    file = person.project / "src" / "greet.jl"
    source = file.read_text()
    file.write_text(source + "function (\n")
    code, out, err = person.runs("1")
    file.write_text(source)
    assert (code, out) == (0, "1\n")
    assert "WARNING: this answer may be stale" in err
    assert "src/greet.jl" in err
    assert "WARNING" not in person.runs("1")[2]


def test_the_death_of_the_daemon_loses_nothing(person: Person) -> None:
    process = person.popen(person.waiting('println("before")', 'println("after"); 6 * 7'))
    assert process.stdout
    assert process.stdout.readline() == "before\n"
    old = person.home.announced()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: person.home.announced() not in (0, old), 60)
    person.go_on()
    assert process.stdout.read() == "after\n42\n"
    assert ended(process) == (0, "kaimonctl: the connection to kaimond broke. Connecting again …\n")


def test_the_death_of_julia_is_told_and_the_next_eval_begins_afresh(person: Person) -> None:
    code, out, err = person.runs('println("out"); exit(3)')
    assert (code, out) == (4, "out\n")
    assert err.startswith("ERROR: eval ")
    assert " is lost: the session's process " in err
    code, out, err = person.runs("@isdefined(kept)")
    assert (code, out.splitlines()[-1]) == (0, "false")
    assert "started for" in err
