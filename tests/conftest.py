"""Fixtures for tests that run real programs, and the Julias that these run on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import find_or_fetch
import pytest
from find_or_fetch import AtHand, Julia, NoJuliaError
from hypothesis import settings

from tests.support import julia_environment, precompiled
from tests.support.home import CHECKOUT, Home

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# An example may take long on a busy machine; how fast code is, is measured in benchmarks/.
settings.register_profile("kaimond", deadline=None)
settings.load_profile("kaimond")

AT_HAND = pytest.StashKey[AtHand | NoJuliaError]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-julias",
        action="store_true",
        help="run every test on each Julia at hand, not only those marked `smoke`",
    )


def pytest_configure(config: pytest.Config) -> None:
    found: AtHand | NoJuliaError
    try:
        found = find_or_fetch.find_all(os.environ, CHECKOUT)
    except NoJuliaError as error:
        if find_or_fetch.chosen_by_hand(os.environ):
            raise pytest.UsageError(str(error)) from None
        # Many tests need no Julia, so only the others fail.
        found = error
    config.stash[AT_HAND] = found


def pytest_report_header(config: pytest.Config) -> list[str]:
    found = config.stash[AT_HAND]
    if isinstance(found, NoJuliaError):
        return [f"julia: {found}"]
    newest, *others = (julia.version for julia in found.julias)
    few = "every test" if config.getoption("all_julias") else "the smoke tests"
    runs = [f"every test on {newest}", *(f"{few} on {version}" for version in others)]
    return [f"julia: {', '.join(runs)}", *found.passed_over, *_not_tested(found)]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash[AT_HAND]
    if isinstance(found, AtHand):
        for line in _not_tested(found):
            terminalreporter.write_line(line)


def _not_tested(found: AtHand) -> list[str]:
    if not found.lacking:
        return []
    return [f"not tested on Julia {', '.join(found.lacking)}: none at hand; JULIAS names them"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test that is marked `julia` for the Julias that it is to run on."""
    definition = metafunc.definition
    if definition.get_closest_marker("julia") is None:
        return
    if "julia_program" not in metafunc.fixturenames:
        pytest.fail(f"{definition.nodeid} is marked julia: it must use the fixture julia_program")
    found = metafunc.config.stash[AT_HAND]
    if isinstance(found, NoJuliaError):
        metafunc.parametrize("julia_program", [found], indirect=True, ids=["no Julia"])
        return
    smoke = definition.get_closest_marker("smoke") is not None
    every = smoke or metafunc.config.getoption("all_julias")
    julias = found.julias if every else found.julias[:1]
    ids = [julia.version for julia in julias]
    metafunc.parametrize("julia_program", julias, indirect=True, ids=ids)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Compile the gate before the first test of a Julia, which takes longer than a test may."""
    callspec = getattr(item, "callspec", None)
    chosen = callspec.params.get("julia_program") if callspec else None
    if isinstance(chosen, Julia):
        factory: pytest.TempPathFactory = item.config._tmp_path_factory  # type: ignore[attr-defined]
        base = factory.getbasetemp()
        # A worker of xdist has a folder of its own in the run's.
        folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        precompiled.prepare(folder, chosen.path)
    return (yield)


@pytest.fixture(scope="session")
def julia_program(request: pytest.FixtureRequest) -> Path | None:
    """The Julia to test with, for each version in its turn; None if not marked `julia`."""
    chosen: Julia | NoJuliaError | None = getattr(request, "param", None)
    if isinstance(chosen, NoJuliaError):
        pytest.fail(str(chosen), pytrace=False)
    if chosen is None:
        return None
    if said := precompiled.problem(chosen.path):
        pytest.fail(f"the gate could not be compiled for {chosen.path}: {said}", pytrace=False)
    return chosen.path


@pytest.fixture(scope="session")
def julia(julia_program: Path | None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that let a daemon find this Julia and a depot that needs no network."""
    if julia_program is None:
        return {}
    return julia_environment.create(tmp_path_factory.mktemp("julia"), julia_program)


@pytest.fixture
def home(julia: dict[str, str]) -> Iterator[Home]:
    """A home without a running daemon; closing it checks that nothing is left behind."""
    made = Home(julia)
    # On a busy machine Julia may take longer than the usual 5 s to start; the restart in place is
    # given up then, and that is another test.
    made.paths.settings_file.parent.mkdir(mode=0o700, parents=True)
    made.paths.settings_file.write_text("[session]\nrestart_timeout = 60\n")
    yield made
    made.close()


@pytest.fixture
def daemon_home(home: Home) -> Home:
    """A home with a running daemon."""
    home.start_daemon()
    return home
