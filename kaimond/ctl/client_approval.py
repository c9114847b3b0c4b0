"""Has an MCP client call our tools without asking its user, if the user says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kaimond import paths
from kaimond.clients import EditError, approval, file, survey
from kaimond.ctl import question, render
from kaimond.ctl.output import CtlError, remark, say

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.clients.client import Client

_MEANING: Final = (
    "{title} then calls every tool of Kaimon without asking you: `ex`, which runs any Julia code "
    "as you, those that restart and end sessions, and those that a session's own code adds."
)


def show(client: Client, project: Path | None) -> None:
    """Say what approving means, and what is written for it.

    Args:
        client: the client.
        project: the project whose file is meant; None for the one for all projects.
    """
    if not client.approval:
        remark(f"nothing is approved in a file of {client.title}. {client.approval_note}")
        return
    say(_MEANING.format(title=client.title))
    path = client.approval_path(os.environ, project)
    say(f"  in {render.escape(path)}: {approval.shown(client)}")


def ask(client: Client, project: Path | None, *, yes: bool) -> bool:
    """Show what would be approved and ask; return whether it is approved.

    Args:
        client: the client.
        project: as in `show`.
        yes: approve without asking.

    Raises:
        CtlError: there is no terminal to ask on.
    """
    show(client, project)
    if not client.approval or yes:
        return bool(client.approval)
    unasked = (
        "Nothing was changed: there is no terminal to ask on. If you have read the lines above, "
        "repeat the command with --yes."
    )
    if question.confirmed("Approve this?", unasked):
        return True
    say(f"Not approved; {client.title} goes on asking.")
    return False


def mention(client: Client, project: Path | None) -> None:
    """Say how the tools are approved, unless they are."""
    if not client.approval:
        say(client.approval_note)
        return
    if not survey.is_approved(client, os.environ, project):
        say(f"{client.title} may ask before it calls a tool; with --approve it need not.")


def write(client: Client, project: Path | None) -> None:
    """Write the approval.

    Raises:
        CtlError: it was not written.
    """
    path = client.approval_path(os.environ, project)
    try:
        written = file.change(
            path,
            lambda text: approval.approve(client, text),
            _backups(),
            private=project is None,
            within=project,
        )
    except EditError as error:
        raise CtlError(
            f"Kaimon is installed, but not approved: {render.escape(path)} was not changed, "
            f"because {error}. Mend it and try again, or add this by hand: "
            f"{approval.shown(client)}"
        ) from None
    word = "is approved" if written.changed else "was approved already"
    say(f"{client.title}: Kaimon {word} in {render.escape(path)}.")


def withdraw(client: Client, project: Path | None) -> None:
    """Take the approval out, if it was written.

    Raises:
        CtlError: it was not taken out.
    """
    if not client.approval:
        return
    path = client.approval_path(os.environ, project)
    try:
        written = file.change(
            path,
            lambda text: approval.withdraw(client, text),
            _backups(),
            private=project is None,
            within=project,
        )
    except EditError as error:
        raise CtlError(
            f"Kaimon is removed, but {render.escape(path)} was not changed, because {error}. "
            f"If this is in it, take it out by hand: {approval.shown(client)}"
        ) from None
    if written.changed:
        say(f"{client.title}: the approval is removed from {render.escape(path)}.")


def _backups() -> Path:
    return paths.resolve().state / "backups"
