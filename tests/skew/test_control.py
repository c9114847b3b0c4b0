"""kaimonctl, kaimon-mcp and kaimond of three versions, each with each."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from kaimond import __version__, wire
from kaimond.connections.hello import read_hello, refusal, welcome
from tests.skew.versions import MIDDLE, NEW, OLD, RELEASES, Release, agree
from tests.support.wait import until

if TYPE_CHECKING:
    from tests.skew.conftest import SkewHome

REAL = Release(__version__, wire.PROTOCOL)


def names_both(text: str, client: Release, daemon: Release) -> bool:
    return f"kaimond {daemon.version} (protocol" in text and f" {client.version} (protocol" in text


@pytest.mark.parametrize("daemon", RELEASES, ids=lambda release: f"kaimond-{release.version}")
async def test_each_pair_works_or_says_what_to_do(skew_home: SkewHome, daemon: Release) -> None:
    skew_home.start(daemon)
    for client in RELEASES:
        done = skew_home.ctl(client, "version", "--json")
        async with skew_home.agent(client) as one:
            if agree(client.control, daemon.control):
                assert done.returncode == 0, done.stderr
                told = json.loads(done.stdout)
                assert told["kaimonctl"] == client.version
                assert told["kaimond"]["version"] == daemon.version
                said = await one.ok("ping")
                assert f"kaimond {daemon.version} is running" in said
                # Different packages that work together are told, too, with the cure.
                differ = client != daemon
                assert (f"the daemon is version {daemon.version}" in done.stderr) is differ
                assert ("kaimonctl reload" in done.stderr) is differ
                assert (f"your kaimon-mcp is {client.version}" in said) is differ
                continue
            assert done.returncode == 1
            refused = await one.refused("ping")
            assert names_both(done.stderr, client, daemon), done.stderr
            assert names_both(refused, client, daemon), refused
            if client.control > daemon.control:
                assert "that kaimond is too old. Run `kaimonctl reload`" in done.stderr
                assert "that kaimond is too old. Run `kaimonctl reload`" in refused
            else:
                assert "this kaimonctl is too old. Use the kaimonctl that" in done.stderr
                assert "this kaimon-mcp is too old. Restart your MCP client" in refused


async def test_the_cure_works_where_nothing_can_be_asked(skew_home: SkewHome) -> None:
    """What is installed in the tests is the real version; the daemon is far ahead of it."""
    daemon = skew_home.start(NEW)
    async with skew_home.agent(REAL) as one:
        assert names_both(await one.refused("ping"), REAL, NEW)

        done = skew_home.ctl(REAL, "reload")

        assert done.returncode == 0, done.stderr
        assert names_both(done.stderr, REAL, NEW)
        assert f"kaimond {__version__} runs now (pid {daemon.pid})." in done.stdout

        # The agent's connection comes back by itself.
        async def works() -> bool:
            return not (await one.call("ping")).is_error

        await until(works, 100)


def test_a_daemon_of_another_language_can_be_stopped(skew_home: SkewHome) -> None:
    daemon = skew_home.start(MIDDLE)

    done = skew_home.ctl(REAL, "stop")

    assert done.returncode == 0, done.stderr
    assert names_both(done.stderr, REAL, MIDDLE)
    assert "kaimond has ended." in done.stdout
    assert daemon.wait(30) == 0


@pytest.mark.parametrize("ours", range(1, 6))
@pytest.mark.parametrize("theirs", range(1, 6))
def test_the_newest_common_number_is_found(
    monkeypatch: pytest.MonkeyPatch, ours: int, theirs: int
) -> None:
    """``ours`` is the client's."""
    for role in ("mcp", "ctl"):
        monkeypatch.setattr(wire, "PROTOCOL", ours)
        hello = wire.hello(role)
        monkeypatch.setattr(wire, "PROTOCOL", theirs)
        try:
            assert read_hello(hello).protocol == ours
            answer = welcome()
        except wire.WireError as error:
            answer = refusal(error.code, error.message)
        monkeypatch.setattr(wire, "PROTOCOL", ours)
        if ours in (theirs, theirs - 1):
            assert wire.read_welcome(answer, role) == __version__
            continue
        with pytest.raises(wire.SkewError) as caught:
            wire.read_welcome(answer, role)
        assert caught.value.common == (theirs if theirs == ours - 1 else 0)
        assert caught.value.pid == os.getpid()
        if caught.value.common:
            monkeypatch.setattr(wire, "PROTOCOL", theirs)
            assert read_hello(wire.hello(role, protocol=caught.value.common)).protocol == theirs


@pytest.mark.parametrize(
    "answer",
    [
        {"kaimon": 9},
        {"kaimon": "9", "oldest": 9},
        {"kaimon": True, "oldest": True},
        {"kaimon": -3, "oldest": -9, "pid": -1},
        {"kaimon": 1, "oldest": 10**400, "pid": "7"},
    ],
)
def test_a_strange_refusal_is_still_a_refusal(answer: dict[str, object]) -> None:
    line = wire.encode({**answer, "error": {"code": "protocol", "message": "their words"}})
    with pytest.raises(wire.SkewError) as caught:
        wire.read_welcome(line, "mcp")
    assert caught.value.common == 0
    assert caught.value.pid == 0
    assert caught.value.message


def test_a_side_says_all_numbers_that_it_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(wire.ours()) == f"{__version__} (protocol 1)"
    monkeypatch.setattr(wire, "PROTOCOL", OLD.control)
    assert str(wire.ours()) == f"{__version__} (protocol 1 and 2)"
