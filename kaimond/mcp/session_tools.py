"""Tools that the code of a session offers, as MCP tools named `<namespace>_<name>`.

A call is an eval like any other: queued, interruptible, with progress, and in the background if it
takes long.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types

from kaimond.errors import KaimonError
from kaimond.gate.tools import call_fields
from kaimond.mcp.eval_answer import answer_of, resumed
from kaimond.mcp.tool import ArgumentError, SessionArguments
from kaimond.mcp.tool_types import complaint, names_complaint, object_schema, short_members
from kaimond.supervisor.view import available, choose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaimond.core import Core
    from kaimond.gate.tools import ToolSpec
    from kaimond.mcp.answer import Answer
    from kaimond.mcp.call import Call
    from kaimond.sessions.session import Session

LONGEST_DOC: Final = 1800
"""Most characters of a description; clients cut at 2 KB."""

LONGEST_LINE: Final = 200
"""Most characters of a description's first line in the list for models."""

LONGEST_CODE: Final = 2000
"""Most characters of a call as it is shown to people."""

_LONGEST_NAMESPACE: Final = 20
_OUTPUT: Final = 6000
_SESSION_WORDS: Final = {
    "session": SessionArguments.model_fields["session"].description,
    "ses": SessionArguments.model_fields["ses"].description,
}


@dataclass(frozen=True)
class Offered:
    """One tool of one session.

    Attributes:
        name: the name by which agents call it.
        session: the session that offers it.
        spec: what the session says of the tool.
    """

    name: str
    session: Session
    spec: ToolSpec


def namespace(said: str, folder: str) -> str:
    """Return the prefix of the names of a session's tools.

    Args:
        said: the prefix that its code has asked for, "" if none.
        folder: the name of its project's folder.
    """
    text = said or folder.lower()
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:_LONGEST_NAMESPACE] or "session"


def offered(core: Core) -> list[Offered]:
    """Return every tool of every session that has not ended, the oldest session first."""
    return [
        Offered(
            f"{namespace(session.tools.namespace, PurePath(session.project).name)}_{spec.name}",
            session,
            spec,
        )
        for session in core.supervisor.sessions.all_verified()
        for spec in session.tools.tools
    ]


def names(core: Core) -> list[str]:
    """Return the names of all listed tools."""
    return list(dict.fromkeys(one.name for one in offered(core) if not one.spec.hidden))


def listed(core: Core, taken: Iterable[str]) -> list[types.Tool]:
    """Return the tools for a client's list; of several with one name, the newest session's.

    Args:
        core: the daemon.
        taken: names of Kaimon's own tools, which no session can take.
    """
    own = set(taken)
    found = {one.name: one for one in offered(core) if not one.spec.hidden and one.name not in own}
    return [_to_mcp(one) for one in found.values()]


def _to_mcp(one: Offered) -> types.Tool:
    doc = one.spec.doc.strip() or f"The function `{one.spec.name}` of the session's own code."
    where = f"A tool that code in the session of {one.session.project} offers."
    schema = object_schema(one.spec.arguments)
    schema["properties"] |= {
        name: {"type": "string", "default": "", "description": words}
        for name, words in _SESSION_WORDS.items()
    }
    return types.Tool(
        name=one.name,
        title=one.spec.name,
        description=f"{doc[:LONGEST_DOC]}\n\n{where}",
        input_schema=schema,
        annotations=types.ToolAnnotations(
            title=one.spec.name, destructive_hint=True, open_world_hint=True
        ),
    )


class UnknownToolError(KaimonError):
    """An error about a tool name that no session offers; the text is the name."""


def in_words(core: Core, session: Session | None) -> str:
    """Return the tools of one session or of all, in words for a model; "" if there are none.

    Args:
        core: the daemon.
        session: the session, or None for all.
    """
    lines = []
    shown = [one for one in offered(core) if not one.spec.hidden]
    for owner in dict.fromkeys(one.session for one in shown if session in (None, one.session)):
        lines.append(f"Session {owner.key} ({owner.record.title}, {owner.project}):")
        for one in shown:
            if one.session is owner:
                lines.append(f"  {one.name}({short_members(one.spec.arguments)})")
                doc = one.spec.doc.strip().partition("\n")[0]
                lines += [f"    {doc[:LONGEST_LINE]}"] if doc else []
    return "\n".join(lines)


async def call_session_tool(
    call: Call, name: str, given: dict[str, Any], *, bare: bool = False
) -> Answer:
    """Call a tool, or resume the call that this request had started before a break.

    Args:
        call: the agent's call.
        name: the tool's name, as agents know it.
        given: the arguments, perhaps with `session`.
        bare: whether the name may lack its namespace.

    Raises:
        UnknownToolError: there is no such tool.
        ArgumentError: the arguments are wrong; nothing was done.
        kaimond.errors.SessionError: the session is not clear, or evaluates nothing.
    """
    item = resumed(call)
    if item is None:
        candidates = _candidates(call.core, name, bare=bare)
        if not candidates:
            raise UnknownToolError(name)
        one = _chosen(call, candidates, _key(name, given))
        own = {name: value for name, value in given.items() if name not in _SESSION_WORDS}
        _check(one, own)
        item = one.session.evaluate(
            written(one.spec.name, own),
            call.agent.short,
            call=call_fields(one.spec.name, own),
            journal=lambda eval_id: call.journal(tool=one.name, eval=eval_id),
        )
    return await answer_of(call, item, None, _OUTPUT)


def _candidates(core: Core, name: str, *, bare: bool) -> list[Offered]:
    there = offered(core)
    whole = [one for one in there if one.name == name]
    return whole or [one for one in there if bare and one.spec.name == name]


def _key(name: str, given: dict[str, Any]) -> str:
    keys = {given.get(word, "") for word in _SESSION_WORDS}
    if not all(isinstance(key, str) for key in keys):
        raise ArgumentError(f"{name}: `session` must be the key of a session. Nothing was done.")
    keys.discard("")
    if len(keys) > 1:
        raise ArgumentError(
            "`session` and `ses` mean the same and were given different keys. Give one."
        )
    return str(keys.pop()) if keys else ""


def _chosen(call: Call, candidates: list[Offered], key: str) -> Offered:
    """Return the tool of the session that is meant: by its key, or the only one that offers it."""
    if key:
        session = choose(call.core.supervisor, key)
        candidates = [one for one in candidates if one.session is session]
        if not candidates:
            raise ArgumentError(
                f"Session {key} ({session.record.title}) offers no tool of this name. "
                "Nothing was done."
            )
    if len(candidates) > 1:
        offer = " and ".join(dict.fromkeys(one.name for one in candidates))
        raise ArgumentError(
            f"Several sessions offer {offer}, so name one by its key, as "
            f"session=... {available(one.session for one in candidates)}"
        )
    return candidates[0]


def _check(one: Offered, given: dict[str, Any]) -> None:
    """Refuse a call that surely cannot succeed, before it is queued."""
    arguments = one.spec.arguments
    kinds = {member.name: member.type for member in arguments}
    wrong = [names_complaint(arguments, given)]
    wrong += [
        complaint(kinds[name], value, f"`{name}`") for name, value in given.items() if name in kinds
    ]
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        wrong.append("an argument holds half of a surrogate pair, which is no text")
    told = "; ".join(filter(None, wrong))
    if told:
        known = ", ".join(f"`{name}`" for name in kinds) or "none"
        raise ArgumentError(f"{one.name}: {told}. Nothing was done. Its parameters are: {known}.")


def written(name: str, given: dict[str, Any]) -> str:
    """Return a call as a person would write it in Julia, cut if it is long."""
    arguments = ", ".join(f"{key} = {_literal(value)}" for key, value in given.items())
    text = f"{name}({arguments})"
    return text if len(text) <= LONGEST_CODE else f"{text[:LONGEST_CODE]}..."


def _literal(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("$", "\\$")
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        fields = ", ".join(f"{key} = {_literal(item)}" for key, item in value.items())
        return f"({fields},)" if len(value) == 1 else f"({fields})"
    return json.dumps(value)
