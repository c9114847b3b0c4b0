"""Which variables a session's Julia gets."""

from __future__ import annotations

import pytest

from kaimond.toolchain.environment_variables import session_environment


def chosen(*extra: str, **environ: str) -> set[str]:
    return set(session_environment(environ, extra, {}))


@pytest.mark.parametrize(
    "name",
    ["HOME", "PATH", "LC_ALL", "JULIA_DEPOT_PATH", "JULIA_LOAD_PATH", "CUDA_VISIBLE_DEVICES",
     "https_proxy", "SSL_CERT_FILE", "XDG_RUNTIME_DIR", "TMPDIR", "JULIA_NUM_THREADS"],
)  # fmt: skip
def test_what_julia_programs_need_is_passed(name: str) -> None:
    assert chosen(**{name: "x"}) == {name}


@pytest.mark.parametrize(
    "name",
    ["ANTHROPIC_API_KEY", "CLAUDECODE", "CLAUDE_CODE_SESSION_ID", "GITHUB_TOKEN", "AWS_SECRET",
     "NOTIFY_SOCKET", "INVOCATION_ID", "LISTEN_FDS", "PYTHONPATH", "VIRTUAL_ENV", "lang",
     "JULIA_AUTH_TOKEN", "JULIA_API_KEY", "CUDA_PASSWORD"],
)  # fmt: skip
def test_accidents_and_secrets_of_the_daemon_are_not_passed(name: str) -> None:
    assert chosen(**{name: "x"}) == set()


def test_the_user_adds_names_and_patterns_even_of_secrets() -> None:
    environ = {"GITHUB_TOKEN": "x", "AWS_REGION": "y", "AWS_SECRET": "z", "OTHER": "w"}
    assert chosen("GITHUB_TOKEN", "AWS_*", **environ) == {
        "GITHUB_TOKEN",
        "AWS_REGION",
        "AWS_SECRET",
    }


@pytest.mark.parametrize("name", ["JULIA_PROJECT", "KAIMON_SESSION", "KAIMON_NONCE"])
def test_an_outer_session_is_not_this_one_even_if_the_user_names_it(name: str) -> None:
    assert chosen(name, "*", **{name: "x"}) == set()


def test_our_own_variables_win() -> None:
    made = session_environment({"HOME": "/h"}, ("KAIMON_*",), {"KAIMON_NONCE": "n", "HOME": "/o"})
    assert made == {"KAIMON_NONCE": "n", "HOME": "/o"}
