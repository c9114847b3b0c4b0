"""What is common to the clients: how each is prepared, started and told to stop."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tests.real_clients.stub_model import Dialect

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable
    from pathlib import Path


class Client(Dialect, Protocol):
    """A real MCP client.

    Attributes:
        name: as `kaimonctl mcp install --client` takes it.
        title: as people call it.
        package: its npm package.
        adds: what it adds to an answer of ours, in words.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    package: ClassVar[str]
    adds: ClassVar[str]

    def prepare(self, home: Path) -> None:
        """Write the settings that a person has made before Kaimon is installed."""

    def permit(self, home: Path) -> None:
        """Allow our tools, where that has to be in a file, after Kaimon was installed."""

    def command(self, url: str, variables: Iterable[str]) -> list[str]:
        """Return the command that has the client work on a task without a person.

        Args:
            url: the address of our model.
            variables: names of the variables that our server needs.
        """

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that lead the client to our model, and keep it from all else."""

    def unwrap(self, text: str) -> str:
        """Return an answer of ours without what the client adds to it."""

    def begin(self, process: subprocess.Popen[str]) -> None:
        """Tell a started client its task, if that is not in its command."""

    def cancel(self, process: subprocess.Popen[str]) -> None:
        """Have the client cancel what it does now, as a person would."""

    def attend(self, process: subprocess.Popen[str], line: str) -> None:
        """Dismiss a question to the person, if the client has asked one in a line of its output."""


def picture(mime: str, data: str) -> str:
    """Return a picture's type and size in words.

    Args:
        mime: its type.
        data: its bytes in base64.
    """
    raw = base64.b64decode(data)
    size = f"{len(raw)} bytes"
    if raw.startswith(b"\x89PNG"):
        width, height = struct.unpack(">II", raw[16:24])
        size = f"{width} x {height}, {size}"
    return f"{mime}, {size}"


def texts(value: Any) -> list[str]:
    """Return all texts in a JSON value, in their order, without its keys."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in items for text in texts(item)]
