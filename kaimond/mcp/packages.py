"""The packages of an environment, read from its files. Julia is not asked: it may be busy."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kaimond.toolchain.manifest import parse_version
from kaimond.toolchain.manifest_file import locate
from kaimond.toolchain.toml_files import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class EnvironmentPackage:
    """A package of an environment.

    Attributes:
        name: its name.
        version: as the manifest says; "" for what belongs to Julia itself.
        path: where it is developed; "" if it is not.
        direct: whether the project itself asks for it.
    """

    name: str
    version: str
    path: str
    direct: bool


@dataclass(frozen=True)
class Environment:
    """An environment, as its files describe it.

    Attributes:
        project: the path of the project file.
        package: the project's own name, if it is a package.
        packages: all in its manifest, and those that only the project asks for.
        problems: why something is not known, as clauses.
    """

    project: str
    package: str = ""
    packages: tuple[EnvironmentPackage, ...] = ()
    problems: tuple[str, ...] = ()


def read(project_file: Path, julia_version: str) -> Environment:
    """Read an environment; what cannot be read becomes a problem."""
    problems: list[str] = []
    project = _parse(project_file, problems)
    manifest_file = _manifest(project_file, project, julia_version, problems)
    manifest = _parse(manifest_file, problems) if manifest_file else {}
    wanted = project.get("deps")
    direct = set(wanted) if isinstance(wanted, dict) else set()
    found = {
        entry.name: entry for entry in _entries(manifest, direct, (manifest_file or project_file))
    }
    for name in direct - found.keys():
        found[name] = EnvironmentPackage(name, "", "", direct=True)
    name = project.get("name")
    return Environment(
        project=str(project_file),
        package=name if isinstance(name, str) else "",
        packages=tuple(found[name] for name in sorted(found)),
        problems=tuple(problems),
    )


def _parse(file: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{file} cannot be read: {error}")
        return {}


def _manifest(
    project_file: Path, project: dict[str, Any], julia_version: str, problems: list[str]
) -> Path | None:
    version = parse_version(julia_version) or (0, 0, 0)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home may raise
    try:
        found = locate(project_file, project, version, home)
    except UnreadableError as error:
        problems.append(str(error))
        return None
    if found.path is None:
        problems.append(found.doubt or "there is no manifest, so versions are not known")
    return found.path


def _entries(
    manifest: dict[str, Any], direct: set[str], file: Path
) -> Iterator[EnvironmentPackage]:
    # Up to format 1 the packages are the document's top-level tables.
    listed = manifest.get("deps") if "manifest_format" in manifest else manifest
    for name, versions in (listed if isinstance(listed, dict) else {}).items():
        if not isinstance(versions, list):
            continue
        for entry in versions:
            if not isinstance(entry, dict):
                continue
            path, version = entry.get("path"), entry.get("version")
            place = str((file.parent / path).resolve()) if isinstance(path, str) else ""
            shown = version if isinstance(version, str) and "git-tree-sha1" in entry else ""
            yield EnvironmentPackage(name, shown, place, name in direct)
