"""Checks of what a person writes: settings, projects, and the projects' environments."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kaimond.config import project_path
from kaimond.config import settings as settings_of
from kaimond.config.project_path import PROJECT_FILES
from kaimond.doctor.checks.julia import split_cure
from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.config.projects import ProjectEntry
    from kaimond.doctor.world import World


def settings(world: World) -> Iterator[Finding]:
    """Check kaimond.toml and its overlay files."""
    file, overlay = world.paths.settings_file, world.paths.settings_overlay
    try:
        loaded = settings_of.load(file, overlay)
    except settings_of.SettingsError as error:
        text = f"the daemon cannot start: {error}"
        yield Finding("settings", Level.FAIL, text, "Correct that file")
        return
    for warning in loaded.warnings:
        yield Finding("settings", Level.WARN, warning, "Correct or remove the key")
    if not loaded.warnings:
        there = str(file) if file.exists() else f"the defaults ({file} does not exist)"
        yield Finding("settings", Level.OK, there)


def projects(world: World) -> Iterator[Finding]:
    """Check projects.json and the directories that it names."""
    listed = world.projects
    for problem in listed.problems:
        level = Level.WARN if listed.readable else Level.FAIL
        yield Finding("projects", level, f"{problem.where}: {problem.what}", problem.cure)
    if not listed.readable:
        return
    enabled = [entry for entry in listed.entries if entry.enabled]
    if not enabled and not listed.allow_any_project:
        cure = "kaimonctl project allow PATH, with the directory of a Julia project"
        yield Finding("projects", Level.WARN, "agents may not start any project yet", cure)
    for entry in enabled:
        yield _project(world, entry)


def _project(world: World, entry: ProjectEntry) -> Finding:
    deny = f"If it is gone for good: kaimonctl project deny {shlex.quote(entry.stored)}"
    if not entry.path.is_dir():
        return Finding("projects", Level.WARN, f"{entry.path} is not a directory (any more)", deny)
    if entry.below and not project_path.is_project(entry.path):
        return Finding("projects", Level.OK, f"{entry.path}: every project beneath it is allowed")
    if not project_path.is_project(entry.path):
        text = f"{entry.path} has no {' or '.join(reversed(PROJECT_FILES))}"
        return Finding("projects", Level.WARN, text, deny)
    if entry.launch is None:
        text = f"{entry.path}: no session can start, as its launch_config is faulty"
        return Finding("projects", Level.WARN, text, "See the finding about that key")
    return _manifest(world, entry)


def _manifest(world: World, entry: ProjectEntry) -> Finding:
    from kaimond.config.julia_options import LaunchError  # noqa: PLC0415 - not before it is needed
    from kaimond.toolchain import manifest  # noqa: PLC0415 - as above
    from kaimond.toolchain.find_julia import JuliaError  # noqa: PLC0415 - as above

    try:
        julia = world.julia(entry)
    except LaunchError as error:
        return Finding("projects", Level.WARN, *split_cure(str(error)))
    except JuliaError:
        return Finding("projects", Level.OK, f"{entry.path}, not looked into for want of its Julia")
    checked = manifest.check(entry.path, world.environ, julia.version)
    if checked.ok:
        return Finding("projects", Level.OK, f"{entry.path}, with everything that it needs")
    more = f" and {len(checked.problems) - 1} more" if len(checked.problems) > 1 else ""
    text = f"{entry.path} needs Pkg.instantiate(): {checked.problems[0]}{more}"
    words = [
        julia.path,
        *julia.args,
        f"--project={entry.path}",
        "-e",
        "import Pkg; Pkg.instantiate()",
    ]
    cure = f"The next start does it, or do it now: {shlex.join(words)}"
    return Finding("projects", Level.WARN, text, cure)
