"""Resources, prompts and completions, with the SDK's own client of either era."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from kaimond import __version__
from kaimond.config import projects_edit
from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.evals.spool import Spool
from kaimond.mcp import resources
from kaimond.mcp.prompts import PROMPTS
from kaimond.mcp.text import MOST_OUTPUT
from tests.mcp.conftest import sdk_client
from tests.mcp.test_session_tools import record, told

if TYPE_CHECKING:
    from tests.control.conftest import Running

ERAS = pytest.mark.parametrize("mode", ["legacy", "auto"])

RUNS = Eval("0a1b2c3d", "aaaaaaaa", "boot", "code", "agent", 1.0, began=1.0)
ENDED = Eval("0a9f9f9f", "aaaaaaaa", "boot", "code", "agent", 1.0, began=1.0)


@pytest.fixture
def evals(running: Running) -> dict[str, Eval]:
    """The evals that the daemon knows."""
    known = {"0a1b2c3d": RUNS, "0a9f9f9f": ENDED.ended(Outcome(Status.DONE, 1.0, 0), 2.0)}
    supervisor = cast("Any", running.core.supervisor)
    supervisor.history = SimpleNamespace(
        all_open=lambda: [item for item in known.values() if not item.outcome],
        recent=lambda *_: list(known.values()),
        get=known.get,
        dropped=lambda _: None,
    )
    supervisor.registry = SimpleNamespace(get=lambda _: None, ended=list)
    return known


def text(result: types.ReadResourceResult) -> str:
    (content,) = result.contents
    assert isinstance(content, types.TextResourceContents)
    assert content.mime_type == "text/plain"
    return content.text


@ERAS
@pytest.mark.usefixtures("evals")
async def test_a_client_is_promised_only_what_is_served(running: Running, mode: str) -> None:
    async with sdk_client(running, mode) as client:
        can = client.server_capabilities
        assert can.tools
        assert can.tools.list_changed
        assert can.completions
        assert can.prompts
        assert not can.prompts.list_changed
        assert can.resources
        assert not can.resources.list_changed
        assert not can.resources.subscribe


async def test_only_the_subscription_to_tools_is_acknowledged(running: Running) -> None:
    async with (
        sdk_client(running, "auto") as client,
        client.listen(tools_list_changed=True, resources_list_changed=True) as stream,
    ):
        assert stream.honored == types.SubscriptionFilter(tools_list_changed=True)


@ERAS
@pytest.mark.usefixtures("evals")
async def test_what_lives_is_listed_as_resources(running: Running, mode: str) -> None:
    told(running, record("aaaaaaaa"))
    async with sdk_client(running, mode) as client:
        listed = (await client.list_resources()).resources
        assert [one.uri for one in listed] == [
            "kaimon://sessions",
            "kaimon://session/aaaaaaaa/log",
            "kaimon://eval/0a1b2c3d/output",
        ]
        templates = (await client.list_resource_templates()).resource_templates
        assert [one.uri_template for one in templates] == [
            "kaimon://session/{key}/log",
            "kaimon://eval/{id}/output{?offset}",
        ]


@ERAS
@pytest.mark.usefixtures("evals")
async def test_the_sessions_can_be_read_as_ping_tells_them(running: Running, mode: str) -> None:
    async with sdk_client(running, mode) as client:
        said = text(await client.read_resource("kaimon://sessions"))
        assert said.startswith(f"kaimond {__version__} is running")
        assert "No sessions" in said
        assert text(await client.read_resource("kaimon://sessions/"))


async def test_all_output_of_an_eval_can_be_read_part_by_part(
    running: Running, evals: dict[str, Eval]
) -> None:
    spool = Spool(running.where.session_spool("aaaaaaaa"))
    spool.prepare()
    printed = "é" * MOST_OUTPUT
    spool.path(RUNS.id).write_text(printed)
    address, size = f"kaimon://eval/{RUNS.id}/output", len(printed.encode())
    async with sdk_client(running, "legacy") as client:
        head, _, first = text(await client.read_resource(address)).partition("\n")
        assert head == (
            f"Output so far: {size} bytes; shown: from byte 0 to {size // 2}. "
            f"{address}?offset={size // 2} shows what comes after."
        )
        evals[RUNS.id] = RUNS.ended(Outcome(Status.DONE, 1.0, size), 2.0)
        rest = text(await client.read_resource(f"{address}?offset={size // 2}"))
        head, _, second = rest.partition("\n")
        assert head == f"Output: {size} bytes; shown: from byte {size // 2} to {size}."
        assert first + second == printed
        nothing = text(await client.read_resource(f"kaimon://eval/{ENDED.id}/output"))
        assert nothing == "(It has printed nothing.)"


@ERAS
@pytest.mark.usefixtures("evals")
@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "kaimon://moon",
            "There is no resource 'kaimon://moon'. There are kaimon://sessions, kaimon://session/",
        ),
        ("file:///etc/passwd", "There is no resource 'file:///etc/passwd'."),
        ("kaimon://eval/0a1b2c3d/output?offset=x", "There is no resource"),
        ("kaimon://eval/feedface/output", "There is no eval 'feedface'."),
        ("kaimon://session/feedface/log", "No session has the key 'feedface'."),
    ],
)
async def test_what_cannot_be_read_is_told_in_words(
    running: Running, mode: str, address: str, words: str
) -> None:
    async with sdk_client(running, mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(address)
        assert caught.value.error.code == types.INVALID_PARAMS
        assert words in caught.value.error.message
        assert (await client.list_resources()).resources


async def test_a_fault_of_ours_leaks_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(resources, "listed", fails)
    async with sdk_client(running, "legacy") as client:
        with pytest.raises(MCPError, match="resources/list failed inside kaimond") as caught:
            await client.list_resources()
        assert "secret" not in str(caught.value.error)


@ERAS
async def test_a_client_lists_the_prompts_and_gets_one_for_its_project(
    running: Running, mode: str
) -> None:
    async with sdk_client(running, mode) as client:
        listed = (await client.list_prompts()).prompts
        assert {
            one.name: [argument.name for argument in one.arguments or []] for one in listed
        } == {
            "start": ["project", "session"],
            "test": ["project", "session"],
            "debug": ["test", "project", "session"],
        }
        for prompt in listed:
            bare = await said(client, prompt.name)
            assert "ex uses the session of the project that you work in" in bare
            assert "this project" in bare
            assert "{" not in bare
            assert len(bare) < 1400
            there = await said(client, prompt.name, session="0a1b2c3d", project=" ")
            assert 'Pass session="0a1b2c3d" in every call' in there
            assert "start_session" not in there
            assert "this project" in there
            path = await said(client, prompt.name, project='/p/"{x}"')
            assert r'start_session(project_path="/p/\"{x}\"") gives it.' in path
        assert 'the test "fits \\\\ all"' in await said(client, "debug", test="fits \\ all")


async def said(client: Any, name: str, **given: str) -> str:
    (message,) = (await client.get_prompt(name, given)).messages
    assert message.role == "user"
    assert isinstance(message.content, types.TextContent)
    return message.content.text


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("tests", {}, "There is no prompt 'tests'. Did you mean test? The prompts are: start, "),
        ("test", {"path": "x"}, "has no argument 'path'. Its arguments are: project, session."),
    ],
)
async def test_an_unknown_prompt_is_told_with_those_that_there_are(
    running: Running, name: str, given: dict[str, str], words: str
) -> None:
    async with sdk_client(running, "legacy") as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt(name, given)
        assert words in caught.value.error.message


@ERAS
@pytest.mark.usefixtures("evals")
async def test_keys_projects_and_eval_ids_are_completed(running: Running, mode: str) -> None:
    told(running, record("aaaaaaaa", "/p/Sky"))
    told(running, record("ab000000", "/p/Sea"))
    project = running.where.projects_file.parent / "Allowed"
    project.mkdir(parents=True)
    (project / "Project.toml").touch()
    projects_edit.allow(running.where.projects_file, str(project))
    key = types.ResourceTemplateReference(uri=resources.TEMPLATES[0].uri_template)
    ident = types.ResourceTemplateReference(uri=resources.TEMPLATES[1].uri_template)
    prompt = types.PromptReference(name=next(iter(PROMPTS)))
    async with sdk_client(running, mode) as client:

        async def of(ref: Any, name: str, begun: str) -> list[str]:
            found = await client.complete(ref, {"name": name, "value": begun})
            assert found.completion.total == len(found.completion.values)
            assert not found.completion.has_more
            return found.completion.values

        assert await of(key, "key", "a") == ["aaaaaaaa", "ab000000"]
        assert await of(prompt, "session", "ab") == ["ab000000"]
        assert await of(prompt, "session", "sky") == ["aaaaaaaa"]
        assert await of(prompt, "project", "allow") == [str(project)]
        assert await of(prompt, "project", "/nowhere") == []
        assert await of(ident, "id", "") == ["0a1b2c3d", "0a9f9f9f"]
        assert await of(ident, "id", "0a9") == ["0a9f9f9f"]
        assert await of(ident, "offset", "1") == []
