"""``kaimonctl`` and a scripted daemon."""

from __future__ import annotations

import base64
import fcntl
import json
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from kaimond import wire
from kaimond.ctl import client
from kaimond.ctl.output import CtlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ctl.conftest import Home, Stub

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "pid": 7,
    "uptime": 3.0,
    "sessions": [{"key": "1a2b3c4d", "state": "busy", "project": "/p", "name": "\x1b[2J"}],
    "agents": [],
    "problems": [],
}


def test_status_is_zero_and_shows_the_sessions(home: Home, stub: Stub) -> None:
    stub.answers["status"] = STATUS
    done = home.ctl("status")
    assert done.returncode == 0
    assert "is up" in done.stdout
    assert "1a2b3c4d" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["status", "sessions"])
def test_json_is_exactly_the_daemons(home: Home, stub: Stub, command: str) -> None:
    stub.answers[command] = STATUS
    assert json.loads(home.ctl(command, "--json").stdout) == STATUS


def test_all_asks_for_ended_sessions_too(home: Home, stub: Stub) -> None:
    stub.answers["sessions"] = {"sessions": []}
    assert home.ctl("sessions", "--all").stdout == "no sessions\n"
    home.ctl("sessions")
    assert [request["params"] for request in stub.asked] == [{"ended": True}, {"ended": False}]


def test_start_resolves_a_relative_path_where_the_person_is(home: Home, stub: Stub) -> None:
    stub.answers["start"] = {"text": "Session x started.", "session": {}}
    done = home.ctl("start", "sub/..", "--name", "two", cwd=home.path)
    assert done.stdout == "Session x started.\n"
    assert stub.asked[0]["params"] == {"path": str(home.path), "name": "two"}


@pytest.mark.parametrize("command", ["shutdown", "restart"])
def test_a_session_is_named_by_its_key(home: Home, stub: Stub, command: str) -> None:
    stub.answers[command] = {"text": "Done."}
    assert home.ctl(command, "1a2b3c4d").stdout == "Done.\n"
    assert stub.asked[0]["params"] == {"session": "1a2b3c4d"}


@pytest.mark.parametrize(
    ("command", "careful"),
    [("shutdown", True), ("restart", True), ("interrupt", True), ("revise", False)],
)
def test_a_session_that_is_not_named_is_the_daemons_choice_which_is_told(
    home: Home, stub: Stub, command: str, *, careful: bool
) -> None:
    chosen = {"session": "1a2b3c4d", "title": "Pkg\x1b[2J", "project": "/p/Pkg"}
    stub.answers |= {"session": chosen, command: {"text": "Done."}}
    for given in ("", "1a"):
        stub.asked.clear()
        done = home.ctl(command, *filter(None, [given]), cwd=home.path)
        assert done.stdout == "Done.\n"
        assert done.stderr == "kaimonctl: session 1a2b3c4d (Pkg\\x1b[2J, /p/Pkg)\n"
        question, order = [request["params"] for request in stub.asked]
        assert question == {
            "session": given,
            "cwd": str(home.path),
            "careful": careful,
            "ended": False,
        }
        assert order == {"session": "1a2b3c4d"}


def test_an_error_of_the_daemon_is_told_word_for_word_and_is_one(home: Home, stub: Stub) -> None:
    stub.answers["session"] = "There is no session x. Known: none."
    done = home.ctl("shutdown", "x")
    assert done.returncode == 1
    assert done.stderr == "kaimonctl: There is no session x. Known: none.\n"


def test_a_refusal_is_told_word_for_word(home: Home, stub: Stub) -> None:
    error = {"code": "protocol", "message": "Both are wrong. Do this."}
    stub.welcome = wire.encode({"kaimon": 9, "version": "9", "ok": False, "error": error})
    done = home.ctl("status")
    assert done.returncode == 1
    assert done.stderr == "kaimonctl: Both are wrong. Do this.\n"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"stale": [], "changed": [], "off": False}, 0),
        ({"stale": ["a.jl: it differs"], "changed": [], "off": False}, 1),
        ({"stale": [], "changed": ["a.jl"], "off": False}, 1),
        ({"stale": [], "changed": [], "off": True}, 1),
    ],
)
def test_revise_is_zero_only_if_the_session_runs_what_is_on_the_disk(
    home: Home, stub: Stub, source: dict[str, Any], code: int
) -> None:
    stub.answers["revise"] = {"text": "It was read.", "source": source}
    done = home.ctl("revise", "1a2b3c4d")
    assert (done.returncode, done.stdout) == (code, "It was read.\n")


def test_another_package_version_is_a_warning(home: Home, stub: Stub) -> None:
    stub.welcome = wire.encode({"kaimon": 1, "version": "9.9", "ok": True})
    stub.answers["status"] = STATUS
    done = home.ctl("status", "--json")
    assert done.returncode == 0
    assert "version 9.9" in done.stderr
    assert json.loads(done.stdout) == STATUS


@pytest.mark.parametrize("welcome", [b"220 smtp ready\n", b"{}\n", b"[]\n"])
def test_something_that_is_not_kaimond_is_an_unknown_state(
    home: Home, stub: Stub, welcome: bytes
) -> None:
    stub.welcome = welcome
    assert home.ctl("status").returncode == 4


def test_a_daemon_that_says_nothing_is_an_unknown_state(
    home: Home, silent_socket: Callable[[], None]
) -> None:
    silent_socket()
    done = home.ctl("status")
    assert done.returncode == 4
    assert "has not answered for 5 s" in done.stderr


def test_a_daemon_that_goes_away_meanwhile_is_an_unknown_state(home: Home, stub: Stub) -> None:
    stub.answers["status"] = lambda peer: peer.shutdown(socket.SHUT_RDWR)
    done = home.ctl("status")
    assert done.returncode == 4
    assert "without an answer" in done.stderr


def test_what_a_session_printed_gives_the_terminal_no_orders(home: Home, stub: Stub) -> None:
    stub.answers["restart"] = "It did not start. The last lines:\n\x1b]0;owned\x07\nno package"
    done = home.ctl("restart", "0a1b2c3d")
    assert done.returncode == 1
    assert done.stderr == (
        "kaimonctl: It did not start. The last lines:\n\\x1b]0;owned\\x07\nno package\n"
    )


def test_stop_waits_until_the_daemon_is_gone(home: Home, stub: Stub) -> None:
    with (home.runtime / "kaimond.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def end(peer: socket.socket) -> None:
            peer.sendall(wire.encode({"jsonrpc": "2.0", "id": 2, "result": {"text": "Ending."}}))
            peer.shutdown(socket.SHUT_RDWR)

        stub.answers |= {"version": {"pid": 5}, "stop": end}
        process = home.popen("stop")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.7)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == "Ending.\nkaimond has ended.\n"


def test_stop_does_not_wait_for_the_next_daemon(home: Home, stub: Stub) -> None:
    stub.answers |= {"version": {"pid": 5}, "stop": {"text": "Ending."}}
    (home.runtime / "kaimond.json").write_text('{"pid": 6}')
    with (home.runtime / "kaimond.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = home.popen("stop")
        assert process.stdout
        assert process.stdout.readline() == "Ending.\n"
        stub.hang_up()
        out, _ = process.communicate(timeout=60)
    assert out == "kaimond has ended.\n"


def test_version_tells_both(home: Home, stub: Stub) -> None:
    stub.answers["version"] = {"version": "0.1.0", "protocol": 1, "pid": 5}
    assert "protocol 1, process 5" in home.ctl("version").stdout
    both = json.loads(home.ctl("version", "--json").stdout)
    assert both["kaimond"] == stub.answers["version"]


def test_a_reader_that_has_had_enough_is_no_error(home: Home, stub: Stub) -> None:
    stub.answers["sessions"] = {"sessions": [{"key": "x" * 1000}] * 1000}
    process = home.popen("sessions")
    assert process.stdout
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    assert process.wait(60) == 0
    process.stderr.close()


def test_something_unforeseen_is_a_sentence(home: Home, stub: Stub) -> None:
    stub.answers["sessions"] = {"sessions": [1]}
    done = home.ctl("sessions")
    assert done.returncode == 1
    assert "something unforeseen" in done.stderr
    home.environ["KAIMON_DEBUG"] = "1"
    process = home.popen("sessions")
    assert "Traceback" in process.communicate()[1]


def test_an_interruption_is_quiet(home: Home, stub: Stub) -> None:
    asked: list[subprocess.Popen[str]] = []

    def interrupt(_peer: socket.socket) -> None:
        asked[0].send_signal(2)

    stub.answers["status"] = interrupt
    process = home.popen("status")
    asked.append(process)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def _eval_messages(peer: socket.socket, *messages: tuple[str, dict[str, str]]) -> None:
    for name, params in messages:
        peer.sendall(wire.encode({"jsonrpc": "2.0", "method": f"eval.{name}", "params": params}))


def test_a_reader_that_has_had_enough_of_a_followed_eval_does_not_interrupt_it(
    home: Home, stub: Stub
) -> None:
    line = {"data": base64.b64encode(b"line\n").decode()}
    closed = threading.Event()

    def follow(peer: socket.socket) -> None:
        _eval_messages(peer, ("queued", {"eval": "abcd", "session": "1a2b"}), ("output", line))
        assert closed.wait(60)
        _eval_messages(peer, ("output", line))

    def interrupted(peer: socket.socket) -> None:
        _eval_messages(peer, ("ended", {}))

    stub.answers |= {"eval": follow, "eval.interrupt": interrupted}
    process = home.popen("eval", "--follow", "abcd")
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    closed.set()
    with process.stderr:
        said = process.stderr.read()
    assert process.wait(60) == 130
    assert "eval abcd goes on in session 1a2b" in said
    assert [request["method"] for request in stub.asked] == ["eval"]


def test_a_message_that_is_too_long_is_told_in_a_sentence(home: Home, stub: Stub) -> None:
    stub.answers["eval"] = lambda peer: peer.sendall(b"x" * (wire.MAX_LINE + 1))
    done = home.ctl("eval", "1")
    assert done.returncode == 4
    assert done.stderr.startswith("kaimonctl: kaimond sent a message that cannot be read")
    assert done.stderr.count("\n") == 1


def test_whoever_leaves_while_connecting_again_is_not_told_of_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> client.Client:
        raise CtlError("It is not running.")

    monkeypatch.setattr(client, "connect_or_start", none)
    with pytest.raises(CtlError) as left:
        client.connected_again(lambda: False)
    assert str(left.value) == "no kaimond could be reached yet. It is not running."
    monkeypatch.setattr(client, "AGAIN_FOR", 0.0)
    with pytest.raises(CtlError, match="for 0 s"):
        client.connected_again()
