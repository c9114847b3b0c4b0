"""Output that no agent can want, and the daemon's memory while it passes.

Run it as ``python -m benchmarks.output_extremes``. Each answer must be short and right, the next
one too, and the daemon must hold none of the flood.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.soak_common import Soak, ask, rounds, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.chaos.agent import Agent

MIB: Final = 2**20
MOST_GROWTH: Final = 64 * MIB
"""Bytes that the daemon's memory may grow by; less than any flood here."""

LONGEST: Final = 7_000
"""Characters of an answer: `max_output` and the text about omitted output."""

FLOODS: Final = {
    "10 MB in lines of 10 bytes": (
        'for i in 1:1_000_000; println(lpad(i, 9, "0")); end',
        "000000001",
        "001000000",
    ),
    "one line of 70 MB": ('print("A", "x"^70_000_000, "Z")', "A", "Z"),
    "5 MB of NULs": ('print("A"); write(stdout, zeros(UInt8, 5_000_000)); print("Z")', "A", "Z"),
    "20 MB of bytes that are no text": (
        'print("A"); write(stdout, fill(0xff, 20_000_000)); print("Z")',
        "A",
        "Z",
    ),
    "20 MB of colours and nothing else": (r'print("A", "\e[31m"^4_000_000, "Z")', "A", "Z"),
    "20 MB of a title without an end": (r'print("A\n\e]0;", "t"^20_000_000, "\nZ")', "A", "Z"),
    "20 MB of a progress bar": (r'print("A\n"); print("50%\r"^5_000_000, "Z")', "A", "Z"),
    "10 MB from a child and from C": (
        r"""run(`head -c 5000000 /dev/zero`); line = "c"^99
        for i in 1:50_000; ccall(:puts, Cint, (Cstring,), line); end; print("Z")""",
        "",
        "Z",
    ),
}
"""The code of each flood, and what its answer must begin and end with."""

ESCAPES: Final = (
    r"\e[1;38;5;214m",
    r"\e[?25l",
    r"\e]0;title\a",
    r"\e]8;;http://x\e\\",
    r"\ePq#0\e\\",
    r"\e(B",
    r"\xc3\xa9",
    r"\xf0\x9f\x82\xa1",
)


class Watch:
    """A monitor of a process's memory."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.first = self.most = self.now()

    def now(self) -> int:
        """Return the resident memory in bytes."""
        return int(self._process.memory_info().rss)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Record the maximum while the context lasts."""
        self.most = self.now()
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()

    async def _look(self) -> None:
        while True:
            self.most = max(self.most, self.now())
            await asyncio.sleep(0.005)


async def flood(soak: Soak, agent: Agent, name: str, watch: Watch) -> tuple[str, str]:
    """Run one flood; return its figures."""
    code, first, last = FLOODS[name]
    before, began = watch.now(), time.monotonic()
    async with watch.watching():
        done = await ask(agent, "ex", e=code, timeout=59)
        # Repeat it in an eval that goes on: its answer has the end of the output so far.
        running = await ask(agent, "ex", e=f"{code}; sleep(1000)", timeout=2)
        seen = await ask(agent, "check_eval", eval_id=running.eval_id)
        await ask(agent, "cancel_eval", eval_id=running.eval_id)
    said = done.text
    if done.failed or len(said) > LONGEST or len(seen.text) > LONGEST:
        soak.lose("bounds", f"{name}: {len(said)} and {len(seen.text)} characters: {said[:200]}")
    if not (said.startswith(first) and said.endswith(last)):
        soak.lose("answers", f"{name}: {said[:100]!r} ... {said[-100:]!r}")
    if "\x1b" in said or "\0" in said:
        soak.lose("escapes", f"{name}: {said[:100]!r}")
    after = await ask(agent, "ex", e="1 + 1", q=False)
    if value(after) != "2":
        soak.lose("the answer after it", f"{name}: {after.text}")
    growth = watch.most - before
    if growth > MOST_GROWTH:
        soak.lose("memory", f"{name}: {growth / MIB:.0f} MiB more")
    took = time.monotonic() - began
    return name, f"daemon {growth / MIB:+.1f} MiB at most, {took:.1f} s, {len(said)} characters"


async def cuts(soak: Soak, agent: Agent) -> tuple[str, str]:
    """Test output that ends inside an escape sequence or a character."""
    count = 0
    for escape in ESCAPES:
        for end in range(1, 18):
            code = f'let b = codeunits("{escape}"); write(stdout, "a", b[1:min(end, {end})]); end'
            done = await ask(agent, "ex", e=code)
            count += 1
            text = done.text.rstrip("\ufffdé🂡")
            if text != "a":
                soak.lose("half escapes", f"{escape} cut after {end} bytes: {done.text!r}")
    return "half escapes and characters", f"{count}"


async def run(soak: Soak) -> list[tuple[str, str]]:
    """Run all floods; return the figures."""
    await asyncio.to_thread(soak.home.start_daemon)
    agent = await soak.agent()
    await soak.start(agent, soak.home.project("Extremes"))
    await ask(agent, "ex", e="1")
    watch = Watch(soak.home.announced())
    rows = [await flood(soak, agent, name, watch) for name in FLOODS]
    rows.append(await cuts(soak, agent))
    change = f"{watch.first / MIB:.1f} MiB before, {watch.now() / MIB:.1f} MiB after"
    return [*rows, ("the daemon's memory", change)]


async def _main(soak: Soak) -> list[tuple[str, str]]:
    try:
        return await run(soak)
    finally:
        await soak.close()


if __name__ == "__main__":
    rounds(str(__doc__))
    with Soak.opened() as running:
        figures = asyncio.run(_main(running))
    sys.exit(running.report("Output extremes", figures))
