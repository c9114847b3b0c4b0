"""docs/what-agents-see.md is what the clients give their models."""

from __future__ import annotations

import difflib
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.real_clients import document
from tests.real_clients.run import CLIENTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real_clients.conftest import Conversations

pytestmark = [pytest.mark.julia, pytest.mark.timeout(600)]


def version_of(julia: Path) -> str:
    """Return the version of Julia without its last number, such as 1.12."""
    said = subprocess.run([julia, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d+", said)
    assert found, said
    return found[0]


def test_the_document_is_what_the_models_are_given(
    conversations: Conversations, julia_program: Path, request: pytest.FixtureRequest
) -> None:
    julia = version_of(julia_program)
    remake = request.config.getoption("--remake", default=False)
    before = document.DOCUMENT.read_text(encoding="utf-8") if document.DOCUMENT.exists() else ""
    if not remake and document.julia_of(before) != julia:
        pytest.skip(f"it was made with Julia {document.julia_of(before)}, and this is {julia}")
    # The last one first, as another process may have begun with the first one.
    held = {name: conversations[name] for name in reversed(CLIENTS)}
    made = document.write({name: held[name] for name in CLIENTS}, julia)
    if remake:
        document.DOCUMENT.write_text(made, encoding="utf-8")
        return
    changes = difflib.unified_diff(
        before.splitlines(), made.splitlines(), "document", "now", lineterm=""
    )
    told = "\n".join(changes)
    assert not told, f"`make what-agents-see` remakes it; look at what changed:\n{told}"
