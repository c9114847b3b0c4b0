"""What is taken out of a report, and what stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.doctor import masking

SECRET = "Zx9vQ2-w8Lp0aTk7"


@pytest.mark.parametrize(
    "text",
    [
        f"password = {SECRET}",
        f'password = "{SECRET}"',
        f"DB_PASSWD: '{SECRET}'",
        f'{{"api_key": "{SECRET}", "port": 3}}',
        f"OPENAI_API_KEY={SECRET}",
        f"export GITHUB_TOKEN={SECRET}; true",
        f"aws_secret_access_key = {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"https://me:{SECRET}@example.org/x",
        f"tool --token {SECRET} --verbose",
        f"tool --api-key={SECRET} --verbose",
        f"url?access_token={SECRET}&next=1",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\ncut off",
        f'"client-secret" : "{SECRET}"',
        f"Cookie: session={SECRET}",
    ],
)
def test_what_is_named_as_a_secret_is_masked(text: str) -> None:
    masked = masking.mask(text)

    assert SECRET not in masked
    assert masking.MASK in masked


BODY = "0123456789abcdefghijABCDEFGHIJ"


# Put together here, so that nobody's scanner takes this file for a leak.
@pytest.mark.parametrize(
    "token",
    [
        *("sk-" + BODY, "ghp_" + BODY, "github_pat_" + BODY, "glpat-" + BODY, "hf_" + BODY),
        *("xoxb-" + BODY, "AKIA" + "Q" * 16, ".".join(["eyJ" + BODY, "eyJ" + BODY, BODY])),
    ],
)
def test_tokens_are_known_by_their_shape(token: str) -> None:
    assert token not in masking.mask(f"it said {token} and went on")


@pytest.mark.parametrize(
    "text",
    [
        "session=1a2b3c4d agent=9f3e1c2a supervisor: ready",
        '"key": "1a2b3c4d"',
        "eval 3f2a1b0c of 1a2b3c4d took 0.3 s",
        "https://julialang.org/downloads",
        'threads = "auto"',
        "Pkg.instantiate() was not needed",
        '"token": null, "password": ""',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masking.mask(text) == text


def test_values_of_secret_variables_are_masked_wherever_they_stand() -> None:
    environ = {"MY_TOKEN": SECRET, "LANG": "en_GB.UTF-8", "PASSWORD": "abc"}
    known = masking.secrets(environ)

    assert masking.mask(f"curl said {SECRET}!", known) == f"curl said {masking.MASK}!"
    assert masking.mask("abc en_GB.UTF-8", known) == "abc en_GB.UTF-8"


def test_json_remains_json() -> None:
    document = {"projects": [{"path": "/p", "token": SECRET, "n": 3}], "secret": SECRET}
    masked = json.loads(masking.mask(json.dumps(document, indent=2)))

    assert masked["projects"][0] == {"path": "/p", "token": masking.MASK, "n": 3}


def test_the_home_directory_and_the_user_are_hidden() -> None:
    text = "/home/ann/MyPkg /home/ann /home/anna /mnt/ann/x annotated"

    assert (
        masking.hide_home(text, "/home/ann", "ann") == "~/MyPkg ~ /home/anna /mnt/USER/x annotated"
    )
    assert masking.hide_home("/x", "/", "") == "/x"


@given(st.text(), st.lists(st.text(), max_size=3))
def test_masking_never_fails_and_is_done_once(text: str, known: list[str]) -> None:
    masked = masking.mask(text, known)

    assert masking.mask(masked) == masked
