"""Makes `docs/what-agents-see.md` from the conversations of the clients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.mcp.server import INSTRUCTIONS
from kaimond.mcp.tools import TOOLS
from tests.real_clients import fetch
from tests.real_clients.placeholders import Placeholders
from tests.real_clients.run import CLIENTS
from tests.real_clients.story import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.real_clients.conversation import Conversation, Given, Step

DOCUMENT: Final = fetch.PINS.parents[2] / "docs" / "what-agents-see.md"

_LONGEST: Final = 24
"""Most lines of a text that are shown."""
_MOST_LINKS: Final = 8
"""Most steps of a tool that are named; of others, the parts are."""
_ENDS: Final = 8
"""Lines at either end of a longer one."""

_HEAD: Final = """\
# What agents see

What the model behind an agent is given for each call, word for word, when it uses Kaimon through
{clients}. Made by `make what-agents-see`
with {julia}: the real clients, the real `kaimon-mcp`, daemon and Julia, and a model of ours that
calls what is written here and keeps what it is told. A test compares; edit the answers, not this
page.

What differs each time is in angle brackets: `<key>` of a session, `<eval>` id, `<time>`. Where the
clients give their model the same, it is here once; where one does not, a line below says so.
"""


def julia_of(text: str) -> str:
    """Return the version of Julia, such as 1.12, that a document was made with; "" if none."""
    found = re.search(r"with Julia (\d+\.\d+)", text)
    return found[1] if found else ""


def write(conversations: Mapping[str, Conversation], julia: str) -> str:
    """Return the document.

    Args:
        conversations: by the name of the client.
        julia: the version of Julia, such as 1.12.
    """
    seen = [_Seen(name, conversation) for name, conversation in conversations.items()]
    *first, last = (f"{one.conversation.client} {one.version}" for one in seen)
    blocks = [_HEAD.format(clients=f"{', '.join(first)} and {last}", julia=f"Julia {julia}")]
    blocks += [_in_short(seen), _by_tool(seen[0].conversation)]
    part = ""
    for step in seen[0].conversation.steps:
        if step.part != part:
            part = step.part
            blocks.append(f"## {part}\n")
        blocks.append(_told(step, seen))
    return "\n".join(blocks)


@dataclass(frozen=True)
class _Seen:
    """A conversation as the document shows it."""

    name: str
    conversation: Conversation

    @property
    def version(self) -> str:
        return fetch.versions()[CLIENTS[self.name].package]

    def given(self, title: str) -> Given | None:
        """What the model was given at a step; None if the client ended before."""
        found = [step.given for step in self.conversation.steps if step.title == title]
        return found[0] if found else None

    @property
    def places(self) -> Placeholders:
        return Placeholders(self.conversation.home, self.conversation.keys)

    def text(self, step: Step) -> str | None:
        """The words of Kaimon that arrived, with placeholders."""
        given = self.given(step.title)
        if given is None:
            return None
        said = CLIENTS[self.name].unwrap(given.text)
        return self.places.put_into(said, log=step.tool.endswith("_log")).strip("\n")

    def characters(self, titles: tuple[str, ...]) -> int:
        """Characters given at these steps, with placeholders and all that the client adds."""
        return sum(len(self.places.put_into(self.conversation[title].text)) for title in titles)


def _in_short(seen: list[_Seen]) -> str:
    def told(one: _Seen) -> str:
        if INSTRUCTIONS in one.conversation.told:
            return "all of them"
        return "their beginning" if INSTRUCTIONS[:200] in one.conversation.told else "none"

    def tools(one: _Seen) -> str:
        return f"{sum(map(len, one.conversation.tools.values())):,}"

    def standard(one: _Seen) -> str:
        return f"{one.characters(STANDARD):,}"

    def own(one: _Seen) -> str:
        steps = (step for step in one.conversation.steps if step.title in STANDARD)
        return f"{sum(len(one.text(step) or '') for step in steps):,}"

    def cancelled(one: _Seen) -> str:
        return one.places.put_into(one.conversation.facts["cancelled"])

    rows: list[tuple[str, Callable[[_Seen], str]]] = [
        ("what it adds to an answer", lambda one: CLIENTS[one.name].adds),
        ("the server's instructions", told),
        ("characters of all tools' descriptions", tools),
        ("characters of the answers of the standard story", standard),
        ("**of these, Kaimon's own**", own),
        ("pictures", lambda one: _pictures(one.given("A picture"))),
        ("progress of a call", lambda one: _progress(one.given("Progress"))),
        ("offers a session's own tool at once", lambda one: one.conversation.facts["offered"]),
        ("an eval whose call the client cancels", cancelled),
    ]
    lines = [
        "## In short\n",
        f"| | {' | '.join(one.conversation.client for one in seen)} |",
        f"|---|{'---|' * len(seen)}",
        *(f"| {what} | {' | '.join(map(say, seen))} |" for what, say in rows),
        "",
        f"The standard story is: {', '.join(f'[{t.lower()}](#{_anchor(t)})' for t in STANDARD)}.",
        "",
    ]
    return "\n".join(lines)


def _pictures(given: Given | None) -> str:
    return "as pictures" if given and given.images else "not given"


def _progress(given: Given | None) -> str:
    return "given to the model" if given and "1 of 3" in given.text else "not given to the model"


def _by_tool(conversation: Conversation) -> str:
    lines = ["| tool | shown in |", "|---|---|"]
    for tool in TOOLS:
        steps = [step for step in conversation.steps if step.tool == tool]
        titles = [step.title for step in steps]
        if len(titles) > _MOST_LINKS:
            titles = list(dict.fromkeys(step.part for step in steps))
        links = ", ".join(f"[{title.lower()}](#{_anchor(title)})" for title in titles)
        lines.append(f"| `{tool}` | {links} |")
    return "\n".join([*lines, ""])


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def _told(step: Step, seen: list[_Seen]) -> str:
    first, *others = seen
    text = first.text(step)
    assert text is not None
    call = first.places.put_into(step.call)
    lines = [f"### {step.title}\n", _block(call), _block(_cut(text))]
    given = first.given(step.title)
    assert given
    lines += [f"and a picture: {image.rpartition(',')[0]}.\n" for image in given.images]
    if given.is_error:
        lines.append("Marked as an error.\n")
    lines += [
        f"{one.conversation.client}:{said}"
        for one in others
        if (said := _differs(one, step, first))
    ]
    return "\n".join(lines)


def _differs(one: _Seen, step: Step, first: _Seen) -> str:
    """Say in words how what one client gives differs from what the first one does."""
    text, given, model = one.text(step), one.given(step.title), first.given(step.title)
    if text is None or given is None or model is None:
        return " it ends, so its model is given nothing.\n"
    said = []
    if [image.rpartition(",")[0] for image in given.images] != [
        image.rpartition(",")[0] for image in model.images
    ]:
        pictures = ", ".join(image.rpartition(",")[0] for image in given.images) or "none"
        said.append(f" the picture is {pictures}.\n")
    if text != first.text(step):
        said.append(f"\n\n{_block(_cut(text))}" if "\n" in text else f" `{text}`\n")
    return "".join(said)


def _block(text: str) -> str:
    fence = "````" if "```" in text else "```"
    return f"{fence}\n{text}\n{fence}\n"


def _cut(text: str) -> str:
    lines = text.split("\n")
    if len(lines) <= _LONGEST:
        return text
    left_out = len(lines) - 2 * _ENDS
    return "\n".join([*lines[:_ENDS], f"<{left_out} more lines>", *lines[-_ENDS:]])
