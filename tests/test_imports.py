"""What may import what: of each program and each small core, all that it may need."""

from __future__ import annotations

import sys
from functools import cache

import grimp
import pytest

SHIM = {
    "kaimond",
    "kaimond.runtime",
    "kaimond.service_manager",
    "kaimond.service_manager.service_state",
    "kaimond.shim",
    "kaimond.start_daemon",
    "kaimond.wire",
}
"""It is started by every client at every start: the standard library and these."""

CTL = {
    "kaimond",
    "clients",
    "config",
    "ctl",
    "doctor",
    "errors",
    "logs",
    "paths",
    "runtime",
    "service_manager",
    "spans",
    "start_daemon",
    "startup_jl",
    "toolchain",
    "wire",
}
"""kaimonctl asks the daemon or reads files; only the doctor, loaded if asked for, looks inside."""


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("kaimond", include_external_packages=True)


def needs(*roots: str, but: str = "") -> set[str]:
    """All that some modules import, and what that imports; nothing behind the module ``but``."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module in seen or (but and module.startswith(but)):
            continue
        seen.add(module)
        if module.startswith("kaimond"):
            waiting += graph().find_modules_directly_imported_by(module)
    return seen


def below(package: str) -> set[str]:
    return {package, *graph().find_descendants(package)}


def installed(modules: set[str]) -> set[str]:
    """Those that are neither ours nor the standard library's."""
    tops = {module.split(".")[0] for module in modules}
    return tops - {"kaimond"} - set(sys.stdlib_module_names)


def test_the_shim_needs_the_standard_library_and_little_of_ours() -> None:
    found = needs(*below("kaimond.shim"))
    ours = {module for module in found if module.startswith("kaimond")}
    assert {module for module in ours if not module.startswith("kaimond.shim")} <= SHIM
    assert installed(found) == set()


def test_the_state_table_needs_nothing_of_ours_and_nothing_installed() -> None:
    found = needs("kaimond.registry.state")
    assert {module for module in found if module.startswith("kaimond")} == {
        "kaimond.registry.state"
    }
    assert installed(found) == set()


def test_kaimonctl_needs_none_of_the_daemons_insides() -> None:
    found = needs(*below("kaimond.ctl"), but="kaimond.doctor")
    parts = {module.split(".")[1] for module in found if module.startswith("kaimond.")}
    assert parts <= CTL
    assert installed(found) <= {"tomlkit", "tomli_w", "watchfiles"}


@pytest.mark.parametrize("package", ["kaimond.mcp.tools", "kaimond.control.commands"])
def test_a_tool_knows_no_other_tool_and_a_command_no_other_command(package: str) -> None:
    own = graph().find_children(package)
    for module in own:
        assert not own & graph().find_modules_directly_imported_by(module), module


def test_no_two_modules_import_each_other() -> None:
    both = [
        (module, other)
        for module in graph().modules
        if module.startswith("kaimond")
        for other in graph().find_modules_directly_imported_by(module)
        if module < other and module in graph().find_modules_directly_imported_by(other)
    ]
    assert both == []
