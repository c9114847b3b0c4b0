"""Gates and daemons of three versions, each with each: at a start, and after an adoption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kaimond import __version__
from kaimond.errors import SessionError
from kaimond.gate import frames, gate_version
from kaimond.registry.record import Record
from kaimond.registry.state import State
from tests.skew.versions import MIDDLE, NEW, NEWEST, OLD, RELEASES, Release
from tests.support.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.skew.conftest import SkewHome


def spoken(daemon: Release, gate: Release) -> bool:
    return gate.gate in (daemon.gate, daemon.gate - 1)


@pytest.mark.parametrize("daemon", RELEASES, ids=lambda release: f"kaimond-{release.version}")
async def test_each_gate_works_at_a_start_or_it_is_said_what_to_do(
    skew_home: SkewHome, daemon: Release
) -> None:
    project = skew_home.project()
    skew_home.start(daemon)
    async with skew_home.agent(daemon) as one:
        for gate in RELEASES:
            skew_home.gate(gate.gate)
            if spoken(daemon, gate):
                key = await one.start(project)
                await one.ok("ex", e="1 + 1")
                (seen,) = await one.sessions()
                assert "cannot be used" not in seen["health"]
                await one.ok("manage_repl", command="shutdown", session=key)
                continue
            said = await one.refused("start_session", project_path=str(project))
            assert f"the running kaimond {daemon.version}" in said
            assert f"speaks protocol {gate.gate}, this kaimond {daemon.gate - 1} and" in said
            assert "`kaimonctl reload`" in said
            assert await one.sessions() == []


async def test_a_session_outlives_an_upgrade_and_is_used_on(skew_home: SkewHome) -> None:
    project = skew_home.project()
    skew_home.gate(MIDDLE.gate)
    first = skew_home.start(MIDDLE)
    async with skew_home.agent(MIDDLE) as one:
        key = await one.start(project)
    skew_home.kill(first)
    skew_home.gate(NEW.gate)
    skew_home.start(NEW)
    async with skew_home.agent(NEW) as one:
        await one.ok("ex", e="1 + 1", session=key)
        assert await one.start(project) == key


@pytest.mark.parametrize("other", [OLD, NEWEST], ids=["downgrade", "two versions at once"])
async def test_an_adopted_session_that_cannot_be_spoken_with_is_told_and_restarted(
    skew_home: SkewHome, other: Release
) -> None:
    project = skew_home.project()
    skew_home.gate(MIDDLE.gate)
    first = skew_home.start(MIDDLE)
    async with skew_home.agent(MIDDLE) as one:
        key = await one.start(project)
        await one.ok("ex", e="hang", timeout=1)
        (before,) = await one.sessions()
        assert before["state"] == "busy"
    skew_home.kill(first)
    skew_home.gate(other.gate)
    skew_home.start(other)
    async with skew_home.agent(other) as one:
        (seen,) = await one.sessions()
        assert (seen["key"], seen["pid"]) == (key, before["pid"])
        assert seen["state"] == "ready"
        assert "alive, but cannot be used: its gate is of Kaimon" in seen["health"]
        for refusal in (
            await one.refused("ex", e="1 + 1", session=key),
            await one.refused("start_session", project_path=str(project)),
        ):
            assert f"speaks protocol {MIDDLE.gate}" in refusal
            assert f"this kaimond is {other.version} and speaks {other.gate - 1} and" in refusal
            assert 'manage_repl(command="restart")' in refusal
        told = await one.ok("check_eval", eval_id=before["eval"])
        assert "lost" in told
        assert f"speaks protocol {MIDDLE.gate}" in told

        said = await one.ok("manage_repl", command="restart", session=key)

        assert "by a new process" in said
        assert await one.start(project) == key
        await one.ok("ex", e="1 + 1", session=key)
        (seen,) = await one.sessions()
        assert seen["generation"] == before["generation"] + 1
        assert "cannot be used" not in seen["health"]


async def test_an_adopted_session_that_cannot_be_spoken_with_is_shut_down(
    skew_home: SkewHome,
) -> None:
    project = skew_home.project()
    skew_home.gate(OLD.gate)
    first = skew_home.start(OLD)
    async with skew_home.agent(OLD) as one:
        key = await one.start(project)
    skew_home.kill(first)
    skew_home.start(NEW)

    done = skew_home.ctl(NEW, "shutdown", key)

    assert done.returncode == 0, done.stderr
    async with skew_home.agent(NEW) as one:

        async def gone() -> bool:
            return await one.sessions() == []

        await until(gone)


@pytest.mark.parametrize("gate", range(1, 6))
@pytest.mark.parametrize("daemon", range(1, 6))
def test_what_is_not_spoken_is_told_with_both_versions(
    monkeypatch: pytest.MonkeyPatch, daemon: int, gate: int
) -> None:
    monkeypatch.setattr(gate_version, "PROTOCOLS", range(max(1, daemon - 1), daemon + 1))
    record = Record("k" * 8, "/p", "", State.READY, "agent", 0.0, protocol=gate, gate="0.9")
    if gate in (daemon, daemon - 1):
        gate_version.require_spoken(record)
        return
    with pytest.raises(SessionError) as caught:
        gate_version.require_spoken(record)
    assert caught.value.kind == "gate-protocol"
    for words in ("Kaimon 0.9", f"protocol {gate};", __version__, "kaimonctl reload"):
        assert words in caught.value.message


def test_a_session_of_a_version_that_kept_no_number_is_taken_for_spoken() -> None:
    record = Record("k" * 8, "/p", "", State.READY, "agent", 0.0)
    gate_version.require_spoken(record)


def test_the_gate_that_is_installed_speaks_what_this_daemon_speaks() -> None:
    assert gate_version.installed_protocol() == frames.PROTOCOL
    gate_version.require_installed()


def test_a_gate_that_cannot_be_read_is_no_reason_to_refuse(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gate_version, "GATE", tmp_path / "none")
    assert gate_version.installed_protocol() == 0
    (tmp_path / "none").write_text("const PROTOCOL = maybe\n")
    assert gate_version.installed_protocol() == 0
    gate_version.require_installed()
