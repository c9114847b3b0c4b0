"""``kaimonctl doctor``: looks at everything that kaimond needs, and names the cure of each fault.

One function per check in `kaimond.doctor.checks`. They only look: nothing is made, changed or
started, save short-lived processes that are asked for their version. A check that fails itself is
a finding like any other, so the doctor works where nothing else does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.doctor.checks import CHECKS
from kaimond.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kaimond.doctor.checks import Check
    from kaimond.doctor.world import World


def examine(world: World, checks: Mapping[str, Check] = CHECKS) -> Iterator[Finding]:
    """Yield what each check finds, in their order; never raises for what they meet."""
    for name, check in checks.items():
        yield from _guarded(name, lambda check=check: list(check(world)))  # type: ignore[misc]


def _guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong here must not hide the rest
        said = str(error) or "without a word"
        return [
            Finding(
                name,
                Level.FAIL,
                f"this check could not be made ({type(error).__name__}: {said})",
                "If the other findings do not explain it, report it: kaimonctl bugreport",
            )
        ]
