"""What an agent and a user of kaimonctl are told of an error."""

from __future__ import annotations

import sqlite3

import pytest

from kaimond.errors import ErrorKind, KaimonError, SessionError
from kaimond.failure import told
from kaimond.gate.link import GateSilentError
from kaimond.mcp.tool import ArgumentError
from kaimond.runtime import UnsafeDirectoryError
from kaimond.store.database import StoreError

LOG = "/log/server.log"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SessionError(ErrorKind.NOT_READY, "It starts."), ErrorKind.NOT_READY),
        (ArgumentError("It starts."), ErrorKind.REFUSED),
        (UnsafeDirectoryError("It starts."), ErrorKind.UNSAFE_DIRECTORY),
    ],
)
def test_words_that_were_written_for_the_asker_are_told_as_they_are(
    error: Exception, kind: ErrorKind
) -> None:
    failure = told(error, "ex", "ping", LOG)
    assert (failure.kind, failure.message, failure.logged) == (kind, "It starts.", False)


@pytest.mark.parametrize("error", [OSError(28, "No space left"), sqlite3.OperationalError("full")])
def test_what_the_machine_refuses_is_told_with_its_reason(error: Exception) -> None:
    failure = told(error, "ex", "ping", LOG)
    assert failure.kind is ErrorKind.SYSTEM
    assert str(error) in failure.message
    assert "ping shows what is true now" in failure.message
    assert failure.logged


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("secret detail"),
        KaimonError("secret detail"),
        GateSilentError("secret detail"),
        StoreError("secret detail"),
    ],
)
def test_an_error_between_parts_of_ours_is_logged_and_never_shown(error: Exception) -> None:
    failure = told(error, "ex", "ping", LOG)
    assert failure.kind is ErrorKind.INTERNAL
    assert "secret" not in failure.message
    assert LOG in failure.message
    assert failure.logged
