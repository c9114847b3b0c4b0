from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.mcp.packages import EnvironmentPackage, read

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """
name = "Mine"
[deps]
Dep = "ea4274f3-c5df-4715-92cd-10fa4ca7d4e9"
Json = "682c06a0-de6a-54ab-a142-c8b1cf79cde6"
Printf = "de0858da-6303-5e67-8744-51eddeeeb8d7"
"""
DEPS = """
[[{0}Dep]]
path = "lib/Dep"
uuid = "ea4274f3-c5df-4715-92cd-10fa4ca7d4e9"
version = "0.1.0"

[[{0}Json]]
git-tree-sha1 = "31e996f0a15c7b280ba9f76636b3ff9e2ae58c9a"
uuid = "682c06a0-de6a-54ab-a142-c8b1cf79cde6"
version = "0.21.4"

[[{0}Mmap]]
uuid = "a63ad114-7e13-5084-954f-fe012c677804"
"""


def test_both_forms_of_a_manifest_are_read(tmp_path: Path) -> None:
    file = tmp_path / "Project.toml"
    file.write_text(PROJECT)
    expected = (
        EnvironmentPackage("Dep", "", str(tmp_path / "lib" / "Dep"), direct=True),
        EnvironmentPackage("Json", "0.21.4", "", direct=True),
        EnvironmentPackage("Mmap", "", "", direct=False),
        EnvironmentPackage("Printf", "", "", direct=True),
    )
    (tmp_path / "Manifest.toml").write_text(DEPS.format(""))
    found = read(file, "1.5.3")
    assert (found.package, found.packages, found.problems) == ("Mine", expected, ())
    second = 'julia_version = "1.12.0"\nmanifest_format = "2.0"\n' + DEPS.format("deps.")
    (tmp_path / "Manifest-v1.12.toml").write_text(second)
    (tmp_path / "Manifest.toml").write_text("")
    assert read(file, "1.12.1").packages == expected


def test_what_cannot_be_read_is_a_problem_and_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "Project.toml"
    found = read(file, "")
    assert found.packages == ()
    assert "cannot be read" in found.problems[0]
    assert "no manifest" in found.problems[1]
    file.write_text('deps = "none"\nname = 1')
    (tmp_path / "Manifest.toml").write_text("[[")
    found = read(file, "1.5.3")
    assert found.package == ""
    assert "Manifest.toml cannot be read" in found.problems[0]
    (tmp_path / "Manifest.toml").write_text("Odd = 1\n[[Dep]]\npath = 3\n[Other]\nx = 1")
    assert [package.name for package in read(file, "1.5.3").packages] == ["Dep"]


def test_the_manifest_of_a_workspace_is_that_of_its_root(tmp_path: Path) -> None:
    (tmp_path / "Project.toml").write_text('[workspace]\nprojects = ["test"]\n')
    (tmp_path / "Manifest.toml").write_text(f'manifest_format = "2.0"\n{DEPS.format("deps.")}')
    file = tmp_path / "test" / "Project.toml"
    file.parent.mkdir()
    file.write_text(PROJECT)
    found = read(file, "1.12.5")
    assert found.problems == ()
    assert found.packages[0] == EnvironmentPackage(
        "Dep", "", str(tmp_path / "lib" / "Dep"), direct=True
    )
    assert "no manifest" in read(file, "1.11.9").problems[0]
    (tmp_path / "Project.toml").write_text("workspace = 3")
    assert "is not a table" in read(file, "1.12.5").problems[0]
    file.write_text(f'manifest = "gone.toml"\n{PROJECT}')
    assert "which is not there" in read(file, "1.11.9").problems[0]
