"""Shows how a repository wants its Julia to be started, and asks for approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.config import julia_options, project_path, projects, projects_edit, repo_options
from kaimond.config.julia_options import LaunchError
from kaimond.config.projects_edit import Change
from kaimond.ctl import question, render
from kaimond.ctl.output import CtlError, say

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.config.repo_options import RepoLaunch


def run(file: Path, directory: str, *, yes: bool, never: bool) -> int:
    """Show the repository's launch options, ask about them and store the decision.

    Args:
        file: projects.json.
        directory: the project's directory.
        yes: approve without asking.
        never: decide that the repository's options are never used.

    Raises:
        CtlError: nothing was approved; the message gives the reason.
        kaimond.config.project_path.PathRefusedError: it is not a project.
        kaimond.config.document_file.EditError: the file could not be changed.
    """
    project = project_path.resolve_project(directory)
    if never:
        _remember(file, project, decision=False)
        say(f"{render.escape(project)}: sessions start without what its {repo_options.FILE} says.")
        return 0
    try:
        repo = repo_options.read(project)
    except LaunchError as error:
        raise CtlError(render.escape(error)) from None
    if repo is None:
        raise CtlError(
            f"{render.escape(project / repo_options.FILE)} has no [{repo_options.TABLE}], so there "
            "is nothing to approve."
        )
    _show(repo)
    proposals = repo.proposals()
    if not proposals:
        say("Nothing of it needs approval.")
        return 0
    listed = projects.load(file).allowed(project)
    own = listed.launch if listed and listed.launch else julia_options.DEFAULT
    for name in sorted(set(proposals) - set(repo.proposals(own))):
        say(f"  ({name} is set in your own launch_config, which wins.)")
    if not yes:
        _ask()
    done = _remember(file, project, decision=repo.digest)
    word = "approved" if done is Change.DECIDED else "was approved already"
    say(f"{render.escape(project)}: {word}. It counts at the next start or restart of a session.")
    return 0


def _show(repo: RepoLaunch) -> None:
    say(f"{render.escape(repo.file)} says how Julia is started:")
    for name in (*repo_options.APPROVED, *repo_options.FREE):
        value = getattr(repo.config, name)
        if value:
            needs = "" if name in repo_options.FREE else "   <- runs on your machine"
            say(f"  {render.escape(repo_options.shown({name: value}))}{needs}")
    if repo.ignored:
        say(f"  ignored there: {render.escape(', '.join(repo.ignored))}")


def _ask() -> None:
    unasked = (
        "Nothing was approved: there is no terminal to ask on. If you have read the lines above, "
        "repeat the command with --yes."
    )
    if not question.confirmed("Approve this?", unasked):
        raise CtlError("Nothing was approved, and nothing changed.")


def _remember(file: Path, project: Path, *, decision: str | bool) -> Change:
    done = projects_edit.decide_launch(file, str(project), decision)
    if done.change is Change.NOT_LISTED:
        raise CtlError(
            f"{render.escape(project)} is not an allowed project yet, so nothing was changed. "
            f"First: kaimonctl project allow {render.escape(project)}"
        )
    return done.change
