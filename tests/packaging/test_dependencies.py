"""What kaimond imports is what it declares."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.support.home import CHECKOUT

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def imported() -> set[str]:
    """Packages that are neither ours nor Python's, from all imports, also those in functions."""
    names: set[str] = set()
    for file in (CHECKOUT / "kaimond").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"kaimond"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_that_is_imported_is_declared_and_no_other() -> None:
    owners = packages_distributions()
    needed = {normal(owner) for name in imported() for owner in owners[name]}
    declared = PROJECT["project"]["dependencies"]

    assert {normal(re.match(r"[\w.-]+", each)[0]) for each in declared} == needed  # type: ignore[index]


def test_manual_and_completions_are_made_without_any_of_them() -> None:
    # So that building kaimond requires none.
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(imported())!r}))\n"
        "import make_manual; assert make_manual.files()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'packaging' / 'manual'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
