"""Real clients call every tool, and the model behind each is given our words."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from kaimond.mcp.server import INSTRUCTIONS
from kaimond.mcp.tools import TOOLS
from tests.real_clients.run import CLIENTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real_clients.conftest import Conversations
    from tests.real_clients.conversation import Conversation

pytestmark = [pytest.mark.julia, pytest.mark.timeout(400)]

CANCELLED = {"claude": "was interrupted", "codex": "was interrupted", "gemini": "goes on"}
"""What becomes of an eval whose call a person cancels. Gemini CLI leaves without a word."""

OFFERED = {"claude": "yes", "codex": "no", "gemini": "yes"}
"""Whether a client takes up a tool that a session has come to offer."""

CLIENTS_BY_TITLE = {client.title: client for client in CLIENTS.values()}


@pytest.fixture(params=CLIENTS)
def told(request: pytest.FixtureRequest, conversations: Conversations) -> Conversation:
    return conversations[request.param]


def test_all_of_the_story_is_told(told: Conversation, julia_program: Path) -> None:
    assert told.steps[-1].title in ("After a crash", "The client cancels the call")
    assert "call_" not in told.steps[-1].given.text


def test_the_clients_reach_for_nothing_but_the_model(
    told: Conversation, julia_program: Path
) -> None:
    assert told.outside == ()


def test_a_tool_that_no_step_shows_is_named(told: Conversation, julia_program: Path) -> None:
    missing = set(TOOLS) - {step.tool for step in told.steps}

    assert not missing, f"tests/real_clients/story.py shows nothing of {', '.join(missing)}"


def test_the_instructions_and_all_descriptions_arrive(
    told: Conversation, julia_program: Path
) -> None:
    assert set(told.tools) == set(TOOLS)
    for name, tool in TOOLS.items():
        assert tool.description in told.tools[name]
    assert INSTRUCTIONS[:200] in told.told


def test_no_answer_is_json(told: Conversation, julia_program: Path) -> None:
    for step in told.steps:
        for line in CLIENTS_BY_TITLE[told.client].unwrap(step.given.text).splitlines():
            assert not _is_json_object(line), (step.title, step.given.text)


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def test_the_words_about_sessions_arrive(told: Conversation, julia_program: Path) -> None:
    (key,) = (key for key in told.keys if key in told["Starting a session"].text)
    for title in ("Starting a session", "A restart", "The state of all", "Where a session is"):
        assert key in told[title].text, title
    assert "MyPkg" in told["What may be started"].text
    assert "kaimonctl project allow" in told["A project that is not allowed"].text
    # The client works in the project, so its session is started and used.
    assert key in told["Evaluating without a session"].text
    assert key in told["No such session"].text
    assert key in told["A shutdown"].text
    first, *_ = told["Starting anew"].text.partition("Its state is new")
    assert key not in first


def test_values_output_warnings_and_errors_arrive(told: Conversation, julia_program: Path) -> None:
    assert "19.63495" in told["A value that is shown"].text
    assert "19.63495" not in told["A value that is not shown"].text
    assert "2026-03-01T08:00:00 0.6" in told["Printed output"].text
    assert "few readings" in told["A warning"].text
    assert "unknown scale 'K'" in told["An error"].text
    assert "readings.jl:26" in told["An error"].text
    assert "2 + 2 == 5" in told["A test that fails"].text
    # Gemini CLI compares a call with the schema itself, and words it in its way.
    refused = told["An argument that there is not"].text
    assert "colour" in refused or "additional properties" in refused


def test_long_output_is_cut_and_says_where_all_of_it_is(
    told: Conversation, julia_program: Path
) -> None:
    text = told["Long output"].text

    assert len(text) < 7000
    assert "line 1\n" in text
    assert "line 5000" in text
    assert re.search(r"/\S*spool\S*", text)


def test_pictures_arrive_as_pictures(told: Conversation, julia_program: Path) -> None:
    assert told["A picture"].images[0].startswith("image/png, 320 x 200")
    assert len(told["A picture that is too large"].images) == 1


def test_an_eval_in_the_background_is_followed_to_its_end(
    told: Conversation, julia_program: Path
) -> None:
    text = told["An eval that takes long"].text
    (eval_id,) = set(re.findall(r'eval_id="([0-9a-f]{8})"', text))

    assert "step 1" in text
    assert "step 2" in told["Looking at it while it runs"].text
    assert "offset=14" in told["Looking at it while it runs"].text
    assert eval_id in told["Which evals there are"].text
    assert "interrupted" in told["Cancelling it"].text
    assert "interrupted" in told["Looking at it afterwards"].text
    assert "ready" in told["Progress"].text


def test_a_killed_daemon_costs_no_answer_and_runs_nothing_twice(
    told: Conversation, julia_program: Path
) -> None:
    assert "(1, 42)" in told["The daemon is killed meanwhile"].text
    assert "(1, 20)" in told["State after the daemon was killed"].text


def test_the_end_of_julia_is_told(told: Conversation, julia_program: Path) -> None:
    text = told["Julia ends by itself"].text

    assert "so long" in text
    assert "exited with code 3" in text


def test_edited_source_is_told(told: Conversation, julia_program: Path) -> None:
    assert "Good morning" in told["Source that was edited"].text
    assert "greet.jl" in told["Source that was edited"].text
    assert "WARNING" in told["Source that does not parse"].text


@pytest.mark.parametrize("name", CLIENTS)
def test_a_cancelled_call_interrupts_its_eval(
    name: str, conversations: Conversations, julia_program: Path
) -> None:
    assert CANCELLED[name] in conversations[name].facts["cancelled"]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_sessions_own_tool_is_offered_as_far_as_the_client_listens(
    name: str, conversations: Conversations, julia_program: Path
) -> None:
    assert conversations[name].facts["offered"] == OFFERED[name]
