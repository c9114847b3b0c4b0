"""``kaimonctl doctor``: checks everything that kaimond needs, and gives a cure for each fault.

Each check is a function in `kaimond.doctor.checks`. Checks are read-only: they start nothing but
short-lived processes that are asked for their version. A check that itself fails is reported
as a finding too, so the doctor works where nothing else does.
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
    """Yield the findings of the checks, in their order; never raises, whatever they encounter."""
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
