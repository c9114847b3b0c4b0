"""A line editor on a terminal, beside the evaluations of agents."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import threading
from typing import TYPE_CHECKING, Self

import psutil
import pytest

from tests.gate_julia.gate_process import GateProcess, wait_until
from tests.support.screen import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.julia, pytest.mark.timeout(300)]

PATIENCE = 90.0
"""Seconds; what is used for the first time is compiled first."""
PROMPT = "julia> "


class Terminal:
    """What the daemon is to the gate: it holds both ends of a pseudo-terminal, and reads."""

    def __init__(self, gate: GateProcess, terminal_id: str = "feedf00d") -> None:
        self.id = terminal_id
        self.gate = gate
        self._leader, self._follower = pty.openpty()
        self.path = os.ttyname(self._follower)
        self.resize(30, 90)
        self._shown = bytearray()
        self._mark = 0
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def open(self) -> None:
        """Have a line editor put on it, and wait for its prompt."""
        fields = (("terminal", self.id), ("path", self.path), ("term", "xterm"))
        self.gate.ask("terminal", *fields, answer="opened")
        self.expect(PROMPT)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while not self._closed.is_set():
            if select.select([self._leader], [], [], 0.05)[0]:
                self._shown += os.read(self._leader, 2**16)

    @property
    def text(self) -> str:
        return plain(bytes(self._shown))

    @property
    def raw_mode(self) -> bool:
        return not termios.tcgetattr(self._follower)[3] & termios.ISIG

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def expect(self, wanted: str) -> str:
        """Wait until something is shown; return what was shown between the last one and it."""
        what = f"{wanted!r} on the terminal"
        wait_until(lambda: wanted in self.text[self._mark :], what, PATIENCE)
        before, _, _ = self.text[self._mark :].partition(wanted)
        self._mark += len(before) + len(wanted)
        return before

    def enter(self, line: str) -> str:
        """Enter a line at the prompt; return all that is shown before the next prompt."""
        self.type(line + "\r")
        return self.expect("\n\n" + PROMPT) if line else self.expect(PROMPT)

    def says(self, event: str) -> dict[str, str]:
        """Wait for the gate's next word about this terminal, which must be this one."""
        word = self.gate.expect(self.id, "terminal")
        assert word.text("event") == event, word
        return {name: word.text(name) for name in word.names()}

    def hang_up(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._reader.join()
            os.close(self._leader)
            os.close(self._follower)


def value(gate: GateProcess, code: str) -> str:
    """Evaluate as an agent of whom nothing is shown; return the value."""
    outcome = gate.evaluate(code, silent="1")
    assert outcome.value is not None, outcome
    return outcome.value


@pytest.fixture(scope="module")
def attached(shared: GateProcess) -> Iterator[Terminal]:
    with Terminal(shared) as made:
        yield made


@pytest.fixture
def terminal(gate: GateProcess, attached: Terminal) -> Terminal:
    """The terminal that the tests share, at an empty prompt of an idle session."""
    wait_until(lambda: attached.raw_mode, "the prompt")
    return attached


def test_a_person_and_agents_share_one_main(gate: GateProcess, terminal: Terminal) -> None:
    assert value(gate, "z = 41") == "41"
    assert terminal.enter("z + 1").endswith("42")
    assert value(gate, "ans") == "42"
    # A loop may assign to a global, as at every REPL.
    assert terminal.enter("for i in 1:3; global_sum = z += i; end; z;").endswith("z;")
    assert value(gate, "z") == "47"
    assert value(gate, "names(Main)") == value(gate, "names(Main)")


def test_a_value_is_shown_for_the_size_of_the_terminal(
    gate: GateProcess, terminal: Terminal
) -> None:
    terminal.resize(31, 77)
    assert terminal.enter("displaysize(stdout)").endswith("(31, 77)")
    assert "⋮" in terminal.enter("collect(1:1000)")
    terminal.resize(30, 90)
    assert value(gate, "displaysize(stdout)") == "(24, 80)"


def test_an_error_shows_what_it_is_and_whose_frames(gate: GateProcess, terminal: Terminal) -> None:
    shown = terminal.enter('thrower() = error("boom"); thrower()')
    assert "ERROR: boom" in shown
    assert "thrower()" in shown
    assert "Kaimon" not in shown
    assert re.search("ERROR: (syntax|ParseError)", terminal.enter("1 = = 2"))
    assert "ERROR" in terminal.enter("struct Broken end; Base.show(io::IO, ::Broken) = x; Broken()")
    assert terminal.enter("1").endswith("1")


def test_all_output_of_a_person_is_the_persons(gate: GateProcess, terminal: Terminal) -> None:
    code = (
        'println("one"); ccall(:puts, Cint, (Cstring,), "two"); run(`echo three`); '
        'println(stderr, "four"); display("five"); @info "six"'
    )
    shown = terminal.enter(code)
    for word in ("one", "two", "three", "four", '"five"', "six"):
        assert f"\n{word}" in shown or f" {word}" in shown.rpartition('six"')[2], (word, shown)
    outcome = gate.evaluate('println("agent"); run(`echo child`); 7', silent="1")
    assert outcome.output == b"agent\nchild\n"
    assert "one" not in gate.log


def test_a_person_can_be_asked_for_input(terminal: Terminal) -> None:
    terminal.type("answer = readline()\r")
    wait_until(lambda: not terminal.raw_mode, "the line editor has passed the line on")
    terminal.type("forty-two\r")
    assert '"forty-two"' in terminal.expect("\n\n" + PROMPT)


@pytest.mark.smoke
def test_help_shell_and_package_modes_work(gate: GateProcess, terminal: Terminal) -> None:
    terminal.type("?")
    terminal.expect("help?> ")
    terminal.type("sin\r")
    assert "Compute sine" in terminal.expect("\n\n" + PROMPT)
    terminal.type(";")
    terminal.expect("shell> ")
    terminal.type("echo from the shell\r")
    terminal.expect("\nfrom the shell\n\n")
    # Newer Julias stay in this mode.
    if terminal.expect("> ").endswith("shell"):
        terminal.type("\x7f")
        terminal.expect(PROMPT)
    terminal.type("]")
    terminal.expect("pkg> ")
    # Newer Julias want a registry, which has to be downloaded, for `status`.
    terminal.type("activate .\r")
    terminal.expect("Activating")
    terminal.expect("\n\n(project) pkg> ")
    terminal.type("\x7f")
    terminal.expect(PROMPT)
    assert "Main" in terminal.enter("varinfo()")


def test_the_package_mode_is_every_terminals_own(gate: GateProcess, terminal: Terminal) -> None:
    for number in range(2):
        with Terminal(gate, f"000beef{number}") as other:
            other.type("]")
            other.expect("pkg> ")
            other.type("activate .\r")
            other.expect("Activating")
            other.expect("\n\n(project) pkg> ")
            other.type("\x7f")
            other.expect(PROMPT)
            assert other.enter("[1, 1][2] + 1").endswith("2")


def test_a_person_can_evaluate_in_another_module(gate: GateProcess) -> None:
    if value(gate, 'VERSION >= v"1.9"') == "false":
        pytest.skip("there is one module, Main")
    with Terminal(gate, "0000d00d") as other:
        other.type("module Inner; inside = 5; end; import REPL; REPL.activate(Inner)\r")
        other.expect("\n\n(Main.Inner) " + PROMPT)
        other.type("inside\r")
        assert other.expect("\n\n(Main.Inner) " + PROMPT).endswith("5")
        other.type("?")
        other.expect("help?> ")
        other.type("inside\r")
        other.expect("\n\n(Main.Inner) " + PROMPT)
        assert value(gate, "@isdefined inside") == "false"
        other.enter("Main.REPL.activate()")
        assert value(gate, "@isdefined docs") == "false"


def test_history_goes_on_at_the_next_terminal(gate: GateProcess, terminal: Terminal) -> None:
    terminal.enter("remembered = 1")
    with Terminal(gate, "0000cafe") as other:
        other.type("\x1b[A")
        other.expect("remembered = 1")
        other.type("\x03")
        other.expect("^C\n\n" + PROMPT)
        # What each prints is its own.
        assert 'println("there")' in other.enter('println("there")')
        assert "there" in other.text
        other.type("\x04")
        assert other.says("running")
        assert other.says("idle")
        assert other.says("closed")["reason"] == ""
    assert "there" not in terminal.text
    assert terminal.enter("isinteractive()").endswith("true")
    assert value(gate, "isinteractive()") == "false"


def test_input_waits_for_an_agent_and_an_agent_for_input(
    gate: GateProcess, terminal: Terminal
) -> None:
    flag = gate.home / "go-on"
    waiting = f'println("agent begins"); while !isfile("{flag}") sleep(0.02) end; println("ends")'
    eval_id = gate.begin(waiting, silent="1")
    gate.wait_running(eval_id)
    terminal.type('println("my", "own")\r')
    terminal.expect("waiting for an agent's eval …")
    assert "myown" not in terminal.text
    flag.touch()
    outcome = gate.finish(eval_id)
    assert outcome.output == b"agent begins\nends\n"
    terminal.expect("myown")
    terminal.expect(PROMPT)
    flag.unlink()

    terminal.type(f'while !isfile("{flag}") sleep(0.02) end; mine = 5;\r')
    wait_until(lambda: gate.ping().text("eval") == terminal.id, "the input runs")
    pong = gate.ping()
    assert (pong.text("state"), pong.text("queued")) == ("busy", "0")
    behind = gate.begin("mine", silent="1")
    assert gate.ping().text("queued") == "1"
    flag.touch()
    assert gate.finish(behind).value == "5"
    terminal.expect("\n\n" + PROMPT)
    flag.unlink()


def test_what_waits_can_be_taken_back(gate: GateProcess, terminal: Terminal) -> None:
    eval_id = gate.begin("sleep(100)", silent="1")
    gate.wait_running(eval_id)
    terminal.type("never = 1\r")
    terminal.expect("waiting for an agent's eval …")
    assert gate.interrupt(terminal.id) == "other-running"
    terminal.expect("^C: it was not evaluated")
    terminal.expect(PROMPT)
    wait_until(lambda: gate.interrupt(eval_id) == "thrown", "the interrupt is thrown")
    assert gate.finish(eval_id).status == "interrupted"
    assert value(gate, "@isdefined never") == "false"

    terminal.type("sleep(100)\r")
    wait_until(lambda: gate.ping().text("eval") == terminal.id, "the input runs")
    behind = gate.begin("never = 1", silent="1")
    gate.interrupt(behind)
    assert gate.finish(behind).status == "interrupted"
    wait_until(lambda: gate.interrupt(terminal.id) == "thrown", "the interrupt is thrown")
    assert "InterruptException" in terminal.expect("\n\n" + PROMPT)
    assert value(gate, "@isdefined never") == "false"


def test_what_agents_do_is_shown_above_a_half_typed_line(
    gate: GateProcess, terminal: Terminal
) -> None:
    terminal.type("half_typ")
    terminal.expect("half_typ")
    gate.evaluate(r'println("shown \e[31mplain"); 6 * 7')
    terminal.expect("agent> println")
    terminal.expect("shown �[31mplain\n42\n")
    assert "half_typ" in terminal.expect(PROMPT) + terminal.text[terminal._mark :]
    gate.evaluate("secret_word = 1", silent="1")
    gate.evaluate('error("visible")')
    terminal.expect("ERROR: visible")
    terminal.expect(PROMPT + "half_typ")
    assert "secret_word" not in terminal.text
    terminal.type("ed = 3\r")
    terminal.expect("\n\n" + PROMPT)
    assert value(gate, "half_typed") == "3"


def test_a_flood_of_an_agent_is_shown_at_both_ends(gate: GateProcess, terminal: Terminal) -> None:
    assert gate.evaluate("foreach(println, 1:100_000)").status == "ok"
    terminal.expect("bytes left out")
    terminal.expect("\n100000\n")
    terminal.expect(PROMPT)
    assert terminal.enter("1").endswith("1")


def test_a_terminal_that_goes_away_takes_nothing_with_it(gate: GateProcess) -> None:
    lost = Terminal(gate, "0badf00d")
    lost.open()
    flag = gate.home / "hung-up"
    lost.type(
        f'while !isfile("{flag}") sleep(0.02) end; println("into the log"); '
        "run(`true`); survived = 1\r"
    )
    wait_until(lambda: gate.ping().text("eval") == lost.id, "the input runs")
    lost.says("running")
    lost.hang_up()
    flag.touch()
    lost.says("idle")
    lost.says("closed")
    assert value(gate, "survived") == "1"
    wait_until(lambda: "into the log" in gate.log, "the output in the log")

    at_prompt = Terminal(gate, "00000bad")
    at_prompt.open()
    at_prompt.type("half a line")
    at_prompt.expect("half a line")
    at_prompt.hang_up()
    at_prompt.says("closed")
    process = psutil.Process(gate.pid)

    def calm() -> bool:
        before = process.cpu_times()
        try:
            process.wait(1)
        except psutil.TimeoutExpired:
            after = process.cpu_times()
            return after.user + after.system - before.user - before.system < 0.2
        raise AssertionError("the session has ended")

    wait_until(calm, "nothing spins")
    assert value(gate, "1 + 1") == "2"


def test_a_closed_terminal_leaves_no_descriptor_open(gate: GateProcess) -> None:
    process = psutil.Process(gate.pid)
    counts = []
    for number in range(3):
        with Terminal(gate, f"0000000{number}") as one:
            one.enter("1")
            one.type("\x04")
            for event in ("running", "idle", "closed"):
                one.says(event)
        counts.append(process.num_fds())
    assert counts[2] <= counts[0]


def test_a_terminal_that_cannot_be_opened_is_refused_with_a_reason(gate: GateProcess) -> None:
    for path in ("/nonexistent", "relative", str(gate.home), "/dev/null"):
        fields = (("terminal", "12345678"), ("path", path))
        reason = gate.ask("terminal", *fields, answer="refused").text("reason")
        assert reason
    assert value(gate, "1") == "1"
    gate.ask("terminal", ("terminal", "x"), ("path", "/dev/null"), answer="refused")


def test_leaving_leaves_everything_as_it_was(gate: GateProcess, terminal: Terminal) -> None:
    assert value(gate, "z = 47") == "47"
    terminal.type("\x04")
    wait_until(lambda: not terminal.raw_mode, "the terminal's own modes")
    assert value(gate, "z") == "47"
    terminal.open()
    assert terminal.enter("z").endswith("47")
