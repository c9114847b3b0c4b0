"""Asks the person at the client, by MCP's elicitation, and the client for its directories.

A client of a handshake protocol is sent requests while a call of it is served. In the newest
protocol a call is answered with what it needs, and the client repeats it with the answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from kaimond.errors import KaimonError
from kaimond.mcp.text import readable

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

_log = logging.getLogger("kaimond.mcp")

ANSWER_WITHIN: Final = 600.0
"""Seconds that a person gets to answer a question."""

_ROOTS_WITHIN: Final = 5.0
"""Seconds that a client gets to name its directories."""

_FIELD: Final = "answer"


class Silence(Enum):
    """Why a question has no answer."""

    CANNOT_ASK = "the client cannot ask"
    DECLINED = "the person declined"
    NO_ANSWER = "nobody answered"


@dataclass(frozen=True)
class Question:
    """A question to a person.

    Attributes:
        key: names the question; the same question always has the same key.
        text: the question, with what the person has to know.
        choices: the possible answers.
    """

    key: str
    text: str
    choices: tuple[str, ...]

    def to_mcp(self) -> types.ElicitRequest:
        """Convert to MCP's request."""
        return types.ElicitRequest(
            params=types.ElicitRequestFormParams(
                message=self.message(), requested_schema=self.schema()
            )
        )

    def message(self) -> str:
        """Return the text on one line and without what a terminal acts upon.

        It names paths and the client, which may hold anything.
        """
        return " ".join(readable(self.text).split())

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the form."""
        field = {"type": "string", "title": "Answer", "enum": list(self.choices)}
        return {"type": "object", "properties": {_FIELD: field}, "required": [_FIELD]}


class AnswerNeededError(KaimonError):
    """The call needs an answer of the person; the client gets it and repeats the call."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.text)
        self.question = question

    def to_mcp(self) -> types.InputRequiredResult:
        """Convert to the result that asks for the answer."""
        return types.InputRequiredResult(
            input_requests={self.question.key: self.question.to_mcp()},
            request_state=self.question.key,
        )


class Person:
    """The person at a client, as one call can reach them.

    Args:
        context: the SDK's context of the call's request.
        answers: the answers that the client has sent with the call, by the question's key.
    """

    def __init__(
        self,
        context: ServerRequestContext[dict[str, Any], Any],
        answers: types.InputResponses | None,
    ) -> None:
        self._session = context.session
        self._request = context.request_id
        self._answers = answers or {}

    async def ask(self, question: Question) -> str | Silence:
        """Return the choice of the person, or why there is none.

        Raises:
            AnswerNeededError: the client has to ask, and to repeat the call.
        """
        if question.key in self._answers:
            return _read(self._answers[question.key], question)
        wanted = types.ClientCapabilities(elicitation=types.ElicitationCapability())
        if not self._session.check_client_capability(wanted):
            return Silence.CANNOT_ASK
        if self._session.protocol_version in MODERN_PROTOCOL_VERSIONS:
            raise AnswerNeededError(question)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                answer = await self._session.elicit_form(
                    question.message(), question.schema(), related_request_id=self._request
                )
        except TimeoutError:
            return Silence.NO_ANSWER
        except (MCPError, ValidationError) as error:
            _log.info("the client did not ask: %s", error)
            return Silence.CANNOT_ASK
        return _read(answer, question)

    async def roots(self) -> tuple[str, ...]:
        """Return the directories that the client says it works in; none if it cannot say."""
        wanted = types.ClientCapabilities(roots=types.RootsCapability())
        if not (
            self._session.check_client_capability(wanted)
            # The newest protocol has no such request; its clients start us in the right directory.
            and self._session.protocol_version not in MODERN_PROTOCOL_VERSIONS
        ):
            return ()
        with contextlib.suppress(TimeoutError, MCPError, ValidationError):
            async with asyncio.timeout(_ROOTS_WITHIN):
                listed = await self._session.send_request(
                    types.ListRootsRequest(), types.ListRootsResult
                )
            places = (urlsplit(str(root.uri)) for root in listed.roots)
            return tuple(unquote(place.path) for place in places if place.scheme == "file")
        return ()


def _read(answer: object, question: Question) -> str | Silence:
    if not isinstance(answer, types.ElicitResult) or answer.action == "cancel":
        return Silence.NO_ANSWER
    if answer.action == "decline":
        return Silence.DECLINED
    choice = (answer.content or {}).get(_FIELD)
    return choice if isinstance(choice, str) and choice in question.choices else Silence.NO_ANSWER
