"""The recipes for Homebrew and Arch, as far as they can be read without either."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from kaimond import __version__
from tests.support.home import CHECKOUT

PKGBUILD = CHECKOUT / "packaging" / "arch" / "PKGBUILD"
FORMULA = CHECKOUT / "packaging" / "homebrew" / "kaimond.rb"
PROGRAMS = ("kaimond", "kaimonctl", "kaimon-mcp")


def fields() -> dict[str, str]:
    """The variables of the PKGBUILD, as bash has them after reading it."""
    names = ["pkgname", "pkgver", "pkgrel", "pkgdesc", "license", "arch", "depends", "source"]
    names += ["sha256sums", "makedepends"]
    asked = "".join(f'printf "%s\\n" "{name}=${{{name}[*]}}";' for name in names)
    done = subprocess.run(
        ["bash", "-euc", f'source "$1"; {asked} declare -F package', "-", str(PKGBUILD)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.endswith("package\n")
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_the_pkgbuild_has_what_makepkg_needs() -> None:
    found = fields()

    assert found["pkgname"] == "kaimond"
    assert found["pkgver"] == __version__
    assert found["pkgrel"].isdigit()
    assert found["source"] == f"kaimond-{__version__}.tar.gz"
    assert found["license"] == "MIT"
    assert "python>=3.11" in found["depends"]
    assert all(found.values())
    assert "kaimond" not in found["pkgdesc"].lower()


def test_the_pkgbuild_is_bash() -> None:
    subprocess.run(["bash", "-n", str(PKGBUILD)], check=True, timeout=60)


def test_the_formula_has_this_version_and_licence() -> None:
    text = FORMULA.read_text()

    assert f'version "{__version__}"' in text
    assert 'license "MIT"' in text
    assert re.search(r'depends_on "python@3\.\d+"', text)
    assert "def install" in text
    assert "test do" in text


def test_the_formula_is_ruby() -> None:
    if not shutil.which("ruby"):
        pytest.skip("ruby is not installed")
    done = subprocess.run(
        ["ruby", "-wc", str(FORMULA)], check=True, capture_output=True, text=True, timeout=60
    )

    assert done.stdout == "Syntax OK\n"
    assert done.stderr == ""


@pytest.mark.parametrize("recipe", [PKGBUILD, FORMULA], ids=lambda file: file.name)
def test_a_recipe_installs_all_programs_manuals_and_completions(recipe: object) -> None:
    text = str(recipe.read_text())  # type: ignore[attr-defined]

    assert [name for name in PROGRAMS if name not in text] == []
    assert "man" in text
    assert "complet" in text
