"""Is an environment instantiated? Answered from its files, without Julia.

`Pkg.instantiate()` costs a session's start up to seconds, and nearly always has nothing to do.
It may be left out only if nothing can be missing, so every doubt is answered with "no": a
needless instantiate costs time, a missing one costs the agent an error that it did not cause.

What is looked at: every dependency of the project is in its manifest, and everything in the
manifest is on disk. A path is a directory; a package is unpacked in a depot, in a directory whose
name Julia derives from the package's uuid and tree hash (`version_slug`), together with its
artifacts for this machine; anything else belongs to Julia's standard library.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaimond.config import files
from kaimond.config.project_path import PROJECT_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SLUG_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SLUG_LENGTH: Final = 5
_OLD_SLUG_LENGTH: Final = 4  # written by Julia 1.0; such depots are still read
_CRC32C_POLYNOMIAL: Final = 0x82F63B78
_OS: Final = {"linux": "linux", "darwin": "macos"}.get(sys.platform, sys.platform)

_VERSIONED_MANIFESTS_SINCE: Final = (1, 10, 8)
_FORMAT_2_SINCE: Final = (1, 6, 2)
_WORKSPACES_SINCE: Final = (1, 12, 0)


@dataclass(frozen=True, slots=True)
class Instantiation:
    """Whether `Pkg.instantiate()` can be left out, and if not, why, for people."""

    ok: bool
    problems: tuple[str, ...]


class _UnreadableError(Exception):
    """A TOML file that cannot be made sense of; the text says which and why."""


def check(
    project_dir: Path, depots: Sequence[Path], stdlib_dir: Path | None, julia_version: str
) -> Instantiation:
    """Return whether the environment of `project_dir` is complete for one Julia.

    Never raises for what the files hold.

    Args:
        project_dir: The project's directory.
        depots: Julia's DEPOT_PATH, those that come with Julia included.
        stdlib_dir: Julia's `Sys.STDLIB`; None means that its standard library is taken to hold
            whatever the manifest expects of it.
        julia_version: The full version, such as "1.12.1".
    """
    found = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", julia_version)
    if not found:
        return Instantiation(False, (f"not sure: {julia_version!r} is no Julia version",))
    version = (int(found[1]), int(found[2]), int(found[3] or 0))
    try:
        problems = tuple(_problems(project_dir, depots, stdlib_dir, version))
    except _UnreadableError as error:
        problems = (str(error),)
    return Instantiation(not problems, problems)


def depots(environment: Mapping[str, str]) -> list[Path]:
    """Return where Julia looks for packages when it is started with an environment."""
    home = Path(environment.get("HOME", "/")) / ".julia"
    listed = environment.get("JULIA_DEPOT_PATH", "").split(os.pathsep)
    # An empty entry stands for the default depots; of those, packages are in the first.
    return [Path(text).expanduser() if text else home for text in listed]


def version_slug(package: str, tree: str) -> str:
    """Return the name of the directory, below `packages/<name>`, of one version of a package.

    Args:
        package: The package's uuid.
        tree: Its git tree hash, in hexadecimal.

    Raises:
        ValueError: One of the texts is not what it should be.
    """
    crc = _crc32c(uuid.UUID(package).bytes[::-1])  # Julia hashes the number, least byte first
    rest = _crc32c(bytes.fromhex(tree), crc)
    slug = ""
    for _ in range(_SLUG_LENGTH):
        rest, digit = divmod(rest, len(_SLUG_ALPHABET))
        slug += _SLUG_ALPHABET[digit]
    return slug


def _problems(
    project_dir: Path,
    depots: Sequence[Path],
    stdlib_dir: Path | None,
    version: tuple[int, int, int],
) -> Iterator[str]:
    project_file = _first_file(project_dir, PROJECT_FILES)
    if project_file is None:
        yield f"{project_dir} has no Project.toml"
        return
    project = _parse(project_file)
    wanted = _table(project.get("deps", {}), f"[deps] of {project_file}")
    if version >= _WORKSPACES_SINCE and _is_in_workspace(project_dir, project):
        yield "not sure: the project belongs to a workspace, whose manifest is shared"
        return
    manifest_file = _manifest_file(project_dir, project, version)
    if manifest_file is None:
        if wanted:
            yield f"{project_dir} has no manifest"
        return
    manifest = _parse(manifest_file)
    yield from _version_problems(manifest, version)
    present: set[tuple[str, str]] = set()
    for name, entry in _entries(manifest, manifest_file):
        present.add((name, str(entry.get("uuid")).lower()))
        yield from _entry_problems(name, entry, manifest_file.parent, depots, stdlib_dir)
    for name, package in wanted.items():
        if (name, str(package).lower()) not in present:
            yield f"{name} is in {project_file.name} but not in {manifest_file.name}"


def _manifest_file(
    project_dir: Path, project: dict[str, Any], version: tuple[int, int, int]
) -> Path | None:
    explicit = project.get("manifest")
    if isinstance(explicit, str):
        path = project_dir / explicit
        if _is_file(path):
            return path
    names = ["JuliaManifest.toml", "Manifest.toml"]
    if version >= _VERSIONED_MANIFESTS_SINCE:
        suffix = f"-v{version[0]}.{version[1]}.toml"
        names = [f"JuliaManifest{suffix}", f"Manifest{suffix}", *names]
    return _first_file(project_dir, names)


def _is_in_workspace(project_dir: Path, project: dict[str, Any]) -> bool:
    """Whether the project is the root of a workspace, or a directory above it may be one."""
    if "workspace" in project:
        return True
    above = (_first_file(parent, PROJECT_FILES) for parent in project_dir.parents)
    return any("workspace" in _parse(file) for file in above if file)


def _version_problems(manifest: dict[str, Any], version: tuple[int, int, int]) -> Iterator[str]:
    layout = manifest.get("manifest_format")
    if layout is not None and str(layout).partition(".")[0] not in {"1", "2"}:
        yield f"not sure: the manifest has the unknown format {str(layout)[:20]!r}"
    elif layout is not None and version < _FORMAT_2_SINCE:
        yield f"the manifest has format {str(layout)[:20]}, which Julia {_dotted(version)} misreads"
    resolved_by = manifest.get("julia_version")
    if resolved_by is None:
        return
    minor = f"{version[0]}.{version[1]}"
    if ".".join(str(resolved_by).split(".")[:2]) != minor:
        yield f"the manifest was resolved by Julia {str(resolved_by)[:20]}, not by {minor}"


def _entries(manifest: dict[str, Any], file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each package of a manifest of either format with its name."""
    if "manifest_format" in manifest:
        packages = _table(manifest.get("deps", {}), f"[deps] of {file}")
    else:
        packages = {name: value for name, value in manifest.items() if isinstance(value, list)}
    for name, entries in packages.items():
        # The name becomes part of a path.
        if "/" in name or "\0" in name or name in {"", ".", ".."}:
            raise _UnreadableError(f"{file} holds a package of the impossible name {name!a}")
        if not isinstance(entries, list) or not entries:
            raise _UnreadableError(f"{file} holds no list of entries for {name}")
        for entry in entries:
            yield name, _table(entry, f"{name} in {file}")


def _entry_problems(
    name: str,
    entry: dict[str, Any],
    manifest_dir: Path,
    depots: Sequence[Path],
    stdlib_dir: Path | None,
) -> Iterator[str]:
    path, tree = entry.get("path"), entry.get("git-tree-sha1")
    if path is not None:
        if not isinstance(path, str) or not _is_dir(manifest_dir / path):
            yield f"{name}: its directory {path!a} is missing"
    elif tree is not None:
        try:
            slug = version_slug(str(entry.get("uuid")), str(tree))
        except ValueError:
            yield f"{name}: its uuid or tree hash in the manifest is malformed"
            return
        slugs = (slug, slug[:_OLD_SLUG_LENGTH])
        candidates = (depot / "packages" / name / slug for depot in depots for slug in slugs)
        source = next((candidate for candidate in candidates if _is_dir(candidate)), None)
        if source is None:
            yield f"{name} is not installed"
        else:
            yield from _artifact_problems(name, source, depots)
    elif stdlib_dir is not None and not _is_dir(stdlib_dir / name):
        yield f"{name} is not in this Julia's standard library"


def _artifact_problems(name: str, source: Path, depots: Sequence[Path]) -> Iterator[str]:
    file = _first_file(source, ("JuliaArtifacts.toml", "Artifacts.toml"))
    if file is None:
        return
    for artifact, value in _parse(file).items():
        variants = [
            _table(variant, f"{artifact} in {file}")
            for variant in (value if isinstance(value, list) else [value])
        ]
        needed = [
            str(variant.get("git-tree-sha1"))
            for variant in variants
            if variant.get("os", _OS) == _OS and variant.get("lazy") is not True
        ]
        # Which of several builds for one system Julia picks depends on its compiler and more;
        # in one depot, the one that is there is the one that was picked.
        if needed and not any(_is_dir(d / "artifacts" / tree) for d in depots for tree in needed):
            yield f"{name}: its artifact {artifact} is not installed"


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(files.read(file).decode())
    except OSError as error:
        raise _UnreadableError(f"{file} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _UnreadableError(f"{file} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise _UnreadableError(f"{file} is nested too deeply") from error


def _table(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _UnreadableError(f"{what} is not a table")
    return value


def _first_file(directory: Path, names: Sequence[str]) -> Path | None:
    return next((directory / name for name in names if _is_file(directory / name)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # names too long, and NUL
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def _crc32c(data: bytes, crc: int = 0) -> int:
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CRC32C_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
