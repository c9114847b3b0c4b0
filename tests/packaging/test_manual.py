"""Manual pages: made from the code, complete, and readable by man."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import make_manual
import pytest
import roff

from kaimond.config.settings import KEYS
from kaimond.ctl import outline
from tests.support.home import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

FILES = make_manual.files()
PAGES = sorted(name for name in FILES if name.startswith("man/"))


@pytest.mark.parametrize("name", PAGES)
def test_man_reads_a_page_without_a_complaint(name: str, tmp_path: Path) -> None:
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    file = tmp_path / "page"
    file.write_text(FILES[name])
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Kutf8", "-Tutf8", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stderr == ""


def test_every_command_option_and_setting_is_in_the_manual() -> None:
    page = FILES["man/man1/kaimonctl.1"]
    for each in outline.kaimonctl().walk():
        if len(each.words) > 1:
            assert f'.SS "{roff.escape(" ".join(each.words))}"' in page
        for option in each.options:
            assert option.names[-1] == "--help" or roff.bold(option.names[-1]) in page
    settings = FILES["man/man5/kaimond.toml.5"]
    assert [name for name in KEYS if roff.bold(name) not in settings] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_what_readers_look_for(name: str) -> None:
    titles = re.findall(r"^\.SH (.*)$", FILES[name], re.MULTILINE)

    assert titles[0] == "NAME"
    assert {"DESCRIPTION", "SEE ALSO"} <= set(titles)
    assert "For example" in FILES[name] or "EXAMPLES" in titles


def test_pages_refer_to_pages_that_exist() -> None:
    there = {name.rpartition("/")[2].rpartition(".")[0] for name in PAGES}
    for name in PAGES:
        see_also = FILES[name].rpartition(".SH SEE ALSO\n")[2].replace("\\-", "-")
        assert set(re.findall(r"fB([a-z.-]+)\\fR", see_also)) <= there


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".SH evil", "\\&.SH evil"),
        ("a\n.so /etc/passwd", "a\n\\&.so /etc/passwd"),
        ("\\fBx", "\\efBx"),
        ("--json", "\\-\\-json"),
    ],
)
def test_text_is_never_a_request(text: str, expected: str) -> None:
    assert roff.escape(text) == expected


def test_the_manual_can_be_made_with_what_the_build_requires_and_nothing_else(
    tmp_path: Path,
) -> None:
    # The builder's environment has these alone, so an import of anything else breaks every build.
    build = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["build-system"]
    names = [re.split(r"[<>=]", each)[0].replace("-", "_") for each in build["requires"]]
    code = f"""
import importlib.abc, runpy, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = {[*names, "kaimond", "roff"]!r}
        if top not in sys.stdlib_module_names and top not in known:
            raise ImportError(f"{{name}} is neither in the standard library nor in "
                              "[build-system] requires: import it where it is used")
sys.meta_path.insert(0, Refuse())
sys.argv = ["make_manual", {str(tmp_path)!r}]
sys.path[:0] = {[str(CHECKOUT), str(CHECKOUT / "packaging" / "manual")]!r}
runpy.run_path({str(CHECKOUT / "packaging" / "manual" / "make_manual.py")!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "man" / "man1" / "kaimonctl.1").exists()
