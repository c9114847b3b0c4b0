"""What the model does: the calls that show each tool in each situation, in one conversation.

Titles name the steps, for the tests and in the document that is made of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tests.real_clients.conversation import Call, Given
from tests.support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from tests.support.home import Home

    Story = Generator[Call, Given, Any]

_KEY: Final = re.compile(r"\b[0-9a-f]{8}\b")

STANDARD: Final = (
    "Starting a session",
    "A value that is not shown",
    "A value that is shown",
    "Loading a package",
    "Defining a function",
    "A struct",
    "A vector of structs",
    "A large matrix",
    "Printed output",
    "A warning",
    "Tests that pass",
    "An error",
    "A restart",
    "The state of all",
)
"""The steps whose characters are counted: start, 10 evals, an error, restart, ping."""


@dataclass
class World:
    """What the story acts upon, apart from the model's calls.

    Attributes:
        home: the home in which client and daemon run.
        project: the allowed project.
        cancel: has the client cancel what it does.
        offered: returns the names of our tools that the model was offered last.
        facts: what is found out besides what the model is given.
    """

    home: Home
    project: Path
    cancel: Callable[[], None]
    offered: Callable[[], set[str]]
    facts: dict[str, str] = field(default_factory=dict)

    def when_begun(self, name: str, act: Callable[[], None]) -> Callable[[], None]:
        """Return what waits for an eval to create the file ``name``, and then acts."""

        def wait() -> None:
            wait_until((self.project / name).exists)
            act()

        return wait

    def kill_daemon(self) -> None:
        """Kill the daemon, as a crash would."""
        pid = self.home.announced()
        assert pid, "no daemon runs in the home of this test"
        os.kill(pid, signal.SIGKILL)


def _ex(title: str, code: str, *, q: bool | None = False, **arguments: Any) -> Call:
    quiet = {} if q is None else {"q": q}
    return Call(title, "ex", {"e": code, **quiet, **arguments})


def _before_a_session(world: World) -> Story:
    other = world.home.project("Other", allowed=False)
    yield Call("No session yet", "ping", {})
    yield Call("What may be started", "start_session", {})
    yield Call("A project that is not allowed", "start_session", {"project_path": str(other)})
    yield _ex("Evaluating without a session", "1 + 1")


def _standard(world: World) -> Story:
    yield Call("Starting a session", "start_session", {"project_path": str(world.project)})
    yield _ex("A value that is not shown", "radius = 2.5", q=None)
    yield _ex("A value that is shown", "pi * radius^2")
    yield _ex("Loading a package", "using MyPkg")
    yield _ex("Defining a function", "warmest(log) = maximum(r -> r.celsius, log)")
    yield _ex("A struct", 'parse_reading("2026-03-01T06:00:00 -1.4C")')
    yield _ex("A vector of structs", "log = read_log(MyPkg.sample_log())")
    yield _ex("A large matrix", "[i * j for i in 1:200, j in 1:200]")
    yield _ex("Printed output", "for r in log[1:3] println(r.at, ' ', r.celsius) end")
    yield _ex("A warning", '@warn "few readings" count = length(log)')
    tests = ("length(log) == 12", "warmest(log) > 10")
    yield _ex("Tests that pass", _test_set("log", *tests))
    yield _ex("An error", 'parse_reading("2026-03-01T06:00:00 3K")')
    yield Call("A restart", "manage_repl", {"command": "restart"})
    yield Call("The state of all", "ping", {})
    yield _ex("A test that fails", _test_set("sums", "1 + 1 == 2", "2 + 2 == 5"))


def _test_set(name: str, *tests: str) -> str:
    lines = "".join(f"    @test {test}\n" for test in tests)
    return f'using Test\n@testset "{name}" begin\n{lines}end'


def _clumsy(_: World) -> Story:
    yield _ex("Code in a Markdown fence", "```julia\n1 + 1\n```")
    yield _ex("Code as pasted from a REPL", "julia> a = 20\n20\n\njulia> a + 1\n21")
    yield Call("Another name for an argument", "ex", {"code": "a + 2", "q": "false"})
    yield Call("An argument that there is not", "ex", {"e": "1", "colour": "red"})
    yield _ex("Code that does not parse", "f(x = \n1 +")
    yield _ex("A name that is not defined", "summarise(1)")
    yield _ex("No such session", "1", session="00000000")


def _pictures(world: World) -> Story:
    (world.project / "small.png").write_bytes(png(320, 200))
    (world.project / "large.png").write_bytes(png(3000, 2400))
    code = (
        "struct Plot\n    file::String\nend\n"
        'Base.show(io::IO, ::MIME"image/png", plot::Plot) = write(io, read(plot.file))\n'
        'Plot("small.png")'
    )
    yield _ex("A picture", code)
    yield _ex("A picture that is too large", 'display(Plot("large.png"))')


def _long_output(_: World) -> Story:
    yield _ex("Long output", 'for i in 1:5000 println("line $i") end')


def _source(world: World) -> Story:
    file = world.project / "src" / "greet.jl"
    text = file.read_text(encoding="utf-8")
    yield _ex("Before an edit", "using MyPkg; greet()")
    file.write_text(text.replace("Hello", "Good morning"), encoding="utf-8")
    yield _ex("Source that was edited", "greet()")
    file.write_text(text.replace("greet(name", "greet((name"), encoding="utf-8")
    yield _ex("Source that does not parse", "greet()")
    file.write_text(text, encoding="utf-8")
    yield Call("Reading all source again", "manage_repl", {"command": "revise"})


def _background(world: World) -> Story:
    go, gone = world.project / "go", world.project / "gone"
    code = (
        'using Kaimon\nfor i in 1:2\n    println("step $i")\n    Gate.progress("$i of 100")\n'
        '    while !isfile("go") sleep(0.01) end\nend\ntouch("gone")\nwhile true sleep(0.01) end'
    )
    given = yield _ex("An eval that takes long", code, timeout=2)
    eval_id = _id_of(given.text, "check_eval")
    go.touch()
    wait_until(gone.exists)
    yield Call("Looking at it while it runs", "check_eval", {"eval_id": eval_id})
    yield Call("Which evals there are", "list_evals", {"limit": 3})
    yield Call("Cancelling it", "cancel_eval", {"eval_id": eval_id})
    yield Call("Looking at it afterwards", "check_eval", {"eval_id": eval_id})
    yield Call("Cancelling it once more", "cancel_eval", {"eval_id": eval_id})
    yield Call("Nothing to interrupt", "manage_repl", {"command": "interrupt"})
    yield Call("No such eval", "check_eval", {"eval_id": "00000000"})
    code = 'using Kaimon\nfor i in 1:3\n    Gate.progress("$i of 3")\n    sleep(1.1)\nend\n"ready"'
    yield _ex("Progress", code)
    yield Call(
        "The daemon is killed meanwhile",
        "ex",
        {
            "e": 'runs = @isdefined(runs) ? runs + 1 : 1\ntouch("begun")\nsleep(4)\n(runs, 6 * 7)',
            "q": False,
        },
        world.when_begun("begun", world.kill_daemon),
    )
    yield _ex("State after the daemon was killed", "runs, a")


def _looking(_: World) -> Story:
    given = yield Call("Where a session is", "investigate_environment", {})
    key = _id_of(given.text, "ession")
    yield Call("What a session has written", "session_log", {"lines": 3})
    yield Call("What the daemon has done", "server_log", {"lines": 2, "session": key})
    yield Call("The state of all, and of the daemon", "ping", {"extended": True})


def _tools_of_the_session(world: World) -> Story:
    code = (
        'using Kaimon\n"""\nThe area of a circle.\n"""\narea(radius::Float64) = pi * radius^2\n'
        'Gate.serve(tools=[GateTool("area", area)], namespace="circle")'
    )
    yield _ex("A session offers a tool", code)
    yield _ex("One call later", "nothing")
    world.facts["offered"] = "yes" if "circle_area" in world.offered() else "no"
    yield Call("Calling the session's tool", "circle_area", {"radius": 2.0})
    yield Call("Which tools sessions offer", "list_session_tools", {})
    arguments = {"name": "circle_area", "arguments": {"radius": 2.0}}
    yield Call("A session's tool by call_tool", "call_tool", arguments)


def _ends(world: World) -> Story:
    yield Call("A shutdown", "manage_repl", {"command": "shutdown"})
    yield Call("Starting anew", "start_session", {"project_path": str(world.project)})
    yield _ex("Julia ends by itself", 'println("so long"); exit(3)')
    yield _ex("Evaluating in a session that ended", "1 + 1")
    yield Call("After a crash", "start_session", {"project_path": str(world.project)})
    yield Call(
        "The client cancels the call",
        "ex",
        {"e": 'touch("endless")\nwhile true sleep(0.01) end'},
        world.when_begun("endless", world.cancel),
    )


def _id_of(text: str, what: str) -> str:
    """Return the key or eval id that an answer names after a word."""
    found = _KEY.search(text, max(text.find(what), 0))
    assert found, text
    return found[0]


def png(width: int, height: int) -> bytes:
    """Return a picture of one grey."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\xcc" * width) * height)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


PARTS: Final[dict[str, Callable[[World], Story]]] = {
    "Before there is a session": _before_a_session,
    "The standard story": _standard,
    "Code that is not quite right": _clumsy,
    "Plots": _pictures,
    "Much output": _long_output,
    "Edited source": _source,
    "Evals in the background": _background,
    "Looking around": _looking,
    "A session's own tools": _tools_of_the_session,
    "Ends": _ends,
}
"""The parts of the story, by their titles."""


def story(world: World) -> Story:
    """Tell all of it, from before the first session to a cancelled call."""
    for part, tell in PARTS.items():
        calls = tell(world)
        with contextlib.suppress(StopIteration):
            call = next(calls)
            while True:
                call = calls.send((yield replace(call, part=part)))
