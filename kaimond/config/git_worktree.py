"""Which git repository a directory belongs to, read from git's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kaimond.config import files

if TYPE_CHECKING:
    from pathlib import Path

_POINTER: Final = "gitdir:"


class Worktree(NamedTuple):
    """One checkout of a repository.

    Attributes:
        top: the checkout's top directory.
        common: the directory that all checkouts of the repository share.
    """

    top: Path
    common: Path


def worktree(path: Path) -> Worktree | None:
    """Return the checkout that a real path lies in; None if there is none, or git disowns it.

    A linked checkout counts only if the repository lists it too, so that a directory cannot claim
    to belong to a repository that knows nothing of it.
    """
    for top in (path, *path.parents):
        git = top / ".git"
        try:
            if git.is_symlink():
                # Whoever makes a directory could point it at any repository.
                return None
            if git.is_dir():
                return Worktree(top, git.resolve())
            if git.is_file():
                return _linked(top, git)
        except OSError:
            return None
    return None


def _linked(top: Path, git: Path) -> Worktree | None:
    """Return a checkout made by `git worktree add`; a submodule is none."""
    pointer = _line(git)
    if not pointer.startswith(_POINTER):
        return None
    own = (top / pointer.removeprefix(_POINTER).strip()).resolve()
    common, back = _line(own / "commondir"), _line(own / "gitdir")
    if not common or not back or (own / back).resolve() != git.resolve():
        return None
    shared = (own / common).resolve()
    # The pointer must lead into the repository's own directory, or the checkout vouches for itself.
    return Worktree(top, shared) if own.parent == shared / "worktrees" else None


def _line(file: Path) -> str:
    try:
        return files.read(file).decode("utf-8", "surrogateescape").strip()
    except OSError:
        return ""


def same_place(one: Path, other: Path) -> bool:
    """Return whether two real paths are the same directory of two checkouts of one repository."""
    here, there = worktree(one), worktree(other)
    return (
        here is not None
        and there is not None
        and here.common == there.common
        and one.relative_to(here.top) == other.relative_to(there.top)
    )
