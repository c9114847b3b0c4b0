from __future__ import annotations

import apt_sources
from apt_sources import AptSource

MIRROR = "http://mirror.example/debian"


def test_one_line_sources_give_address_suite_components_and_options() -> None:
    text = f"""\
# deb {MIRROR} commented main
deb {MIRROR} bookworm main contrib  # the usual
deb [ arch=amd64,arm64 signed-by=/etc/a.gpg,/etc/b.gpg ] {MIRROR}/ bookworm-updates main
deb-src {MIRROR} bookworm main
deb {MIRROR}
nonsense
"""
    assert apt_sources.parse_list(text) == [
        AptSource((MIRROR,), ("bookworm",), ("main", "contrib")),
        AptSource(
            (f"{MIRROR}/",),
            ("bookworm-updates",),
            ("main",),
            {"arch": "amd64 arm64", "signed-by": "/etc/a.gpg /etc/b.gpg"},
        ),
    ]


def test_deb822_sources_may_hold_several_stanzas_comments_and_lists() -> None:
    text = f"""\
Types: deb deb-src
# a comment inside a stanza does not end it
URIs: {MIRROR} {MIRROR}2
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg


types: deb
uris: {MIRROR}-security
suites: bookworm-security
components: main
"""
    assert apt_sources.parse_deb822(text) == [
        AptSource(
            (MIRROR, f"{MIRROR}2"),
            ("bookworm", "bookworm-updates"),
            ("main",),
            {"signed-by": "/usr/share/keyrings/debian-archive-keyring.gpg"},
        ),
        AptSource((f"{MIRROR}-security",), ("bookworm-security",), ("main",)),
    ]


def test_disabled_and_source_only_stanzas_are_skipped() -> None:
    stanza = f"URIs: {MIRROR}\nSuites: bookworm\nComponents: main\n"
    text = f"Types: deb\nEnabled: no\n{stanza}\nTypes: deb-src\n{stanza}\nEnabled: yes\n"
    assert apt_sources.parse_deb822(text) == []


def test_a_key_written_into_the_file_survives_reading_and_writing() -> None:
    text = f"""\
Types: deb
URIs: {MIRROR}
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBGPL0BUBEADmW5NdOOHwPIJlgPf6
 -----END PGP PUBLIC KEY BLOCK-----
"""
    (source,) = apt_sources.parse_deb822(text)
    written = apt_sources.render_deb822(source)
    assert apt_sources.parse_deb822(written) == [source]
    assert written.endswith(text[text.index("Signed-By:") + len("Signed-By:") :])


def test_the_mirror_of_the_machines_own_release_is_chosen() -> None:
    security = AptSource((f"{MIRROR}-security",), ("bookworm-security",), ("main",))
    updates = AptSource((MIRROR,), ("bookworm-updates",), ("main",))
    contrib = AptSource((MIRROR,), ("bookworm",), ("contrib",))
    release = AptSource((MIRROR,), ("bookworm",), ("main",))
    assert apt_sources.choose_mirror([security, updates, contrib, release], "bookworm") is release


def test_a_vendors_repository_that_uses_the_release_name_is_not_chosen() -> None:
    vendor = AptSource(("https://vendor.example/debian/12/prod",), ("bookworm",), ("main",))
    signed = {"signed-by": "/usr/share/keyrings/debian-archive-keyring.gpg"}
    by_address = AptSource((f"{MIRROR}/",), ("bookworm",), ("main",))
    by_keyring = AptSource(("mirror+file:/etc/apt/list",), ("bookworm",), ("main",), signed)
    assert apt_sources.choose_mirror([vendor, by_address], "bookworm") is by_address
    assert apt_sources.choose_mirror([vendor, by_keyring], "bookworm") is by_keyring


def test_an_alias_of_the_release_is_good_enough() -> None:
    stable = AptSource((MIRROR,), ("stable",), ("main",))
    assert apt_sources.choose_mirror([stable], "bookworm") is stable
    assert apt_sources.choose_mirror([stable], "") is stable


def test_without_a_mirror_of_the_release_there_is_none() -> None:
    vendor = AptSource(("https://vendor.example",), ("vendor-bookworm",), ("main",))
    assert apt_sources.choose_mirror([vendor], "bookworm") is None
    assert apt_sources.choose_mirror([], "bookworm") is None


def test_only_the_suite_changes_and_trust_is_kept_as_it_is() -> None:
    options = {"signed-by": "/k.gpg", "trusted": "yes", "snapshot": "20250101T000000Z", "arch": "a"}
    source = AptSource((MIRROR,), ("bookworm", "bookworm-updates"), ("main", "contrib"), options)
    asked = apt_sources.for_suite(source, "bullseye")
    assert asked == AptSource(
        (MIRROR,), ("bullseye",), ("main",), {"signed-by": "/k.gpg", "trusted": "yes"}
    )
    assert apt_sources.render_deb822(asked) == (
        f"Types: deb\nURIs: {MIRROR}\nSuites: bullseye\nComponents: main\n"
        "Signed-By: /k.gpg\nTrusted: yes\n"
    )


def test_a_source_without_a_keyring_gets_none() -> None:
    source = AptSource((MIRROR,), ("bookworm",), ("main",))
    written = apt_sources.render_deb822(apt_sources.for_suite(source, "bullseye"))
    assert "signed-by" not in written.lower()
    assert "trusted" not in written.lower()
