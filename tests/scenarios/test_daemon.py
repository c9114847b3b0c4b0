"""One daemon per user: found, started once, ended in order."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.agent import agent, facts, text
from tests.support.home import PROGRAMS
from tests.support.wait import until, wait_until

if TYPE_CHECKING:
    from tests.support.home import Home


def daemons(home: Home) -> list[int]:
    return [p.pid for p in home.processes() if any("kaimond" in a for a in p.cmdline()[1:3])]


def test_twenty_concurrent_first_starts_make_one_daemon(home: Home) -> None:
    starts = [
        subprocess.Popen(
            [str(PROGRAMS / "kaimond"), "--detach"],
            env=home.env,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(20)
    ]
    said = [start.communicate(timeout=100)[1] for start in starts]
    winners = [start for start in starts if start.returncode == 0]
    assert len(winners) == 1
    assert sum("already running" in text for text in said) == 19
    assert daemons(home) == [home.announced()]


def test_a_daemon_with_another_socket_leaves_sessions_to_the_one_that_has_them(
    daemon_home: Home,
) -> None:
    pid = daemon_home.announced()
    daemon_home.env["KAIMON_RUNTIME_DIR"] = str(daemon_home.path / "elsewhere")
    done = daemon_home.kaimond()
    assert done.returncode == 2
    assert f"in use by the kaimond with pid {pid}" in done.stderr
    daemon_home.env["KAIMON_RUNTIME_DIR"] = str(daemon_home.paths.runtime)
    assert daemon_home.status()["pid"] == pid


async def test_twenty_agents_that_find_no_daemon_start_one(home: Home) -> None:
    async def ping() -> int:
        async with agent(home) as one:
            return int(facts(await one.call("ping"))["pid"])

    pids = await asyncio.gather(*(ping() for _ in range(20)))
    assert set(pids) == {home.announced()}


def test_a_second_daemon_says_who_is_running_and_harms_nothing(daemon_home: Home) -> None:
    pid = daemon_home.announced()
    for arguments in ([], ["--detach"]):
        done = daemon_home.kaimond(*arguments)
        assert done.returncode == 1
        assert f"pid {pid}" in done.stderr
    assert daemon_home.status()["pid"] == pid


@pytest.mark.julia
async def test_a_daemon_that_is_asked_to_end_ends_its_sessions_first(daemon_home: Home) -> None:
    project = daemon_home.project()
    (daemon,) = daemon_home.daemons
    async with agent(daemon_home) as one:
        await one.start(project)
        waiting = asyncio.create_task(one.call("ex", e="sleep(100)"))
        while (await one.sessions())[0]["state"] != "busy":  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        daemon.send_signal(signal.SIGTERM)
        result = await waiting
        assert result.is_error
        assert await asyncio.to_thread(daemon.wait, 30) == 0
        assert not [p for p in daemon_home.processes() if "KAIMON_SESSION" in p.environ()]
    log = daemon_home.server_log()
    assert log.index("SIGTERM: ending") < log.index("stopping -> stopped")


@pytest.mark.julia
async def test_nothing_of_a_session_is_lost_when_the_daemon_is_killed(daemon_home: Home) -> None:
    project = daemon_home.project()
    (daemon,) = daemon_home.daemons
    async with agent(daemon_home) as one:
        key = await one.start(project)
        await one.ok("ex", e="kept = 1")
        running = asyncio.create_task(one.call("ex", e='sleep(2); kept += 1; "done"', q=False))
        while (await one.sessions())[0]["state"] != "busy":  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        daemon.kill()
        await asyncio.to_thread(daemon.wait)
        result = await running
        assert not result.is_error, result
        assert await one.value("kept", session=key) == "2"
        assert daemon_home.announced() not in (0, daemon.pid)


@pytest.mark.julia
async def test_an_upgrade_in_place_keeps_sessions_variables_and_running_evals(
    daemon_home: Home,
) -> None:
    project = daemon_home.project()
    (daemon,) = daemon_home.daemons
    async with agent(daemon_home) as one, agent(daemon_home, mode="auto") as two:
        key = await one.start(project)
        await one.ok("ex", e="kept = 1")
        running = asyncio.create_task(one.call("ex", e='sleep(3); kept += 1; "done"', q=False))
        while (await two.sessions())[0]["state"] != "busy":  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        before = daemon_home.status()
        daemon.send_signal(signal.SIGHUP)
        await until(lambda: daemon_home.server_log().count("ready on") == 2)
        after = daemon_home.status()
        assert after["pid"] == before["pid"] == daemon.pid
        assert after["uptime"] < before["uptime"] + 60
        assert [seen["key"] for seen in after["sessions"]] == [key]
        assert text(await running) == '"done"'
        assert await two.value("kept", session=key) == "2"
        # Its children are still its own: the exit code is known.
        await one.refused("ex", e="exit(7)")
        assert "exited with code 7" in await two.refused("ex", e="1", session=key)


def test_a_daemon_that_is_asked_to_end_while_it_makes_way_ends(daemon_home: Home) -> None:
    (daemon,) = daemon_home.daemons
    daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "successor takes over" in daemon_home.server_log())
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(30) in (0, -signal.SIGTERM)


def test_kaimonctl_reload_waits_for_the_successor_and_says_who_answers(daemon_home: Home) -> None:
    before = daemon_home.status()
    done = daemon_home.kaimonctl("reload")
    assert done.returncode == 0, done.stderr
    after = daemon_home.status()
    assert (after["pid"], after["version"]) == (before["pid"], before["version"])
    assert after["instance"] != before["instance"]
    assert f"pid {after['pid']}" in done.stdout
    daemon_home.paths.settings_file.write_text("[log]\nlevel = 1\n")
    refused = daemon_home.kaimonctl("reload")
    assert refused.returncode == 1
    assert "goes on as it is" in refused.stderr
    assert daemon_home.status()["instance"] == after["instance"]


def test_an_upgrade_that_could_not_start_is_refused_and_the_daemon_goes_on(
    daemon_home: Home,
) -> None:
    daemon_home.paths.settings_file.write_text("[log]\nlevel = 1\n")
    pid = daemon_home.announced()
    (daemon,) = daemon_home.daemons
    daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "not reloaded" in daemon_home.server_log())
    assert daemon_home.status()["pid"] == pid
    assert "level" in daemon_home.server_log()


def test_a_runtime_directory_open_to_others_is_refused_with_the_cure(home: Home) -> None:
    home.paths.runtime.mkdir(mode=0o755)
    home.paths.runtime.chmod(0o755)
    done = home.kaimond()
    assert done.returncode == 1
    assert f"chmod 700 {home.paths.runtime}" in done.stderr
    home.paths.runtime.chmod(0o700)


def test_the_control_socket_is_for_its_owner_only(daemon_home: Home) -> None:
    assert daemon_home.paths.control_socket.stat().st_mode & 0o777 == 0o600
    assert daemon_home.paths.runtime.stat().st_mode & 0o777 == 0o700
    assert daemon_home.paths.database.stat().st_mode & 0o777 == 0o600
    assert daemon_home.paths.server_log.stat().st_mode & 0o777 == 0o600


def test_a_detached_daemon_is_ready_when_the_command_returns(home: Home) -> None:
    done = home.kaimond("--detach")
    assert done.returncode == 0, done.stderr
    assert home.announced()
    assert wait_until(home.paths.control_socket.exists)
