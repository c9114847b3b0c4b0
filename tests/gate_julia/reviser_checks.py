"""What holds of a package whoever follows it: our own reviser, or real Revise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.gate_julia.source_package import SourcePackage

if TYPE_CHECKING:
    from tests.gate_julia.gate_process import GateProcess


def check_that_a_syntax_error_is_told_until_it_is_mended(session: GateProcess) -> None:
    """Its line is told with every answer, and the code loaded before stays in effect."""
    package = SourcePackage(session, 'include("a.jl")', {"a.jl": "f() = 1"}).loaded()
    package.write("a.jl", "f() = 2\n\nfunction g(\nend\n")
    for _ in range(2):
        value, said = package.stale("NAME.f()")
        assert value == "1"
        assert "src/a.jl:" in said
        assert "syntax error: " in said
        assert "──" not in said
    package.write("a.jl", "f() = 3")
    assert package.value("NAME.f()") == "3"
