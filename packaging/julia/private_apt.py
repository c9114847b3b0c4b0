"""An apt with a root of its own: it downloads packages and neither reads nor changes the machine's.

The machine's other settings (proxy, certificates, keyrings) stay in force, so signatures are
verified as the machine's own configuration demands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import apt_sources
import silent

if TYPE_CHECKING:
    from pathlib import Path


class FetchError(Exception):
    """No Julia could be fetched; the message says what happened."""


def download(root: Path, mirror: apt_sources.AptSource, package: str) -> list[Path]:
    """Download a package and all that it depends on, as archives.

    Args:
        root: A folder that does not exist yet and becomes apt's whole world.
        mirror: The only source that is asked.
        package: Name of the package.

    Raises:
        FetchError: The mirror cannot be reached, is not signed by a key that the machine trusts, or
            does not have the package.
    """
    archives = root / "cache" / "archives"
    for folder in (root / "lists" / "partial", archives / "partial", root / "log"):
        folder.mkdir(parents=True)
    (root / "status").touch()
    (root / "only.sources").write_text(apt_sources.render_deb822(mirror), encoding="utf-8")
    (root / "apt.conf").write_text(_settings(root), encoding="utf-8")
    # `-c` is read after the machine's own files, so it can clear their hooks and lists; a file
    # named by APT_CONFIG would be read before them.
    apt = ["apt-get", "-q", "-y", f"-c={root / 'apt.conf'}"]
    suite = " ".join(mirror.suites)
    failed = f"the machine's mirror did not give the package list of suite {suite}"
    silent.run([*apt, "update"], failed, FetchError)
    download_only = ["--download-only", "--no-install-recommends", "install"]
    failed = f"{package} could not be downloaded from suite {suite}"
    silent.run([*apt, *download_only, package], failed, FetchError)
    return sorted(archives.glob("*.deb"))


def _settings(root: Path) -> str:
    return f"""\
// Hooks of the machine are about its own packages; foreign architectures need no lists here.
#clear APT::Update;
#clear DPkg;
#clear APT::Architectures;
// A mirror that is down must be an error, not a warning.
APT::Update::Error-Mode "any";
// apt's own download user, which root would switch to, cannot enter a private checkout.
APT::Sandbox::User "";
Acquire::Retries "3";
Acquire::Languages "none";
Dir::State "{root}";
Dir::State::lists "{root}/lists/";
Dir::State::status "{root}/status";
Dir::State::extended_states "{root}/extended_states";
Dir::Cache "{root}/cache";
Dir::Cache::archives "{root}/cache/archives/";
Dir::Log "{root}/log";
Dir::Etc::sourcelist "{root}/only.sources";
Dir::Etc::sourceparts "{root}/none";
Dir::Etc::preferences "{root}/none";
Dir::Etc::preferencesparts "{root}/none";
"""
