"""Which variables a session's Julia gets.

The daemon's own environment depends on who happened to start it: a service manager, or an agent
with keys in its variables. So a session gets a list of what Julia programs need, and what the
user's settings add, and nothing else.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PASSED: Final = (
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "TERM",
    "COLORTERM",
    "EDITOR",
    "JULIA_*",
    "JULIAUP_*",
    "XDG_*",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "LD_LIBRARY_PATH",
    "DYLD_*",
    "CUDA_*",
    "NVIDIA_*",
    "ROCM_*",
    "ROCR_*",
    "HIP_*",
    "MKL_*",
    "OMP_*",
    "OPENBLAS_*",
    "GKS*",
    "QT_*",
    "PYTHON",
    "CONDA_PREFIX",
    "R_HOME",
)
"""Names and patterns of variables that every session gets when they are set."""

SECRET: Final = ("*API_KEY*", "*TOKEN*", "*SECRET*", "*PASSWORD*")
"""Never passed by a pattern of `PASSED`; a user's setting can still name one."""


def session_environment(
    environ: Mapping[str, str], extra: Iterable[str], own: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of one session.

    Args:
        environ: the daemon's environment.
        extra: names and patterns that the user's settings add.
        own: variables for the gate, which take precedence.
    """
    wanted = tuple(extra)
    chosen = {
        name: value
        for name, value in environ.items()
        if _matches(name, wanted) or (_matches(name, PASSED) and not _matches(name, SECRET))
    }
    # Those of an outer project or an outer session are not for this session.
    for name in [name for name in chosen if name.startswith("KAIMON_") or name == "JULIA_PROJECT"]:
        del chosen[name]
    return chosen | dict(own)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
