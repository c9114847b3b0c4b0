"""`ex` with everything that agents send, on one real session."""

from __future__ import annotations

import asyncio
import base64
import filecmp
import io
import re
import struct
import zlib
from typing import TYPE_CHECKING

import mcp_types as types
import pytest
from PIL import Image

from tests.support.agent import agent, text

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = pytest.mark.julia


@pytest.mark.smoke
async def test_values_are_shown_only_when_they_are_wanted(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        assert await one.value("1 + 1") == "2"
        assert await one.value('"text"') == '"text"'
        assert (await one.value("[1, 2]")).endswith(":\n 1\n 2")
        assert "nothing was printed" in await one.value("nothing")
        assert "nothing was printed" in await one.value("1 + 1;")
        assert "nothing was printed" in await one.value("1 + 1; # a comment; with semicolons")
        assert await one.ok("ex", e="1 + 1") == "=> 2"
        assert await one.ok("ex", e='println("out"); 1') == "out\n=> 1"
        summary = await one.ok("ex", e="zeros(200, 200)")
        assert re.fullmatch(r"=> 200\S200 \S+ \(q=false shows it\)", summary)
        assert "nothing was printed" in await one.ok("ex", e="1 + 1;")
        assert await one.value("a = 1; b = 2\na + b") == "3"
        assert await one.value("ans + 1") == "4"


async def test_top_level_code_follows_the_rules_of_the_repl(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        assert await one.value("s = 0\nfor i in 1:3\n  s += i\nend\ns") == "6"
        assert await one.value("macro two() 2 end\n@two") == "2"
        assert await one.value("f() = 1; f()") == "1"
        assert await one.value("f() = 2; f()") == "2"
        assert await one.value("struct P; x; end; P(1).x") == "1"
        assert await one.value("module M; y = 5; end; M.y") == "5"


@pytest.mark.smoke
async def test_a_parse_error_runs_nothing_and_an_exception_has_a_clean_backtrace(
    shared: Home,
) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        refused = await one.refused("ex", e="ran = true; f(")
        # Up to 1.9 "syntax: incomplete", later "ParseError"; both with the place.
        assert re.search(r"(syntax|ParseError)(.|\n)*eval-\w{8}:1:", refused)
        assert "UndefVarError" in await one.refused("ex", e="ran")
        error = await one.refused("ex", e='println("out"); g(x) = error("boom $x"); g(1)')
        assert error.startswith("out\nERROR: boom 1\n")
        assert "g(" in error
        for ours in ("Kaimon", "kaimond", "boot.jl", "reenable_sigint", "eval_user"):
            assert ours not in error


@pytest.mark.smoke
async def test_output_of_every_kind_comes_back_in_order(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        said = await one.ok(
            "ex",
            e="""
            println("1 julia"); println(stderr, "2 stderr")
            ccall(:puts, Cint, (Cstring,), "3 c")
            run(`echo 4 child`); @info "5 logged"; Core.println("6 core")
            """,
        )
        positions = [said.index(mark) for mark in ("1 julia", "2 stderr", "3 c", "4 child")]
        assert positions == sorted(positions)
        assert said.index("5 logged") < said.index("6 core")


async def test_a_flood_is_shown_at_both_ends_and_kept_whole(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        said = await one.ok("ex", e='for i in 1:100_000; println(lpad(i, 99, "x")); end')
        assert len(said) < 7000
        assert said.startswith("x" * 98 + "1\n")
        assert said.endswith("x" * 93 + "100000")
        path = said.split("all of the output: ")[1].split(" ")[0]
        with open(path) as file:  # noqa: ASYNC230, PTH123 - a local file in a test
            assert sum(1 for _ in file) == 100_000
        assert await one.value("1 + 1") == "2"


async def test_bytes_that_are_no_text_and_escapes_do_no_harm(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        said = await one.ok("ex", e=r'write(stdout, UInt8[0x61, 0xff, 0x00, 0x62]); print("\n")')
        assert said == "a\ufffdb"
        assert await one.ok("ex", e=r'printstyled("red", color=:red); print("\e[2J")') == "red"
        assert await one.ok("ex", e=r'print("10%\r50%\r100%")') == "100%"
        assert await one.value("1 + 1") == "2"


async def test_reading_from_the_terminal_gives_the_end_of_the_file(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        assert await one.value("readline()") == '""'
        assert await one.value("read(stdin, String)") == '""'


async def test_output_after_the_eval_goes_to_the_sessions_log_and_to_no_other_answer(
    shared: Home,
) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        code = 't = @async (while !ispath("answered") sleep(0.02) end; println("late"))'
        await one.ok("ex", e=code)
        assert await one.ok("ex", e="1") == "=> 1"
        (shared.path / "Proj" / "answered").touch()
        while "late" not in await one.ok("session_log"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        assert await one.value("1 + 1") == "2"


async def test_a_hundred_evals_of_several_agents_get_their_own_answers(shared: Home) -> None:
    async with agent(shared) as one, agent(shared) as two:
        await one.start(shared.path / "Proj")
        await one.ok("ex", e="total = 0")

        async def add(number: int) -> None:
            asker = one if number % 2 else two
            said = await asker.value(f"global total += {number}; {number}")
            # Under load an answer also tells how long it had waited.
            assert said.splitlines()[0] == str(number)

        await asyncio.gather(*(add(number) for number in range(100)))
        assert (await two.value("total")).splitlines()[0] == str(sum(range(100)))


async def test_a_cancelled_call_costs_no_later_call_its_answer(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        await one.value("1")
        slow = asyncio.create_task(one.call("ex", e='sleep(1000); "slow"', q=False))
        while (await one.sessions())[0]["state"] != "busy":  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        # It may have waited for the interrupt.
        assert (await one.value('"next"')).startswith('"next"')
        assert await one.value('"one more"') == '"one more"'


def png() -> bytes:
    """A real one, of one red pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


async def test_images_arrive_as_images(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        result = await one.call(
            "ex",
            q=False,
            e=f"""
            struct Dot end
            Base.show(io::IO, ::MIME"image/png", ::Dot) = write(io, hex2bytes("{png().hex()}"))
            display(Dot()); Dot()
            """,
        )
        images = [block for block in result.content if block.type == "image"]
        assert [image.mime_type for image in images] == ["image/png"] * 2
        assert all(base64.b64decode(image.data) == png() for image in images)
        assert "Dot()" in text(result)


async def test_megabytes_in_one_line_and_half_escapes_are_answered_and_so_is_what_follows(
    shared: Home,
) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        said = await one.ok("ex", e='print("A", "x"^5_000_000, "Z")')
        assert len(said) < 7000
        assert (said[:2], said[-2:]) == ("Ax", "xZ")
        for code in ('print("A", "\\0"^100_000)', r'print("A\e[31")', r'print("A\e]0;title")'):
            assert await one.ok("ex", e=code) == "A"
        assert await one.value("1 + 1") == "2"


async def test_large_and_many_pictures_reach_a_client_in_parts_that_it_takes(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        for name, size in (("large", (3000, 2400)), ("small", (9, 9))):
            Image.new("RGB", size).save(shared.path / "Proj" / f"{name}.png")
        await one.ok(
            "ex",
            e="struct Painted; file; end\n"
            'Base.show(io::IO, ::MIME"image/png", p::Painted) = write(io, read(p.file))',
        )
        code = 'display(Painted("large.png")); foreach(_ -> display(Painted("small.png")), 1:8)'
        result = await one.call("ex", e=code)
        pictures = [block for block in result.content if isinstance(block, types.ImageContent)]
        sizes = [Image.open(io.BytesIO(base64.b64decode(each.data))).size for each in pictures]
        assert sizes == [(1568, 1254), *[(9, 9)] * 7]
        said = text(result)
        original = re.search(r"The original: (\S+)\)", said)
        assert original
        large = shared.path / "Proj" / "large.png"
        assert filecmp.cmp(original[1], large, shallow=False)
        further = re.search(r'check_eval\(eval_id="(\w+)", pictures_from=9\)', said)
        assert further
        result = await one.call("check_eval", eval_id=further[1], pictures_from=9)
        assert sum(block.type == "image" for block in result.content) == 1
        assert await one.ok("ex", e='Painted("small.png")') == (
            '=> Painted("small.png") (q=false shows it)'
        )


async def test_pkg_commands_help_and_code_may_be_mixed(shared: Home) -> None:
    async with agent(shared) as one:
        await one.start(shared.path / "Proj")
        said = await one.ok("ex", e="(Proj) pkg> activate .\n\njulia> 6 * 7\n42\n\nhelp?> ans\n")
        assert re.search(r"^pkg> activate \.\n(.|\n)*^help\?> ans\n", said, re.MULTILINE)
        said = await one.ok("ex", e="]activate .\nans + 1")
        assert said.endswith("=> 43")
