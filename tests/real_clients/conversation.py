"""What a model and a client say to each other, apart from the API that they say it in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Call:
    """A call of one of our tools.

    Attributes:
        title: what it shows, in a few words; names the step.
        tool: the tool, by our name.
        arguments: the arguments.
        meanwhile: what happens while the tool runs; called in a thread of its own.
        part: the part of the story that it belongs to.
    """

    title: str
    tool: str
    arguments: dict[str, Any]
    meanwhile: Callable[[], None] | None = None
    part: str = ""

    def __str__(self) -> str:
        """The call as our own texts write one."""
        return f"{self.tool}({', '.join(f'{k}={_literal(v)}' for k, v in self.arguments.items())})"


def _literal(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return f'"""\n{value.strip()}\n"""'
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Given:
    """What a model is given for a call.

    Attributes:
        text: all text of it, in its order.
        images: of each picture, its type and its size in words.
        is_error: whether it is marked as an error; None where the API has no mark.
    """

    text: str
    images: tuple[str, ...] = ()
    is_error: bool | None = None


@dataclass(frozen=True)
class Step:
    """A call and what it gave.

    Attributes:
        part: the part of the story.
        title: names the step, the same for all clients.
        tool: the tool that was called.
        call: the call as a person would write it.
        given: what the model was given.
        offered: whether the client offered the tool to the model.
    """

    part: str
    title: str
    tool: str
    call: str
    given: Given
    offered: bool


@dataclass(frozen=True)
class Conversation:
    """All that a model was told by one client.

    Attributes:
        client: the client's title.
        steps: the calls, in their order.
        tools: our tools as they were first offered: by name, the text that describes each.
        told: all text of the client's last request but that of the tools.
        home: the home directory of it all.
        keys: the keys of all sessions.
        outside: hosts beyond loopback that the client asked for, and was refused.
        facts: what the story found out besides.
    """

    client: str
    steps: tuple[Step, ...]
    tools: dict[str, str]
    told: str
    home: str
    keys: tuple[str, ...]
    outside: tuple[str, ...]
    facts: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, title: str) -> Given:
        """What the model was given at a step."""
        return self.step(title).given

    def step(self, title: str) -> Step:
        """Return a step by its title."""
        return next(step for step in self.steps if step.title == title)
