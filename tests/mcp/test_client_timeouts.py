"""How long a call waits for its eval."""

from __future__ import annotations

import pytest

from kaimond.mcp.client_timeouts import patience


@pytest.mark.parametrize(
    ("client", "seconds"),
    [
        ("claude-code", 110),
        ("codex-mcp-client", 50),
        ("Visual Studio Code", 50),
        ("claude-ai", 50),
        ("", 50),
    ],
)
def test_a_call_returns_before_the_client_gives_it_up(client: str, seconds: float) -> None:
    assert patience(None, 3600, client).seconds == seconds
    assert patience(None, 30, client).seconds == 30
    assert patience(None, 3600, client).warning == ""


def test_what_a_call_asks_for_is_done_and_told_if_the_client_waits_for_less() -> None:
    assert patience(55, 30, "cursor-vscode").warning == ""
    assert patience(100, 30, "claude-code").warning == ""
    for asked in (60, 600, 0):
        decided = patience(asked, 30, "cursor-vscode")
        assert decided.seconds == asked
        assert f"less than timeout={asked} allows" in decided.warning
        assert "cursor-vscode usually waits about 60 s" in decided.warning
