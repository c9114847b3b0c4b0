"""Tools as clients see them, and what they say to wrong arguments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond.mcp.server import INSTRUCTIONS
from kaimond.mcp.tool import ArgumentError, as_meant
from kaimond.mcp.tools import TOOLS
from kaimond.mcp.tools.ex import ExArguments

if TYPE_CHECKING:
    from kaimond.mcp.call import Call

MOST = 2048
"""Bytes of a description; clients cut there."""

EVERY = pytest.mark.parametrize("name", list(TOOLS))


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for one in value.values() for key in _keys(one)}
    if isinstance(value, list):
        return {key for one in value for key in _keys(one)}
    return set()


@EVERY
def test_a_schema_is_an_object_without_noise_that_refuses_what_it_does_not_know(name: str) -> None:
    schema = TOOLS[name].to_mcp().input_schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert "title" not in _keys(schema)
    json.dumps(schema)


@EVERY
def test_every_parameter_is_explained(name: str) -> None:
    for parameter, said in TOOLS[name].to_mcp().input_schema["properties"].items():
        assert said.get("description"), parameter


@EVERY
def test_whatever_is_about_one_session_takes_its_key_by_either_name(name: str) -> None:
    properties = TOOLS[name].to_mcp().input_schema["properties"].keys()
    about_no_session = name in ("start_session", "ping", "server_log")
    if not about_no_session and "eval_id" not in properties:
        assert {"session", "ses"} <= properties


@EVERY
def test_descriptions_are_short_enough_for_every_client(name: str) -> None:
    assert 0 < len(TOOLS[name].description.encode()) <= MOST


def test_instructions_are_short_enough_and_name_only_tools_that_exist() -> None:
    assert len(INSTRUCTIONS.encode()) <= MOST
    for name in TOOLS:
        assert name in INSTRUCTIONS


@EVERY
def test_every_hint_is_given_because_the_defaults_are_the_worst(name: str) -> None:
    annotations = TOOLS[name].to_mcp().annotations
    assert annotations
    assert annotations.title
    for hint in ("read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint"):
        assert isinstance(getattr(annotations, hint), bool), hint
    assert not (annotations.read_only_hint and annotations.destructive_hint)


async def complaint(tool: str, given: dict[str, Any]) -> str:
    nobody = cast("Call", None)
    with pytest.raises(ArgumentError) as caught:
        await TOOLS[tool].call(nobody, given)
    return str(caught.value)


@EVERY
async def test_an_unknown_parameter_is_refused_by_name_and_the_known_ones_are_listed(
    name: str,
) -> None:
    said = await complaint(name, {"wings": 2})
    assert said.startswith(f"{name}: ")
    assert "unknown parameter `wings`" in said
    assert "Nothing was done" in said
    for parameter in TOOLS[name].arguments.model_fields:
        assert f"`{parameter}`" in said


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("ex", {}, "missing parameter `e`"),
        ("ex", {"e": 1}, "`e`: input should be a valid string"),
        ("ex", {"e": "1", "q": "yes"}, "`q`: input should be a valid boolean"),
        ("ex", {"e": "1", "max_output": 10**9}, "`max_output`: "),
        ("ex", {"e": "1", "max_output": True}, "`max_output`: "),
        ("manage_repl", {"command": "explode"}, "`command`: input should be 'restart'"),
        ("start_session", {"name": "a b"}, "`name`: "),
        ("start_session", {"name": "x" * 65}, "`name`: "),
        ("server_log", {"lines": 0}, "`lines`: "),
    ],
    ids=str,
)
async def test_a_wrong_argument_is_refused_in_words(
    name: str, given: dict[str, Any], words: str
) -> None:
    said = await complaint(name, given)
    assert words in said
    assert "pydantic" not in said


async def test_all_that_is_wrong_is_said_at_once() -> None:
    said = await complaint("ex", {"wings": 1, "q": 3})
    assert "`q`" in said
    assert "`wings`" in said
    assert "missing parameter `e`" in said


def test_session_and_ses_mean_the_same_and_may_not_differ() -> None:
    model = TOOLS["ex"].arguments
    for given in ({"session": "a"}, {"ses": "a"}, {"session": "a", "ses": "a"}):
        assert model.model_validate({"e": "1"} | given).key() == "a"
    with pytest.raises(ArgumentError, match="mean the same"):
        model.model_validate({"e": "1", "session": "a", "ses": "b"}).key()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"code": "1"}, {"e": "1"}),
        ({"expr": "1", "session_id": " 0a1b2c3d "}, {"e": "1", "session": "0a1b2c3d"}),
        ({"e": "1", "q": "false", "max_output": "500"}, {"e": "1", "q": False, "max_output": 500}),
        ({"e": "1", "timeout": "30"}, {"e": "1", "timeout": 30.0}),
        ({"e": "1", "max_output": "500.0"}, {"e": "1", "max_output": 500}),
        ({"e": "1", "timeout": "2.5"}, {"e": "1", "timeout": 2.5}),
        # What is not plain is left to be refused, and code is never touched.
        ({"e": " false "}, {"e": " false "}),
        ({"e": "1", "q": "yes"}, {"e": "1", "q": "yes"}),
        ({"e": "1", "code": "2"}, {"e": "1", "code": "2"}),
        ({"e": "1", "max_output": "many"}, {"e": "1", "max_output": "many"}),
    ],
)
def test_arguments_are_taken_as_they_are_plainly_meant(
    given: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert as_meant(ExArguments, given)[0] == meant


def test_a_parameter_under_another_name_is_told() -> None:
    _, remarks = as_meant(ExArguments, {"code": "1", "key": "0a1b2c3d"})
    assert remarks == ["(`code` was taken for `e`.)", "(`key` was taken for `session`.)"]
