"""The gate is one module, of which a part is loaded later: no name in it means two things."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.gate_julia.gate_process import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = CHECKOUT / "kaimond" / "julia" / "Kaimon" / "src"
DEFINED = re.compile(
    r"^(?:@noinline |@inline )?(?:mutable struct |struct |const |function |macro )([\w!]+)"
    r"|^([\w!]+)\(.*\)(?:::\w+)?(?: where .*)? =(?!=)",
    re.MULTILINE,
)


def names_in(path: Path) -> set[str]:
    return {one or other for one, other in DEFINED.findall(path.read_text(encoding="utf-8"))}


def test_the_reviser_defines_no_name_that_the_rest_of_the_gate_has() -> None:
    files = sorted(SOURCE.glob("*.jl"))
    assert len(files) > 20
    rest: set[str] = set().union(*map(names_in, files))
    for path in sorted((SOURCE / "reviser").glob("*.jl")):
        # These two are the gate's own, which load the others.
        if path.stem not in ("following", "wiring"):
            assert names_in(path) & rest == set(), path.name
