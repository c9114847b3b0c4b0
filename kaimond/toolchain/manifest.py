"""Checks whether an environment is instantiated, from its files and without Julia.

`Pkg.instantiate()` costs a session's start up to seconds, and nearly always has nothing to do.
It may be left out only if nothing can be missing, so every doubt is answered with "no": a
needless instantiate costs time, a missing one costs the agent an error that it did not cause.

The checks: every dependency of the project is in its manifest, and everything in the manifest is
on disk. A path is a directory; a package is unpacked in a depot, in a directory whose name Julia
derives from the package's uuid and tree hash (`version_slug`), together with its artifacts for
this machine; anything else belongs to Julia's standard library. The manifest of a workspace
belongs to several projects, so only what this one needs is checked.
"""

from __future__ import annotations

import re
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaimond.config.project_path import PROJECT_FILES
from kaimond.toolchain.depots import depots, home_of
from kaimond.toolchain.manifest_file import locate
from kaimond.toolchain.toml_files import UnreadableError, first_file, is_dir, parse, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_SLUG_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SLUG_LENGTH: Final = 5
_OLD_SLUG_LENGTH: Final = 4  # written by Julia 1.0; such depots are still read
_CRC32C_POLYNOMIAL: Final = 0x82F63B78
_OS: Final = {"linux": "linux", "darwin": "macos"}.get(sys.platform, sys.platform)

_FORMAT_2_SINCE: Final = (1, 6, 2)
_WEAK_DEPENDENCIES_SINCE: Final = (1, 9, 0)


@dataclass(frozen=True, slots=True)
class Instantiation:
    """Whether `Pkg.instantiate()` can be left out, and if not, why, for people."""

    ok: bool
    problems: tuple[str, ...]


def check(
    project_dir: Path,
    environment: Mapping[str, str],
    julia_version: str,
    stdlib_dir: Path | None = None,
) -> Instantiation:
    """Return whether the environment of `project_dir` is complete for one Julia.

    Never raises because of what the files hold.

    Args:
        project_dir: the project's directory, a real path.
        environment: the environment of the Julia process, which tells where its depots are.
        julia_version: the full version, such as "1.12.1".
        stdlib_dir: Julia's `Sys.STDLIB`; None means that its standard library is taken to hold
            whatever the manifest expects of it.
    """
    version = parse_version(julia_version)
    if version is None:
        return Instantiation(False, (f"not sure: {julia_version!r} is no Julia version",))
    looked_in = depots(environment, version, project_dir)
    home = home_of(environment)
    try:
        problems = tuple(_problems(project_dir, looked_in, stdlib_dir, version, home))
    except UnreadableError as error:
        problems = (str(error),)
    return Instantiation(not problems, problems)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return Julia's version as numbers without any suffix, or None if the text is no version."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def version_slug(package: str, tree: str) -> str:
    """Return the name of the directory, below `packages/<name>`, of one version of a package.

    Args:
        package: the package's uuid.
        tree: its git tree hash, in hexadecimal.

    Raises:
        ValueError: one of the two is malformed.
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
    home: str,
) -> Iterator[str]:
    project_file = first_file(project_dir, PROJECT_FILES)
    if project_file is None:
        yield f"{project_dir} has no Project.toml"
        return
    project = parse(project_file)
    wanted = _wanted(project, project_file, version)
    yield from _artifact_problems("the project", project_dir, depots)
    found = locate(project_file, project, version, home)
    if found.doubt:
        yield f"not sure: {found.doubt}"
        return
    if found.path is None:
        if wanted:
            yield f"{project_dir} has no manifest"
        return
    manifest = parse(found.path)
    yield from _version_problems(manifest, version)
    entries = list(_entries(manifest, found.path))
    present = {(name, _uuid(entry)) for name, entry in entries}
    if found.shared:
        entries = _needed(wanted, entries, found.path)
    for name, entry in entries:
        yield from _entry_problems(name, entry, found.path.parent, depots, stdlib_dir)
    for name, package in wanted.items():
        if (name, str(package).lower()) not in present:
            yield f"{name} is in {project_file.name} but not in {found.path.name}"


def _wanted(project: dict[str, Any], file: Path, version: tuple[int, int, int]) -> dict[str, Any]:
    """Return the direct dependencies by name."""
    wanted = table(project.get("deps", {}), f"[deps] of {file}")
    if version < _WEAK_DEPENDENCIES_SINCE:
        return wanted
    # What is listed as both is a dependency only for older Julias.
    weak = table(project.get("weakdeps", {}), f"[weakdeps] of {file}")
    return {name: package for name, package in wanted.items() if weak.get(name) != package}


def _uuid(entry: dict[str, Any]) -> str:
    return str(entry.get("uuid")).lower()


def _needed(
    wanted: dict[str, Any], entries: Sequence[tuple[str, dict[str, Any]]], file: Path
) -> list[tuple[str, dict[str, Any]]]:
    """Return those entries of a workspace's manifest that one of its projects needs.

    Pkg installs no others for it.
    """
    known = {(name, _uuid(entry)): entry for name, entry in entries}
    uuids: dict[str, list[str]] = {}
    for name, of in known:
        uuids.setdefault(name, []).append(of)
    needed: dict[tuple[str, str], dict[str, Any]] = {}
    direct = ((name, str(package).lower()) for name, package in wanted.items())
    waiting = [package for package in direct if package in known]
    while waiting:
        package = waiting.pop()
        if package not in needed:
            needed[package] = known[package]
            for dependency in _dependencies(known[package], f"{package[0]} in {file}", uuids):
                if dependency not in known:
                    raise UnreadableError(f"{package[0]} needs {dependency[0]}, not in {file}")
                waiting.append(dependency)
    return [(name, entry) for (name, _), entry in needed.items()]


def _dependencies(
    entry: dict[str, Any], what: str, uuids: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    """Return an entry's dependencies; it lists names, and uuids only where it must."""
    listed = entry.get("deps", [])
    if isinstance(listed, list):
        names = [str(name) for name in listed]
        return [(name, package) for name in names for package in uuids.get(name, [""])]
    return [(name, str(of).lower()) for name, of in table(listed, f"deps of {what}").items()]


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
        packages = table(manifest.get("deps", {}), f"[deps] of {file}")
    else:
        packages = {name: value for name, value in manifest.items() if isinstance(value, list)}
    for name, entries in packages.items():
        # The name becomes part of a path.
        if "/" in name or "\0" in name or name in {"", ".", ".."}:
            raise UnreadableError(f"{file} holds a package of the impossible name {name!a}")
        if not isinstance(entries, list) or not entries:
            raise UnreadableError(f"{file} holds no list of entries for {name}")
        for entry in entries:
            yield name, table(entry, f"{name} in {file}")


def _entry_problems(
    name: str,
    entry: dict[str, Any],
    manifest_dir: Path,
    depots: Sequence[Path],
    stdlib_dir: Path | None,
) -> Iterator[str]:
    path, tree = entry.get("path"), entry.get("git-tree-sha1")
    if path is not None:
        if not isinstance(path, str) or not is_dir(manifest_dir / path):
            yield f"{name}: its directory {path!a} is missing"
        else:
            yield from _artifact_problems(name, manifest_dir / path, depots)
    elif tree is not None:
        try:
            slug = version_slug(str(entry.get("uuid")), str(tree))
        except ValueError:
            yield f"{name}: its uuid or tree hash in the manifest is malformed"
            return
        slugs = (slug, slug[:_OLD_SLUG_LENGTH])
        candidates = (depot / "packages" / name / slug for depot in depots for slug in slugs)
        source = next((candidate for candidate in candidates if is_dir(candidate)), None)
        if source is None:
            yield f"{name} is not installed"
        else:
            yield from _artifact_problems(name, source, depots)
    elif stdlib_dir is not None and not is_dir(stdlib_dir / name):
        yield f"{name} is not in this Julia's standard library"


def _artifact_problems(name: str, source: Path, depots: Sequence[Path]) -> Iterator[str]:
    file = first_file(source, ("JuliaArtifacts.toml", "Artifacts.toml"))
    if file is None:
        return
    for artifact, value in parse(file).items():
        variants = [
            table(variant, f"{artifact} in {file}")
            for variant in (value if isinstance(value, list) else [value])
        ]
        needed = [
            str(variant.get("git-tree-sha1"))
            for variant in variants
            if variant.get("os", _OS) == _OS and variant.get("lazy") is not True
        ]
        # Which of several builds for one system Julia picks depends on its compiler and more;
        # in a depot, the one that exists is the one that was picked.
        if needed and not any(is_dir(d / "artifacts" / tree) for d in depots for tree in needed):
            yield f"{name}: its artifact {artifact} is not installed"


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def _crc32c(data: bytes, crc: int = 0) -> int:
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CRC32C_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
