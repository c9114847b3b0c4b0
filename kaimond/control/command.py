"""The types that describe a command of the control socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kaimond.control.caller import Caller
    from kaimond.core import Core


class Params(BaseModel):
    """Parameters of a command. Unknown ones are ignored: a newer client may send more."""

    model_config = ConfigDict(extra="ignore", strict=True)


class SessionParams(Params):
    """Parameters of a command on one session."""

    session: str


P = TypeVar("P", bound=Params)


@dataclass(frozen=True)
class Command(Generic[P]):
    """One command.

    Attributes:
        name: the JSON-RPC method, the same word as in ``kaimonctl``.
        params: the model of its parameters.
        run: carries it out and returns the result.
    """

    name: str
    params: type[P]
    run: Callable[[Core, P], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class StreamCommand(Generic[P]):
    """A command that keeps exchanging notifications with its caller after its answer.

    Attributes:
        name: as in `Command`.
        params: as in `Command`.
        run: begins it and returns the answer.
    """

    name: str
    params: type[P]
    run: Callable[[Core, P, Caller], Awaitable[dict[str, Any]]]
