"""Interrupts of whatever Julia can be doing, at random moments, in three ways.

Run it as ``python -m benchmarks.interrupt_fuzz [--rounds 1000] [--seed 1]``. In each round one
agent evaluates something and another one interrupts it. Every eval must end, every answer must be
its own, the gate and a background task of the user's must live on. Times are from the interrupt to
the word on what came of it.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.soak_common import Soak, ask, rounds, spread, value

if TYPE_CHECKING:
    from tests.chaos.agent import Agent
    from tests.chaos.model import Request

KINDS: Final = {
    "while true end": ("while true end",),
    "endless, no safepoint": (
        "(function () while true end end)()",
        "(x -> begin while x >= 0; x = x > 1_000_000 ? 0 : x + 1; end; end)(0)",
        "wait(@async while true end)",
        "disable_sigint(() -> while true end)",
    ),
    "endless, C calls": (
        "while true; ccall(:getpid, Cint, ()); end",
        "let a = rand(60, 60); while true; a * a; end; end",
    ),
    "one long C call": (
        "using LinearAlgebra; svd(rand(700, 700)); nothing",
        "ccall(:sleep, Cuint, (Cuint,), 60)",
        "ccall(:usleep, Cint, (Cuint,), 60_000_000)",
    ),
    "endless, allocating": (
        "while true; string(rand()); end",
        "while true; zeros(100_000); end",
        "while true; println(1); end",
        "while true; sort(rand(1_000_000)); end",
    ),
    "compiling": (
        "for i in 1:3000; @eval $(gensym())(x) = x + $i; @eval (y -> y * $i)(1.0); end",
        "for i in 1:50; eval(:(function (x) $([:(x = x * $j + $i) for j in 1:300]...) end))(1);end",
        "eval(:(function (x) $([:(x = (x, x * $j)[2] + cos(x)) for j in 1:3000]...) end))(1.0)",
    ),
    "sleeping, waiting": (
        "sleep(100)",
        "wait(Condition())",
        "while true; sleep(0.001); end",
        "@sync @async sleep(100)",
        "take!(Channel(0))",
    ),
    "reading": (
        "let p = Pipe(); Base.link_pipe!(p); readline(p); end",
        "let c = Base.BufferStream(); readline(c); end",
    ),
    "child processes": (
        "run(`sleep 100`)",
        "read(`sleep 100`)",
        "wait(run(`sleep 100`, wait=false))",
    ),
    "just finishing": (
        "sum(rand(100)); nothing",
        "let t = time(); while time() - t < {0:.3f}; end; end",
        "sleep({0:.3f})",
        "string(rand(1000)); nothing",
        'error("wanted")',
    ),
}
"""The code to evaluate, by kind; ``{0}`` is replaced by a short time."""

TOKEN: Final = re.compile(r"token(\d+);")
BEATS: Final = (
    "beats = 0; beater = @async while true; sleep(0.005); global beats += 1; end; nothing"
)


@dataclass
class Fuzz:
    """A test that interrupts one session again and again.

    Args:
        soak: the run that counts losses.
        one: the agent that evaluates.
        two: the agent that interrupts.
        key: the session's key.
        dice: the source of all randomness.
    """

    soak: Soak
    one: Agent
    two: Agent
    key: str
    dice: random.Random

    def __post_init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.had_ended = 0
        self.undescribed = 0
        self._code = ""
        self._again = False
        self._round = 0

    async def prepare(self) -> None:
        """Start the user's background task."""
        await ask(self.two, "ex", e=BEATS, session=self.key)

    async def once(self) -> None:
        """Start one eval and interrupt it."""
        self._round += 1
        kind = self.dice.choice(list(KINDS))
        code = self.dice.choice(KINDS[kind])
        if "{0" in code:
            code = code.format(self.dice.uniform(0, 0.1))
        code = f'println("token{self._round};"); {code}; "token{self._round};"'
        self._code = code
        way = self.dice.choice((self._by_id, self._by_session, self._by_cancelling))
        await way(kind, code, self.dice.choice((0.0, 0.01, 0.05, 0.2, 0.6)))

    async def _by_id(self, kind: str, code: str, after: float) -> None:
        """Interrupt an eval that went on in the background, with cancel_eval."""
        begun = await ask(self.one, "ex", e=code, q=False, session=self.key, timeout=0.05)
        self._is_mine(begun)
        found = re.search(r"Eval (\w{8}) goes on", begun.text)
        if not found:
            self.had_ended += 1
            return
        await asyncio.sleep(after)
        began = time.monotonic()
        said = await ask(self.two, "cancel_eval", eval_id=found[1])
        self._took(kind, time.monotonic() - began, said, code)
        if self._again:
            await self.look()
        self._is_mine(await ask(self.two, "check_eval", eval_id=found[1]))

    async def _by_session(self, kind: str, code: str, after: float) -> None:
        """Interrupt the session with manage_repl while the call waits."""
        pending = self.one.call("ex", 0, e=code, q=False, session=self.key, timeout=0)
        await asyncio.sleep(after)
        while True:
            began = time.monotonic()
            said = await ask(self.two, "manage_repl", command="interrupt", session=self.key)
            # The call may not have reached the daemon yet.
            if "evaluates nothing" not in said.text or pending.over.is_set():
                break
            await asyncio.sleep(0.02)
        if "evaluates nothing" not in said.text:
            self._took(kind, time.monotonic() - began, said, code)
        if self._again:
            await self.look()
        self._is_mine(await self.one.finish(pending))

    async def _by_cancelling(self, kind: str, code: str, after: float) -> None:
        """Cancel the client's request; the session must be free soon after."""
        pending = self.one.call("ex", 0, e=code, q=False, session=self.key, timeout=0)
        await asyncio.sleep(0.1 + after)
        began = time.monotonic()
        self.one.cancel(pending)
        said = await ask(self.two, "ex", e='"free"', q=False, session=self.key, timeout=0)
        if value(said) != '"free"':
            self.soak.lose("answers", f"round {self._round}: {said.text}")
        if not pending.request.answers:
            self._took(kind, time.monotonic() - began, said, code)

    def _took(self, kind: str, seconds: float, said: Request, code: str) -> None:
        self.times[kind].append(seconds)
        if "still runs" in said.text:
            self.soak.lose("interrupts", f"round {self._round}: {code}\n{said.text}")
            self._again = True
        if seconds > 2:
            print(f"round {self._round}: {seconds:.2f} s for {code}", flush=True)

    def _is_mine(self, answer: Request) -> None:
        foreign = {int(found) for found in TOKEN.findall(answer.text)} - {self._round}
        if foreign:
            self.soak.lose("answers swapped", f"round {self._round}: {answer.text}")
        self.undescribed += "describing it was interrupted" in answer.text
        if not answer.text:
            self.soak.lose("answers", f"round {self._round}: an empty one")

    async def look(self) -> None:
        """Check that the gate answers, the user's task lives and every eval has ended."""
        if self._again:
            # Evals that resist interrupts must not delay the other rounds.
            await ask(self.two, "manage_repl", command="restart", session=self.key)
            await self.prepare()
            self._again = False
        said = await ask(
            self.two, "ex", e="istaskdone(beater)", q=False, session=self.key, timeout=0
        )
        if value(said) != "false":
            died = await ask(self.two, "ex", e="beater.exception", q=False, session=self.key)
            what = f"{self._code}: {said.text}; it died of {died.text}"
            self.soak.lose("background tasks", f"round {self._round}: {what}")
            await self.prepare()
        listed = await ask(self.two, "list_evals", session=self.key, limit=40)
        open_ones = [
            one for one in listed.structured["evals"] if one["status"] in ("running", "queued")
        ]
        if open_ones:
            self.soak.lose("evals without an end", f"round {self._round}: {open_ones}")
        lost = [one for one in listed.structured["evals"] if one["status"] == "lost"]
        if lost:
            self.soak.lose("evals lost", f"round {self._round}: {lost}")


async def run(soak: Soak, count: int, seed: int) -> list[tuple[str, str]]:
    """Run all rounds; return the figures."""
    if not soak.home.announced():
        await asyncio.to_thread(soak.home.start_daemon)
    one, two = await soak.agent(), await soak.agent()
    view = await soak.start(one, soak.home.project("Fuzzed"))
    pid = view["pid"]
    fuzz = Fuzz(soak, one, two, view["key"], random.Random(seed))
    await fuzz.prepare()
    for _ in range(count):
        await fuzz.once()
        await fuzz.look()
    (seen,) = (await ask(one, "ping")).structured["sessions"]
    if seen["pid"] != pid:
        soak.lose("sessions", f"process {pid} is now {seen}")
    everything = [seconds for times in fuzz.times.values() for seconds in times]
    return [
        ("rounds, seed", f"{count}, {seed}"),
        ("evals that had ended before", str(fuzz.had_ended)),
        ("errors that could not be described", str(fuzz.undescribed)),
        *((kind, spread(fuzz.times[kind])) for kind in KINDS if fuzz.times[kind]),
        ("all", spread(everything)),
    ]


async def _main(soak: Soak, count: int, seed: int) -> list[tuple[str, str]]:
    try:
        return await run(soak, count, seed)
    finally:
        await soak.close()


if __name__ == "__main__":
    options = rounds(str(__doc__), rounds=1000, seed=1)
    with Soak.opened() as running:
        figures = asyncio.run(_main(running, options.rounds, options.seed))
    sys.exit(running.report("Interrupts", figures))
