"""The answer of a tool as MCP has it."""

from __future__ import annotations

import mcp_types as types
import pytest

from kaimond.mcp.answer import END, Answer

GEMINI = "gemini-cli-mcp-client"


def text(answer: Answer, client: str = "") -> str:
    (block,) = answer.to_mcp(client).content
    assert isinstance(block, types.TextContent)
    return block.text


@pytest.mark.parametrize("value", ["2", '"ready"', "[1, 2]", "true", '{"a": 1}', "[" * 20_000])
def test_a_text_that_is_json_is_ended_where_gemini_cli_would_misread_it(value: str) -> None:
    assert text(Answer(value), GEMINI) == value + END
    assert text(Answer(value), "claude-code") == value


def test_other_texts_are_the_same_for_every_client() -> None:
    assert text(Answer("1 + 1 = 2"), GEMINI) == "1 + 1 = 2"
