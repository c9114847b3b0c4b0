"""Read the machine's apt sources: one-line `.list` files and deb822 `.sources` files.

Only what is needed to ask the same mirror for another suite is kept: the addresses, the suites, the
components and the options, among them the keyring that the mirror's signature is checked with.
Everything here is pure: text in, entries out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Options about trust in the mirror. The others (languages, architectures, index targets, a date of
# a snapshot) belong to the suite that the machine itself uses and would be wrong for another one.
_CARRIED_OPTIONS = frozenset({"signed-by", "trusted", "allow-insecure", "allow-weak"})
_ONE_LINE = re.compile(r"^(?P<kind>deb|deb-src)\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<rest>\S.*)$")
_SUITE_ALIASES = ("stable", "oldstable", "testing", "unstable", "sid")


@dataclass(frozen=True)
class AptSource:
    """One repository of binary packages, as the machine's configuration names it.

    Attributes:
        uris: Addresses of the mirror, in the order they are tried.
        suites: Names of the distribution's releases, such as `bookworm` or `bookworm-updates`.
        components: Parts of the archive, such as `main`.
        options: deb822 field names in lower case and their values, for instance `signed-by`. A
            value of several lines (a key written into the file itself) keeps its line breaks.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)


def parse_list(text: str) -> list[AptSource]:
    """Parse a one-line file (`deb [options] uri suite component...`).

    Lines that name no binary packages are skipped.
    """
    sources = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if match is None or match["kind"] != "deb":
            continue
        words = match["rest"].split()
        if len(words) < 2:  # noqa: PLR2004 - an address and a suite are the least that makes a source
            continue
        options = {}
        for option in (match["options"] or "").split():
            name, _, value = option.partition("=")
            # The one-line form separates several values by commas, deb822 by spaces.
            options[name.rstrip("+-").lower()] = value.replace(",", " ")
        sources.append(AptSource((words[0],), (words[1],), tuple(words[2:]), options))
    return sources


def parse_deb822(text: str) -> list[AptSource]:
    """Parse a `.sources` file; stanzas that are disabled or name no binary packages are skipped."""
    sources = []
    for stanza in _stanzas(text):
        enabled = stanza.get("enabled", "yes").lower() not in {
            "no",
            "false",
            "0",
            "off",
            "without",
            "disable",
        }
        if not enabled or "deb" not in stanza.get("types", "").split():
            continue
        known = {"types", "uris", "suites", "components", "enabled"}
        sources.append(
            AptSource(
                tuple(stanza.get("uris", "").split()),
                tuple(stanza.get("suites", "").split()),
                tuple(stanza.get("components", "").split()),
                {name: value for name, value in stanza.items() if name not in known},
            )
        )
    return sources


def _stanzas(text: str) -> Iterable[dict[str, str]]:
    """Yield the fields of each stanza; a `#` in the first column is a comment, not an end."""
    fields: dict[str, str] = {}
    last = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, last = {}, ""
        elif line[0] in " \t":
            if last:
                fields[last] += "\n" + line
        else:
            name, _, value = line.partition(":")
            last = name.strip().lower()
            fields[last] = value.strip()


def choose_mirror(sources: Iterable[AptSource], codename: str) -> AptSource | None:
    """Pick the source that carries the machine's own release.

    Args:
        sources: All sources of the machine, in the order apt reads them.
        codename: The machine's release, such as `bookworm`; empty when the machine does not say.

    Returns:
        The source with component `main` whose suites name the release or, failing that, an alias
        such as `stable`, so that no security archive is asked; else None. Vendors use these names
        too, so a source that looks like the distribution's own goes first.
    """
    usable = [source for source in sources if source.uris and "main" in source.components]
    usable.sort(key=_looks_like_debian, reverse=True)
    for names in ((codename,), _SUITE_ALIASES):
        for source in usable:
            if set(names) & set(source.suites):
                return source
    return None


def _looks_like_debian(source: AptSource) -> bool:
    """Tell whether a source is signed or addressed as Debian's archive and its mirrors are."""
    signed_by_debian = "debian-archive" in source.options.get("signed-by", "")
    return signed_by_debian or any(uri.rstrip("/").endswith("/debian") for uri in source.uris)


def for_suite(source: AptSource, suite: str) -> AptSource:
    """Return the same mirror, asked for `suite` and its `main` component only."""
    options = {name: value for name, value in source.options.items() if name in _CARRIED_OPTIONS}
    return replace(source, suites=(suite,), components=("main",), options=options)


def render_deb822(source: AptSource) -> str:
    """Write the source as a deb822 stanza that apt can read."""
    fields = {
        "Types": "deb",
        "URIs": " ".join(source.uris),
        "Suites": " ".join(source.suites),
        "Components": " ".join(source.components),
        **{name.title(): value for name, value in source.options.items()},
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())
