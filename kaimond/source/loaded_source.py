"""What a session says that it runs: pure data, read from the gate's messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.gate.frames import Message


@dataclass(frozen=True)
class Package:
    """A package whose source is followed.

    Attributes:
        name: of the package.
        follower: who takes up its changes, as the gate names it.
        files: SHA-256 of the text that was taken up last by path, "" if there was none to read.
        untracked: places whose files cannot be followed, with the reason.
    """

    name: str
    follower: str
    files: Mapping[str, str]
    untracked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sources:
    """What a session runs.

    Attributes:
        revision: another one whenever the session runs another text, or other files.
        packages: all that are followed.
        remarks: what the user should know about who follows them, in sentences.
    """

    revision: str = ""
    packages: tuple[Package, ...] = ()
    remarks: tuple[str, ...] = ()

    def files(self) -> dict[str, str]:
        """The digests of all files by path."""
        return {path: sha for package in self.packages for path, sha in package.files.items()}

    def told(self) -> str:
        """The packages by who follows them, for people: counts and what cannot be followed."""
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
    """A package of which more is to come."""

    name: str
    follower: str
    files: dict[str, str] = field(default_factory=dict)
    untracked: list[str] = field(default_factory=list)


def read(message: Message) -> Sources | None:
    """What a message tells of the session's sources, None if it does not."""
    revision: str | None = None
    packages: list[_Opened] = []
    remarks: list[str] = []
    follower = ""
    for name, raw in message.fields:
        # A path is bytes; those that are not UTF-8 must come back the same.
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
