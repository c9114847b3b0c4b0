from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.toolchain import manifest
from kaimond.toolchain.manifest import Instantiation, check, version_slug

UUID = "295af30f-e4ad-537b-8983-00126c2a3abe"
TREE = "1a2b3c4d5e6f708192a3b4c5d6e7f80912345678"
SLUG = "v3VL9"  # what Base.version_slug of Julia 1.5.3 prints for these two
ARTIFACT = "00112233445566778899aabbccddeeff00112233"
OTHER = "7876af07-990d-54b4-ab0e-23690620f79a"
LINALG = "37e2e46d-f89d-539d-b4ee-838fcccc9c8e"
COMPLETE = Instantiation(True, ())


@dataclass
class Environment:
    """A project, a depot and a standard library in a temporary directory."""

    root: Path
    project: Path = field(init=False)
    depot: Path = field(init=False)
    stdlib: Path = field(init=False)

    def __post_init__(self) -> None:
        self.project, self.depot = self.root / "outer" / "project", self.root / "depot"
        self.stdlib = self.root / "stdlib"
        for path in (self.project, self.depot, self.stdlib / "LinearAlgebra"):
            path.mkdir(parents=True)
        self.write("Project.toml", f'[deps]\nRevise = "{UUID}"\nLinearAlgebra = "{LINALG}"\n')

    def write(self, name: str, text: str) -> Path:
        file = self.project / name
        file.write_text(text)
        return file

    def install(self, slug: str = SLUG) -> Path:
        source = self.depot / "packages" / "Revise" / slug
        source.mkdir(parents=True)
        return source

    def check(self, version: str = "1.5.3") -> Instantiation:
        return check(self.project, self.environment, version, self.stdlib)

    @property
    def environment(self) -> dict[str, str]:
        depots = f"{self.root / 'none'}{os.pathsep}{self.depot}"
        return {"HOME": str(self.root / "home"), "JULIA_DEPOT_PATH": depots}

    def says(self, text: str, version: str = "1.5.3") -> bool:
        result = self.check(version)
        assert not result.ok
        return any(text in problem for problem in result.problems)


def old_format(revise: str = f'git-tree-sha1 = "{TREE}"') -> str:
    return f"""
        [[LinearAlgebra]]
        uuid = "{LINALG}"

        [[Revise]]
        deps = ["LinearAlgebra"]
        {revise}
        uuid = "{UUID}"
        version = "3.1.0"
        """


def new_format(julia: str = "1.11.2") -> str:
    return f"""
        julia_version = "{julia}"
        manifest_format = "2.0"
        project_hash = "ff"

        [[deps.LinearAlgebra]]
        uuid = "{LINALG}"
        version = "1.11.0"

        [[deps.Revise]]
        git-tree-sha1 = "{TREE}"
        uuid = "{UUID}"
        """


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


def test_the_slug_is_the_one_julia_computes() -> None:
    assert version_slug(UUID, TREE) == SLUG
    assert version_slug(UUID.upper(), TREE.upper()) == SLUG


def test_the_checksum_is_crc32c() -> None:
    assert manifest._crc32c(b"123456789") == 0xE3069283


def test_an_environment_with_everything_installed_is_complete(env: Environment) -> None:
    env.write("Manifest.toml", old_format())
    env.install()
    assert env.check() == COMPLETE


def test_a_package_in_an_old_depot_counts(env: Environment) -> None:
    env.write("Manifest.toml", old_format())
    env.install(SLUG[:4])
    assert env.check() == COMPLETE


def test_a_package_of_another_version_does_not_count(env: Environment) -> None:
    env.write("Manifest.toml", old_format())
    env.install("abcde")
    assert env.says("Revise is not installed")


def test_a_missing_manifest_matters_only_if_there_are_dependencies(env: Environment) -> None:
    assert env.says("has no manifest")
    env.write("Project.toml", 'name = "Alone"\n')
    assert env.check() == COMPLETE


def test_a_directory_without_a_project_file_is_no_environment(env: Environment) -> None:
    (env.project / "Project.toml").unlink()
    assert env.says("has no Project.toml")


def test_julia_project_toml_comes_first(env: Environment) -> None:
    env.write("JuliaProject.toml", 'name = "Alone"\n')
    assert env.check() == COMPLETE


def test_a_dependency_that_the_manifest_lacks_is_found(env: Environment) -> None:
    env.write("Manifest.toml", old_format())
    env.install()
    env.write("Project.toml", f'[deps]\nOther = "{LINALG}"\n')
    assert env.says("Other is in Project.toml but not in Manifest.toml")


def test_a_developed_package_needs_its_directory(env: Environment) -> None:
    env.write("Manifest.toml", old_format('path = "../dev/Revise"'))
    assert env.says("'../dev/Revise' is missing")
    (env.project.parent / "dev" / "Revise").mkdir(parents=True)
    assert env.check() == COMPLETE


def test_a_standard_library_must_be_one_of_this_julia(env: Environment) -> None:
    env.write("Manifest.toml", old_format())
    env.install()
    (env.stdlib / "LinearAlgebra").rmdir()
    assert env.says("LinearAlgebra is not in this Julia's standard library")
    assert check(env.project, env.environment, "1.5.3") == COMPLETE


def test_the_new_format_is_read(env: Environment) -> None:
    env.write("Manifest.toml", new_format())
    assert env.says("Revise is not installed", "1.11.2")
    env.install()
    assert env.check("1.11.6") == COMPLETE


def test_an_old_julia_cannot_read_the_new_format(env: Environment) -> None:
    env.write("Manifest.toml", new_format("1.5.3"))
    env.install()
    assert env.says("misreads")


def test_a_manifest_of_another_minor_version_is_a_problem(env: Environment) -> None:
    env.write("Manifest.toml", new_format("1.10.4"))
    env.install()
    assert env.says("resolved by Julia 1.10.4, not by 1.11", "1.11.2")


def test_an_unknown_format_is_not_guessed_at(env: Environment) -> None:
    env.write("Manifest.toml", 'manifest_format = "9.0"\n')
    env.write("Project.toml", "")
    assert env.says("unknown format '9.0'", "1.12.0")


def test_a_versioned_manifest_wins_where_julia_knows_it(env: Environment) -> None:
    env.write("Manifest.toml", "not [ toml")
    env.write("Manifest-v1.11.toml", new_format())
    env.install()
    assert env.check("1.11.0") == COMPLETE
    assert env.says("Manifest.toml is not valid TOML", "1.12.0")
    assert env.says("Manifest.toml is not valid TOML", "1.5.3")


def test_versioned_manifests_begin_with_julia_1_10_8(env: Environment) -> None:
    env.write("Manifest.toml", "not [ toml")
    env.write("JuliaManifest-v1.10.toml", new_format("1.10.8"))
    env.install()
    assert env.check("1.10.8") == COMPLETE
    assert not env.check("1.10.7").ok


def test_a_manifest_named_by_the_project_is_used(env: Environment) -> None:
    project = (env.project / "Project.toml").read_text()
    env.write("Project.toml", f'manifest = "../shared.toml"\n{project}')
    env.write("../shared.toml", old_format('path = "dev"'))
    assert env.says("'dev' is missing")
    (env.project.parent / "dev").mkdir()
    assert env.check() == COMPLETE


def test_a_named_manifest_that_is_not_there_is_not_guessed_at(env: Environment) -> None:
    project = (env.project / "Project.toml").read_text()
    env.write("Project.toml", f'manifest = "gone.toml"\n{project}')
    env.write("Manifest.toml", new_format())
    env.install()
    assert env.says("names the manifest 'gone.toml', which is not there", "1.11.2")


def test_a_dependency_that_is_weak_as_well_need_not_be_there(env: Environment) -> None:
    project = (env.project / "Project.toml").read_text()
    env.write("Project.toml", f'{project}Weak = "{OTHER}"\n[weakdeps]\nWeak = "{OTHER}"\n')
    env.write("Manifest.toml", new_format())
    env.install()
    assert env.check("1.11.2") == COMPLETE
    assert env.says("Weak is in Project.toml but not in Manifest.toml", "1.8.5")


def member_of_a_workspace(env: Environment) -> None:
    """Make the project one of two, with a manifest that holds what both need."""
    env.write("../Project.toml", '[workspace]\nprojects = ["other", "project"]\n')
    theirs = f"""
        [[deps.Theirs]]
        git-tree-sha1 = "{TREE}"
        uuid = "{OTHER}"
        """
    env.write("../Manifest.toml", new_format("1.12.5") + theirs)


def test_a_member_of_a_workspace_needs_what_it_asks_for_and_no_more(env: Environment) -> None:
    member_of_a_workspace(env)
    env.write("Manifest.toml", "not [ toml")
    assert env.says("Revise is not installed", "1.12.5")
    env.install()
    assert env.check("1.12.5") == COMPLETE
    env.write("Project.toml", f'[deps]\nTheirs = "{OTHER}"\n')
    assert env.says("Theirs is not installed", "1.12.5")


def test_what_a_dependency_needs_is_needed_in_a_workspace(env: Environment) -> None:
    member_of_a_workspace(env)
    env.install()
    text = (env.project.parent / "Manifest.toml").read_text()
    uuid = f'uuid = "{UUID}"'
    for deps in ('["Theirs"]', f'{{Theirs = "{OTHER}"}}'):
        env.write("../Manifest.toml", text.replace(uuid, f"{uuid}\ndeps = {deps}"))
        assert env.says("Theirs is not installed", "1.12.5")
    for deps in ('["Nowhere"]', f'{{Nowhere = "{OTHER}"}}', f'{{Theirs = "{TREE}"}}'):
        env.write("../Manifest.toml", text.replace(uuid, f"{uuid}\ndeps = {deps}"))
        assert env.says("Revise needs ", "1.12.5")


def test_the_root_of_a_workspace_needs_what_it_asks_for_and_no_more(env: Environment) -> None:
    project = (env.project / "Project.toml").read_text()
    env.write("Project.toml", f'{project}[workspace]\nprojects = ["test"]\n')
    theirs = f'[[deps.Theirs]]\nuuid = "{OTHER}"\npath = "gone"\n'
    env.write("Manifest.toml", new_format("1.12.5") + theirs)
    env.install()
    assert env.check("1.12.5") == COMPLETE
    env.write("Manifest.toml", new_format("1.11.2") + theirs)
    assert env.says("Theirs: its directory 'gone' is missing", "1.11.2")  # knows no workspaces


def test_a_workspace_without_a_manifest_needs_one(env: Environment) -> None:
    member_of_a_workspace(env)
    env.install()
    env.write("Manifest.toml", new_format("1.12.5"))
    env.project.with_name("Manifest.toml").unlink()
    assert env.says("has no manifest", "1.12.5")


def test_a_package_from_a_source_is_looked_for_where_the_manifest_says(env: Environment) -> None:
    source = f'[deps]\nRevise = "{UUID}"\n[sources]\nRevise = {{path = "lib/Revise"}}\n'
    env.write("Project.toml", source)
    entry = f'[[deps.Revise]]\nuuid = "{UUID}"\npath = "lib/Revise"\n'
    env.write("Manifest.toml", f'manifest_format = "2.0"\njulia_version = "1.11.2"\n{entry}')
    assert env.says("Revise: its directory 'lib/Revise' is missing", "1.11.2")
    (env.project / "lib" / "Revise").mkdir(parents=True)
    assert env.check("1.11.2") == COMPLETE


def test_an_artifact_must_be_installed(env: Environment) -> None:
    env.write("Manifest.toml", old_format())
    (env.install() / "Artifacts.toml").write_text(f'[lib]\ngit-tree-sha1 = "{ARTIFACT}"\n')
    assert env.says("Revise: its artifact lib is not installed")
    (env.depot / "artifacts" / ARTIFACT).mkdir(parents=True)
    assert env.check() == COMPLETE


def test_artifacts_of_the_project_and_of_developed_packages_count(env: Environment) -> None:
    env.write("Manifest.toml", old_format('path = "dev"'))
    (env.project / "dev").mkdir()
    for name, owner in (("Artifacts.toml", "the project"), ("dev/Artifacts.toml", "Revise")):
        file = env.write(name, f'[lib]\ngit-tree-sha1 = "{ARTIFACT}"\n')
        assert env.says(f"{owner}: its artifact lib is not installed")
        file.unlink()
    assert env.check() == COMPLETE


def test_lazy_artifacts_and_those_for_other_systems_need_not_be_there(env: Environment) -> None:
    env.write("Manifest.toml", old_format())
    (env.install() / "Artifacts.toml").write_text(
        f"""
        [lazy]
        git-tree-sha1 = "{ARTIFACT}"
        lazy = true

        [[foreign]]
        arch = "x86_64"
        git-tree-sha1 = "{ARTIFACT}"
        os = "windows"
        """
    )
    assert env.check() == COMPLETE


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "[[Revise]]\nuuid = 3\ngit-tree-sha1 = 4\n",
        "[[Revise]]\ngit-tree-sha1 = 'zz'\nuuid = 'x'\n",
        "[[Revise]]\npath = 3\n",
        '[[Revise]]\npath = "a\\u0000b"\n',
        "Revise = [1]\n",
        "Revise = []\n",
        '[["../../etc"]]\nuuid = "x"\n',
        '[["a\\u0000"]]\nuuid = "x"\n',
        "manifest_format = '2.0'\ndeps = 3\n",
        "manifest_format = '2.0'\n[deps]\nRevise = 'x'\n",
        "a = " + "[" * 20_000,
        "julia_version = 3\n",
    ],
)
def test_a_malformed_manifest_is_a_problem_and_no_exception(env: Environment, text: str) -> None:
    env.write("Manifest.toml", text)
    for version in ("1.5.3", "1.11.0"):
        result = env.check(version)
        assert not result.ok
        assert all(result.problems)


@pytest.mark.parametrize("text", ["[", "deps = 3", "deps = [1]"])
def test_a_malformed_project_file_is_a_problem(env: Environment, text: str) -> None:
    env.write("Project.toml", text)
    assert not env.check().ok


@pytest.mark.parametrize("text", ["[", "lib = 3", "lib = [3]", "lib = [[]]"])
def test_malformed_artifacts_are_a_problem(env: Environment, text: str) -> None:
    env.write("Manifest.toml", old_format())
    (env.install() / "Artifacts.toml").write_text(text)
    assert not env.check().ok


@pytest.mark.parametrize("version", ["", "next", "1"])
def test_without_a_julia_version_nothing_is_sure(env: Environment, version: str) -> None:
    assert env.says("not sure", version)


fragments = st.sampled_from(
    [
        *("[[Revise]]\n", "[deps]\n", "[[deps.Revise]]\n", "manifest_format = '2.0'\n"),
        *(f'uuid = "{UUID}"\n', f'git-tree-sha1 = "{TREE}"\n', 'path = "x"\n', "uuid = [1]\n"),
        *("julia_version = '1.11'\n", "path = 1979-05-27\n", "deps = 3\n", "\0", "[[[", "é"),
    ]
)


@given(st.lists(fragments, max_size=8).map("".join), st.sampled_from(["1.5.3", "1.12.0"]))
def test_no_manifest_raises(text: str, version: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        env = Environment(Path(name))
        env.write("Manifest.toml", text)
        result = env.check(version)
        assert result.ok == (not result.problems)
