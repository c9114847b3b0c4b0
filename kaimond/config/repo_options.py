"""What a repository itself says of how its Julia is started: `[launch]` in its `kaimon.toml`.

The user's own `launch_config` wins key by key. How many threads a project wants is the repository's
business; which program is run with which flags and system image is the user's, since whoever can
write to the repository could run anything that way. So a repository can propose those, and they
count once the user has seen and approved them, as long as they stay word for word the same.
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
"""Keys that a repository may choose by itself."""

APPROVED: Final = ("julia_bin", "sysimage", "extra_flags")
"""Keys that count only when the user has approved them."""


@dataclass(frozen=True, slots=True)
class RepoLaunch:
    """The `[launch]` of one repository.

    Attributes:
        file: where it stands.
        config: what it says, of the keys that a repository may name.
        ignored: other keys in it; they are the user's alone, or of a newer kaimond.
    """

    file: Path
    config: LaunchConfig
    ignored: tuple[str, ...] = ()

    def proposals(self, own: LaunchConfig = julia_options.DEFAULT) -> Mapping[str, Any]:
        """The keys that need approval and would count beside the user's ``own`` configuration."""
        values = {name: getattr(self.config, name) for name in APPROVED}
        return {name: value for name, value in values.items() if value and not getattr(own, name)}

    @property
    def digest(self) -> str:
        """The same as long as everything that needs approval stays word for word the same."""
        words = json.dumps(self.proposals(), sort_keys=True)
        return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()

    def under(self, own: LaunchConfig) -> LaunchConfig:
        """The user's ``own`` configuration, with what it does not say taken from here."""
        named = (*FREE, *APPROVED)
        taken = {name: getattr(self.config, name) for name in named if not getattr(own, name)}
        return replace(own, **taken)


def read(project: Path) -> RepoLaunch | None:
    """What the repository in ``project`` says; None if it says nothing.

    Raises:
        LaunchError: its file cannot be used; Julia would start otherwise than meant.
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


def combined(project: Path, own: LaunchConfig, decision: str | bool | None) -> LaunchConfig:
    """How the project's Julia is started.

    Args:
        project: directory of the project.
        own: the user's configuration of it.
        decision: digest that the user has approved, False to ignore the repository's words, None if
            the user has not decided.

    Raises:
        LaunchError: the repository's file cannot be used, or waits for approval.
    """
    if decision is False:
        return own
    repo = read(project)
    if repo is None:
        return own
    proposals = repo.proposals(own)
    if proposals and decision != repo.digest:
        again = "has changed since it was approved" if decision else "is not approved yet"
        raise LaunchError(
            f"{repo.file} wants to choose how Julia is started, and that {again}: "
            f"{shown(proposals)}. No session was started. To approve it, the project's owner runs: "
            f"kaimonctl project approve {project} (with --never, sessions start without it)."
        )
    return repo.under(own)


def shown(values: Mapping[str, Any]) -> str:
    """Values as the file has them, on one line."""
    return ", ".join(
        f"{name} = {json.dumps(list(value) if isinstance(value, tuple) else value)}"
        for name, value in values.items()
    )
