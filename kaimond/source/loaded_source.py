"""The source that a session reports as loaded: plain data, parsed from gate messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.gate.frames import Message


@dataclass(frozen=True)
class Package:
    """A package whose source is tracked.

    Attributes:
        name: the package's name.
        follower: what takes up its changes, as named by the gate.
        files: SHA-256 of the text last taken up, by path; "" if the file could not be read.
        untracked: places whose files cannot be tracked, with the reason.
    """

    name: str
    follower: str
    files: Mapping[str, str]
    untracked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sources:
    """The source that a session runs.

    Attributes:
        revision: changes whenever the session runs different text or different files.
        packages: all tracked packages.
        remarks: sentences for the user about what tracks the packages.
    """

    revision: str = ""
    packages: tuple[Package, ...] = ()
    remarks: tuple[str, ...] = ()

    def files(self) -> dict[str, str]:
        """Return the digests of all files by path."""
        return {path: sha for package in self.packages for path, sha in package.files.items()}

    def told(self) -> str:
        """Return a text that lists the packages by follower, with counts and untracked places."""
        by_follower: dict[str, list[str]] = {}
        for package in self.packages:
            by_follower.setdefault(package.follower, []).append(_counted(package))
        said = [f"{who} tracks {', '.join(what)}" for who, what in by_follower.items()]
        return "; ".join(said)


def _counted(package: Package) -> str:
    count = len(package.files)
    what = f"{package.name} ({count} file{'' if count == 1 else 's'}"
    if package.untracked:
        what += f"; not tracked: {', '.join(package.untracked)}"
    return what + ")"


@dataclass
class _Opened:
    """A package that is still being parsed."""

    name: str
    follower: str
    files: dict[str, str] = field(default_factory=dict)
    untracked: list[str] = field(default_factory=list)


def read(message: Message) -> Sources | None:
    """Return the sources that a message reports, or None if it reports none."""
    revision: str | None = None
    packages: list[_Opened] = []
    remarks: list[str] = []
    follower = ""
    for name, raw in message.fields:
        # A path is bytes; this encodes one that is not UTF-8 reversibly.
        value = raw.decode("utf-8", "surrogateescape")
        if name == "sources":
            revision = value
        elif name == "reviser":
            follower = value
        elif name == "package":
            packages.append(_Opened(value, follower))
        elif name == "file" and packages:
            digest, _, path = value.partition(" ")
            packages[-1].files[path] = digest
        elif name == "untracked" and packages:
            packages[-1].untracked.append(value)
        elif name == "remark":
            remarks.append(value)
    if revision is None:
        return None
    closed = (Package(p.name, p.follower, p.files, tuple(p.untracked)) for p in packages)
    return Sources(revision, tuple(closed), tuple(remarks))
