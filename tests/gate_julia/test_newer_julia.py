"""What came to Julia after 1.5: met in a session, or skipped on a Julia that has it not."""

from __future__ import annotations

import functools
import subprocess
import time
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kaimond.toolchain.manifest import check
from tests.gate_julia.gate_process import GateProcess
from tests.gate_julia.source_package import SourcePackage
from tests.gate_julia.test_boot import EMPTY_REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gate_julia.gate_process import Outcome, Reply

    Start = Callable[..., AbstractContextManager[GateProcess]]

pytestmark = [pytest.mark.julia, pytest.mark.timeout(600)]

PATIENCE = 300.0
"""Seconds for what has packages compiled, on a machine that does other things as well."""

TRIGGER = "11111111-0000-4000-8000-000000000001"
FIRST = "11111111-0000-4000-8000-000000000002"
SECOND = "11111111-0000-4000-8000-000000000003"
BASE64 = "2a0f44e3-6c83-55bd-87e4-b1978d98bd5f"
TRIGGERED = 'TriggerExt = "Trigger"\n'


@functools.cache
def version(julia: Path) -> tuple[int, ...]:
    """The version of a Julia."""
    said = subprocess.run(
        [julia, "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    return tuple(int(number) for number in said.stdout.split()[-1].split("-")[0].split("."))


@pytest.fixture
def since(julia_program: Path) -> Callable[..., None]:
    """Skips the test on a Julia that is older."""

    def check_version(*needed: int) -> None:
        if version(julia_program) < needed:
            pytest.skip(f"came with Julia {'.'.join(map(str, needed))}")

    return check_version


@pytest.fixture
def depot(julia_program: Path, tmp_path: Path) -> str:
    """What JULIA_DEPOT_PATH is: a depot that is empty but for a registry, and Julia's own."""
    registry = tmp_path / "depot" / "registries" / "General" / "Registry.toml"
    registry.parent.mkdir(parents=True)
    registry.write_text(EMPTY_REGISTRY)
    # Without the empty entry Julia would compile its standard library anew for each test. Before
    # 1.11 most of that is in the system image, and the entry stands for ~/.julia as well.
    return f"{tmp_path}/depot" + (":" if version(julia_program) >= (1, 11) else "")


class PatientGate(GateProcess):
    """A session that gets as long as compiling takes."""

    def ready(self) -> Reply:
        return self.expect(self.send("ping"), "pong", PATIENCE)

    def finish(self, eval_id: str, timeout: float = PATIENCE) -> Outcome:
        return super().finish(eval_id, timeout)


@pytest.fixture
def start(julia_program: Path, depot: str) -> Start:
    """Starts sessions with that depot."""

    @contextmanager
    def session(environment: dict[str, str] | None = None, **more: Any) -> Iterator[GateProcess]:
        settings = {"JULIA_DEPOT_PATH": depot, **(environment or {})}
        with PatientGate(julia_program, environment=settings, **more) as gate:
            gate.ready()
            yield gate

    return session


def package(name: str, uuid: str, more: str = "") -> str:
    return f'name = "{name}"\nuuid = "{uuid}"\nversion = "0.1.0"\n{more}'


def parent(name: str, uuid: str) -> str:
    """A package with an extension that comes with Trigger."""
    weak = f'[weakdeps]\nTrigger = "{TRIGGER}"\n'
    return package(name, uuid, f"{weak}[extensions]\n{TRIGGERED}")


def developed(name: str, uuid: str, more: str = "") -> str:
    """The entry of a manifest for a package in the project's folder lib."""
    return f'[[deps.{name}]]\npath = "lib/{name}"\nuuid = "{uuid}"\nversion = "0.1.0"\n{more}'


def extended(name: str, uuid: str) -> str:
    """The same for a `parent`."""
    more = f'weakdeps = ["Trigger"]\n[deps.{name}.extensions]\n{TRIGGERED}'
    return developed(name, uuid, more)


EXTENSIONS = {
    "Project.toml": f'[deps]\nFirst = "{FIRST}"\nSecond = "{SECOND}"\nTrigger = "{TRIGGER}"\n',
    "Manifest.toml": 'manifest_format = "2.0"\n'
    + extended("First", FIRST)
    + extended("Second", SECOND)
    + developed("Trigger", TRIGGER),
    "lib/Trigger/Project.toml": package("Trigger", TRIGGER),
    "lib/Trigger/src/Trigger.jl": "module Trigger\nend\n",
    "lib/First/Project.toml": parent("First", FIRST),
    "lib/First/src/First.jl": "module First\nf() = 0\ng() = 0\nend\n",
    "lib/First/ext/TriggerExt.jl": "module TriggerExt\nusing First, Trigger\nh() = 1\nend\n",
    "lib/Second/Project.toml": parent("Second", SECOND),
    "lib/Second/src/Second.jl": "module Second\nend\n",
    "lib/Second/ext/TriggerExt/TriggerExt.jl": (
        'module TriggerExt\nusing Second, Trigger\ninclude("more.jl")\nend\n'
    ),
    "lib/Second/ext/TriggerExt/more.jl": "h() = 10\n",
}
"""Two packages that are developed in one project, with extensions of the same name."""

CALLS = "Base.get_extension(First, :TriggerExt).h(), Base.get_extension(Second, :TriggerExt).h()"


def loaded(gate: GateProcess, code: str) -> None:
    """Run code that loads packages."""
    outcome = gate.evaluate(code)
    assert outcome.status == "ok", outcome


def test_extensions_are_followed_though_others_have_the_same_name(
    since: Callable[..., None], start: Start
) -> None:
    since(1, 9)
    # Without native code packages are compiled faster.
    with start(project_files=EXTENSIONS, flags=("--pkgimages=no",)) as gate:
        lib = gate.project / "lib"
        loaded(gate, "using First, Second, Trigger")
        assert gate.value_of(CALLS) == "(1, 10)"
        tracked = gate.ping().text("tracked")
        assert "TriggerExt (1 file)" in tracked
        assert "TriggerExt (2 files)" in tracked
        (lib / "First/ext/TriggerExt.jl").write_text(
            "module TriggerExt\nusing First, Trigger\nh() = 2\nend\n"
        )
        (lib / "Second/ext/TriggerExt/more.jl").write_text("h() = 20\n")
        outcome = gate.evaluate(CALLS)
        assert (outcome.value, outcome.shows("stale")) == ("(2, 20)", False)


def test_an_extension_edited_before_the_first_look_is_taken_up(
    since: Callable[..., None], start: Start
) -> None:
    since(1, 9)
    with start(project_files=EXTENSIONS, flags=("--pkgimages=no",)) as gate:
        file = gate.project / "lib/First/ext/TriggerExt.jl"
        # The cache holds the text that was loaded, whatever the disk has by now.
        edit = f'write("{file}", replace(read("{file}", String), "= 1" => "= 2"))'
        loaded(gate, f"using First, Trigger; {edit}")
        outcome = gate.evaluate("Base.get_extension(First, :TriggerExt).h()")
        assert (outcome.value, outcome.shows("stale")) == ("2", False)


def test_the_standard_library_and_its_extensions_are_not_followed(start: Start) -> None:
    with start() as gate:
        loaded(gate, "using Pkg, Statistics, SparseArrays, REPL")
        assert gate.ping().text("tracked") == ""


MEMBERS = {
    "Project.toml": package(
        "Root", FIRST, f'[deps]\nTrigger = "{TRIGGER}"\n[workspace]\nprojects = ["test"]\n'
    )
    + '[sources]\nTrigger = {path = "lib/Trigger"}\n',
    "src/Root.jl": "module Root\nusing Trigger\nend\n",
    "lib/Trigger/Project.toml": package("Trigger", TRIGGER),
    "lib/Trigger/src/Trigger.jl": "module Trigger\nf() = 1\nend\n",
    "test/Project.toml": f'[deps]\nTrigger = "{TRIGGER}"\nBase64 = "{BASE64}"\n'
    '[sources]\nTrigger = {path = "../lib/Trigger"}\n',
}


def test_a_source_and_a_workspace_are_instantiated_and_then_complete(
    since: Callable[..., None], start: Start, depot: str, julia_program: Path
) -> None:
    since(1, 12)
    with start({"KAIMON_INSTANTIATE": "1"}, project_files=MEMBERS) as gate:
        # Pkg and the daemon agree that nothing is left to do.
        environment = {"HOME": str(Path.home()), "JULIA_DEPOT_PATH": depot}
        number = ".".join(map(str, version(julia_program)))
        for project in (gate.project, gate.project / "test"):
            assert check(project, environment, number).problems == ()
            file = project / "Project.toml"
            # So do Julia's loading and the gate.
            assert gate.value_of(f'Base.project_file_manifest_path("{file}")') == (
                f'"{gate.project}/Manifest.toml"'
            )
            gate.evaluate("using Kaimon")
            assert gate.value_of(f'Kaimon.expects_packages("{file}")') == "true"
        loaded(gate, "using Root, Trigger")
        assert gate.value_of("Trigger.f()") == "1"
        tracked = gate.ping().text("tracked")
        assert "Root (1 file)" in tracked
        assert "Trigger (1 file)" in tracked


def test_names_become_public(since: Callable[..., None], start: Start) -> None:
    since(1, 11)
    with start(flags=("--compiled-modules=no",)) as gate:
        gate.evaluate(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        made = SourcePackage(gate, "f() = 1\npublic f").loaded()
        made.body("f() = 2\nconst C = 3\npublic f, C")
        assert made.value("NAME.f(), Base.ispublic(NAME, :f), Base.ispublic(NAME, :C)") == (
            "(2, true, true)"
        )
        made.body("f() = 2\nconst C = 3\npublic C")
        assert "`public f` was removed and stays in effect" in made.stale()[1]


def test_scoped_values_hold_in_their_scope_and_no_longer(
    since: Callable[..., None], start: Start
) -> None:
    since(1, 11)
    with start() as gate:
        gate.evaluate("using Base.ScopedValues; const scoped = ScopedValue(0)")
        assert gate.value_of("with(() -> fetch(Threads.@spawn scoped[]), scoped => 1)") == "1"
        assert gate.value_of("scoped[]") == "0"
        running = gate.begin('with(scoped => 2) do; print("in"); sleep(100); end')
        gate.wait_for_output(running, b"in")
        assert gate.interrupt_safely(running).status == "interrupted"
        assert gate.value_of("scoped[]") == "0"
        outcome = gate.evaluate('with(() -> error("in ", scoped[]), scoped => 3)')
        assert "in 3" in outcome.error
        assert gate.value_of("scoped[]") == "0"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("@", ["@"]),
        ("@stdlib", ["@stdlib"]),
        ("", []),
        ("@:", ["@", "@v#.#", "@stdlib"]),
    ],
)
def test_a_load_path_of_the_users_own_is_kept(start: Start, path: str, expected: list[str]) -> None:
    files = {"Project.toml": 'name = "Alone"\n', "src/Alone.jl": "module Alone\nf() = 1\nend\n"}
    with start(
        {"JULIA_LOAD_PATH": path}, project_files=files, flags=("--compiled-modules=no",)
    ) as gate:
        shown = ", ".join(f'"{entry}"' for entry in expected)
        assert gate.value_of(f"LOAD_PATH[1:end-1] == String[{shown}]") == "true"
        assert gate.value_of("using Kaimon; Kaimon.PROTOCOL") == "1"
        if "@" not in expected:
            assert "Alone not found" in gate.evaluate("using Alone").error
            return
        assert gate.value_of("using Alone; Alone.f()") == "1"
        (gate.project / "src" / "Alone.jl").write_text("module Alone\nf() = 2\nend\n")
        assert gate.value_of("Alone.f()") == "2"


def test_flags_that_change_how_code_is_compiled_reach_the_session(start: Start) -> None:
    with start(flags=("--check-bounds=yes", "--compiled-modules=no")) as gate:
        gate.evaluate(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        made = SourcePackage(gate, "f(x) = @inbounds x[3]").loaded()
        assert "BoundsError" in made.evaluate("NAME.f([1, 2])").error
        made.body("f(x) = @inbounds x[4]")
        assert "BoundsError" in made.evaluate("NAME.f([1, 2, 3])").error


def test_a_package_in_a_system_image_is_as_old_as_the_image(
    since: Callable[..., None], start: Start
) -> None:
    since(1, 8)
    with start() as gate:
        gate.evaluate(f'insert!(LOAD_PATH, 2, "{gate.home}/packages")')
        made = SourcePackage(gate, "f() = 1\nconst C = 1")
        made.name = "InImage"
        made.body(made.main)
        time.sleep(0.1)
        # Making a real image takes minutes. To Julia this package now looks like a part of one, of
        # which the file changed after the image was made, but before the session looked at it.
        loaded(gate, "import InImage; push!(Base._sysimage_modules, Base.PkgId(InImage)); nothing")
        value, said = made.stale("NAME.f()")
        assert value == "1"
        assert "InImage.jl:3: it changed since the system image was made" in said
        assert "make the system image anew" in said
