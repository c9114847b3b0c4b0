"""The description of a tool: its name, its texts, a model of its arguments and a function."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, get_args

import mcp_types as types
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kaimond.errors import ErrorKind, KaimonError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kaimond.mcp.answer import Answer
    from kaimond.mcp.call import Call


class Arguments(BaseModel):
    """Arguments of a tool: known names and right types only."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SessionArguments(Arguments):
    """Arguments of a tool that works on one session."""

    session: str = Field(
        "",
        description="Key of the session. Left out: that of the project you work in, or the only "
        "one.",
    )
    ses: str = Field("", description="The same as `session`.")

    def key(self) -> str:
        """Return the key that was given.

        Raises:
            ArgumentError: two different ones were given.
        """
        if self.session and self.ses and self.session != self.ses:
            raise ArgumentError(
                "`session` and `ses` mean the same and were given different keys. Give one."
            )
        return self.session or self.ses


class ArgumentError(KaimonError):
    """An error about a call's arguments; the message says which and what is allowed."""

    kind = ErrorKind.REFUSED


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """One tool.

    Attributes:
        name: the name by which agents call it.
        title: its title, for people.
        description: for the model, at most 2 KB (clients cut there).
        arguments: the model of its arguments.
        run: carries out a call.
        read_only: whether it changes nothing.
        destructive: whether it may end or lose something.
        idempotent: whether a second call with the same arguments changes nothing more.
        open_world: whether it may touch things outside the daemon and its sessions.
    """

    name: str
    title: str
    description: str
    arguments: type[A]
    run: Callable[[Call, A], Awaitable[Answer]]
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False

    def to_mcp(self) -> types.Tool:
        """Convert to the entry of MCP's `tools/list`."""
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=_schema(self.arguments),
            annotations=types.ToolAnnotations(
                title=self.title,
                read_only_hint=self.read_only,
                destructive_hint=self.destructive,
                idempotent_hint=self.idempotent,
                open_world_hint=self.open_world,
            ),
        )

    async def call(self, call: Call, given: dict[str, Any]) -> Answer:
        """Check the arguments and run the tool.

        Raises:
            ArgumentError: they are wrong; nothing was done.
        """
        given, remarks = as_meant(self.arguments, given)
        try:
            arguments = self.arguments.model_validate(given)
        except ValidationError as error:
            raise ArgumentError(self._complaint(error)) from None
        answer = await self.run(call, arguments)
        return dataclasses.replace(answer, text="\n".join([answer.text, *remarks]))

    def _complaint(self, error: ValidationError) -> str:
        said = []
        for one in error.errors(include_url=False, include_context=False):
            name = ".".join(str(part) for part in one["loc"]) or "arguments"
            if one["type"] == "extra_forbidden":
                said.append(f"unknown parameter `{name}`")
            elif one["type"] == "missing":
                said.append(f"missing parameter `{name}`")
            else:
                what = one["msg"].removeprefix("Value error, ")
                said.append(f"`{name}`: {what[:1].lower()}{what[1:]}")
        known = ", ".join(f"`{name}`" for name in self.arguments.model_fields) or "none"
        return f"{self.name}: {'; '.join(said)}. Nothing was done. Its parameters are: {known}."


_MEANT: Final = {
    "code": "e",
    "expr": "e",
    "expression": "e",
    "cmd": "e",
    "key": "session",
    "session_id": "session",
    "session_key": "session",
    "id": "eval_id",
    "path": "project_path",
    "project": "project_path",
    "tool_name": "name",
    "args": "arguments",
    "parameters": "arguments",
}
"""Names that models give to parameters by mistake, and the parameters that they mean."""

_WORDS: Final = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(\.\d{0,15})?")


def as_meant(model: type[Arguments], given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return arguments under their right names and with their right types, where both are plain.

    Args:
        model: the model of the arguments.
        given: the arguments as the client sent them.

    Returns:
        The arguments, and a sentence about each that was given under another name.
    """
    meant: dict[str, Any] = {}
    remarks = []
    for name, value in given.items():
        if value is None:
            # Some clients send every parameter; this one was left out.
            continue
        right = _MEANT.get(name, name)
        if name in model.model_fields or right not in model.model_fields or right in given:
            right = name
        elif right not in meant:
            remarks.append(f"(`{name}` was taken for `{right}`.)")
        meant[right] = _typed(model, right, value)
    return meant, remarks


def _typed(model: type[Arguments], name: str, value: Any) -> Any:
    """Return a value as the truth value or number that the parameter is, if it plainly is one."""
    field = model.model_fields.get(name)
    if field is None:
        return value
    kinds = set(get_args(field.annotation)) or {field.annotation}
    if isinstance(value, float) and int in kinds and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if bool in kinds:
        return _WORDS.get(text.lower(), value)
    if kinds & {int, float} and _NUMBER.fullmatch(text):
        number = float(text)
        return int(number) if int in kinds and number.is_integer() else number
    return text if name in ("session", "ses", "eval_id") else value


_NOISE: Final = ("title",)


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the model's JSON schema without the titles that pydantic makes up."""
    schema = model.model_json_schema()
    for name in _NOISE:
        schema.pop(name, None)
        for field in schema.get("properties", {}).values():
            field.pop(name, None)
    schema.pop("description", None)
    return schema
