"""Calls as models really write them: done as meant, or refused in one clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import agent, text

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.julia, pytest.mark.timeout(600)]

AS_MEANT: list[tuple[str, dict[str, Any], str]] = [
    ("a fence", {"e": "```julia\n20 + 22\n```"}, "42"),
    ("a fence with Windows newlines", {"e": "```julia\r\nx = 20\r\nx + 22\r\n```\r\n"}, "42"),
    ("a fence with a word for a REPL", {"e": "~~~julia-repl\njulia> 6 * 7\n42\n~~~"}, "42"),
    ("a pasted screen", {"e": "julia> a = 6\n6\n\njulia> a *\n       7\n42"}, "42"),
    ("another name for e", {"code": "6 * 7"}, "42"),
    ("another name for session", {"e": "6 * 7", "session_id": "KEY"}, "42"),
    ("a key with spaces", {"e": "6 * 7", "session": " KEY\n"}, "42"),
    ("a truth value as a word", {"e": "6 * 7", "q": "False"}, "42"),
    ("numbers as texts", {"e": "6 * 7", "timeout": "30", "max_output": "500"}, "42"),
    ("a number with a fraction of nothing", {"e": "6 * 7", "max_output": 500.0}, "42"),
    ("nothing for what may be left out", {"e": "6 * 7", "session": None, "timeout": None}, "42"),
    ("Windows newlines", {"e": "b = 6\r\nb *\r\n7\r\n"}, "42"),
    ("a line separator in a string", {"e": 'length("a\u2028b")'}, "3"),
    ("a byte order mark", {"e": "\ufeff6 * 7"}, "42"),
    ("spaces that do not break", {"e": "6\u00a0*\u00a07"}, "42"),
    ("a program of 1 MB", {"e": "# long\n" * 150_000 + "6 * 7"}, "42"),
]

REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("nothing to evaluate", "ex", {"e": " \n"}, "`e` is empty"),
    ("no code", "ex", {}, "missing parameter `e`"),
    ("code as a list", "ex", {"e": ["1", "2"]}, "`e`: input should be a valid string"),
    ("two names for one", "ex", {"e": "1", "code": "2"}, "unknown parameter `code`"),
    ("a shell's prompt", "ex", {"e": "shell> ls"}, "shell> ls"),
    ("no eval", "check_eval", {"eval_id": "latest"}, "There is no eval 'latest'"),
    ("a path of another system", "start_session", {"project_path": "C:\\x"}, "C:\\x"),
]


async def test_clumsy_calls_are_done_as_meant_or_refused_in_a_line(shared: Home) -> None:
    project = shared.path / "Proj"
    async with agent(shared) as one:
        key = await one.start("~/Proj")
        assert await one.start(f"{project}/") == key
        wrong = []
        for what, arguments, value in AS_MEANT:
            given = {
                name: given.replace("KEY", key) if isinstance(given, str) else given
                for name, given in arguments.items()
            }
            result = await one.call("ex", **{"q": False, **given})
            said = text(result)
            if result.is_error or said.splitlines()[:1] != [value]:
                wrong.append(f"{what}: {said[:300]}")
        for what, tool, arguments, told in REFUSED:
            result = await one.call(tool, **arguments)
            said = text(result)
            if not result.is_error or told not in said or said.count("\n") or "Traceback" in said:
                wrong.append(f"{what}: {said[:300]}")
        assert not wrong, "\n".join(wrong)
