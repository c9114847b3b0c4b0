"""A repository's own launch options for Julia: `[launch]` in its `kaimon.toml`.

The user's `launch_config` wins key by key. A repository may choose how many threads it wants; the
program, its flags and the system image are the user's choice, since whoever can write to the
repository could run anything that way. A repository can propose those, and they are used once the
user has seen and approved them, until anything in them changes.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kaimond.config import files, julia_options
from kaimond.config.julia_options import LaunchConfig, LaunchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE: Final = "kaimon.toml"
TABLE: Final = "launch"

FREE: Final = ("threads", "gcthreads", "heap_size_hint")
"""Keys that a repository may set without approval."""

APPROVED: Final = ("julia_bin", "sysimage", "extra_flags")
"""Keys that take effect only when the user has approved them."""


@dataclass(frozen=True, slots=True)
class RepoLaunch:
    """The `[launch]` table of one repository.

    Attributes:
        file: the file that holds it.
        config: its values for the keys that a repository may set.
        ignored: its other keys, which only the user may set or a newer kaimond knows.
    """

    file: Path
    config: LaunchConfig
    ignored: tuple[str, ...] = ()

    def proposals(self, own: LaunchConfig = julia_options.DEFAULT) -> Mapping[str, Any]:
        """Return the keys that need approval and that the user's ``own`` options leave open."""
        values = {name: getattr(self.config, name) for name in APPROVED}
        return {name: value for name, value in values.items() if value and not getattr(own, name)}

    @property
    def digest(self) -> str:
        """A digest of everything that needs approval; it changes whenever any of that changes."""
        words = json.dumps(self.proposals(), sort_keys=True)
        return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()

    def under(self, own: LaunchConfig) -> LaunchConfig:
        """Return the user's ``own`` configuration, with missing keys taken from here."""
        named = (*FREE, *APPROVED)
        taken = {name: getattr(self.config, name) for name in named if not getattr(own, name)}
        return replace(own, **taken)


def read(project: Path) -> RepoLaunch | None:
    """Return the launch options of the repository in ``project``, or None if it has none.

    Raises:
        LaunchError: the file cannot be used; Julia would start differently from what was meant.
    """
    file = project / FILE
    try:
        document = tomllib.loads(files.read(file).decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _faulty(file, f"it cannot be read ({error.strerror})") from None
    except RecursionError:
        raise _faulty(file, "it is nested too deeply") from None
    except ValueError as error:  # not UTF-8, not TOML, and numbers beyond what int() takes
        raise _faulty(file, f"it is not valid TOML: {error}") from None
    table = document.get(TABLE)
    if table is None:
        return None
    if not isinstance(table, dict):
        raise _faulty(file, f"{TABLE} is not a table")
    known = {name: value for name, value in table.items() if name in (*FREE, *APPROVED)}
    config, problems = julia_options.parse(known, str(file), f"[{TABLE}]")
    if config is None:
        raise LaunchError(f"{'; '.join(map(str, problems))} {_WAY_OUT.format(project=project)}")
    return RepoLaunch(file, config, tuple(sorted(set(table) - set(known))))


_WAY_OUT: Final = (
    "No session was started. Correct that file, or have it ignored: "
    "kaimonctl project approve --never {project}"
)


def _faulty(file: Path, what: str) -> LaunchError:
    return LaunchError(f"{file}: {what}. {_WAY_OUT.format(project=file.parent)}")


class UnapprovedError(LaunchError):
    """An error about launch options of a repository that its user has not approved.

    Attributes:
        repo: the repository's options.
        wishes: what needs approval, as written in the file.
    """

    def __init__(self, repo: RepoLaunch, wishes: str, decision: str | bool | None) -> None:
        again = "has changed since it was approved" if decision else "is not approved yet"
        project = repo.file.parent
        super().__init__(
            f"{repo.file} wants to choose how Julia is started, and that {again}: "
            f"{wishes}. No session was started. To approve it, the project's owner runs: "
            f"kaimonctl project approve {project} (with --never, sessions start without it)."
        )
        self.repo = repo
        self.wishes = wishes


def combined(project: Path, own: LaunchConfig, decision: str | bool | None) -> LaunchConfig:
    """Return the options with which the project's Julia is started.

    Args:
        project: the project's directory.
        own: the user's configuration for it.
        decision: the digest that the user approved, False to ignore the repository's options, None
            if undecided.

    Raises:
        UnapprovedError: the repository's options need approval.
        LaunchError: the repository's file cannot be used.
    """
    if decision is False:
        return own
    repo = read(project)
    if repo is None:
        return own
    proposals = repo.proposals(own)
    if proposals and decision != repo.digest:
        raise UnapprovedError(repo, shown(proposals), decision)
    return repo.under(own)


def shown(values: Mapping[str, Any]) -> str:
    """Return values as written in the file, on one line."""
    return ", ".join(
        f"{name} = {json.dumps(list(value) if isinstance(value, tuple) else value)}"
        for name, value in values.items()
    )
