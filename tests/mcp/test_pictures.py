"""Pictures are sent so that no conversation breaks of them."""

from __future__ import annotations

import asyncio
import base64
import io
import random
import stat
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.evals.spool import Spool
from kaimond.mcp import pictures
from kaimond.mcp.pictures import MOST_BYTES, MOST_PIXELS
from kaimond.mcp.render import render

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.mcp.answer import Answer


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


def shown(spool: Spool, *parts: tuple[str, bytes], first: int = 1, svg: bool = False) -> Answer:
    item = Eval("0a0a0a0a", "key", "boot", "code", "agent", 1.0)
    item = item.ended(Outcome(Status.DONE, parts=parts), 2.0)
    return asyncio.run(render(item, spool, 6000, pictures_from=first, svg=svg))


def encoded(image: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(answer: Answer, at: int = 0) -> Image.Image:
    mime, data = answer.images[at]
    raw = base64.b64decode(data)
    assert len(raw) <= MOST_BYTES
    image = Image.open(io.BytesIO(raw))
    image.load()
    assert mime == Image.MIME[str(image.format)]
    assert max(image.size) <= MOST_PIXELS
    return image


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    raw = random.Random(1).randbytes(size[0] * size[1] * len(mode))
    return Image.frombytes(mode, size, raw)


SMALL = encoded(Image.new("RGB", (4, 3), "red"))


def test_a_small_picture_is_sent_as_it_is_and_an_eval_that_shows_it_has_said_enough(
    spool: Spool, tmp_path: Path
) -> None:
    jpeg = encoded(Image.new("L", (3, 3)), "JPEG")
    answer = shown(spool, ("display:image/png", SMALL), ("value:image/jpeg", jpeg))
    assert answer.images == (
        ("image/png", base64.b64encode(SMALL).decode()),
        ("image/jpeg", base64.b64encode(jpeg).decode()),
    )
    assert answer.text == ""
    assert [block.type for block in answer.to_mcp().content] == ["image", "image"]
    assert not list(tmp_path.glob("spool/*"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_large_picture_is_scaled_and_its_original_is_in_a_private_file(
    spool: Spool, mode: str
) -> None:
    original = encoded(Image.new(mode, (3000, 2400)))
    answer = shown(spool, ("display:image/png", original))
    assert decoded(answer).size == (1568, 1254)
    assert decoded(answer).format == "PNG"
    file = spool.beside("0a0a0a0a", "-1.png")
    assert answer.text == (
        f"(Picture 1 is shown with 1568 x 1254 pixels instead of 3000 x 2400. The original: {file})"
    )
    assert file.read_bytes() == original
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_picture_of_too_many_bytes_becomes_a_jpeg_or_smaller(spool: Spool) -> None:
    answer = shown(spool, ("value:image/png", encoded(noise("RGBA", (900, 900)))))
    assert decoded(answer).format == "JPEG"
    photograph = encoded(noise("RGB", (1500, 1500)), "JPEG", quality=95)
    answer = shown(spool, ("value:image/jpeg", photograph))
    assert decoded(answer).format == "JPEG"


def test_a_picture_has_the_type_of_its_bytes_whatever_the_code_says(spool: Spool) -> None:
    for size in (3, 2000):
        jpeg = encoded(Image.new("RGB", (size, size)), "JPEG")
        assert decoded(shown(spool, ("value:image/png", jpeg))).format in ("JPEG", "PNG")


def test_the_same_original_is_kept_by_several_calls_at_once(spool: Spool) -> None:
    file = spool.beside("0a0a0a0a", "-1.png")
    for _ in range(20):
        with ThreadPoolExecutor(8) as calls:
            list(calls.map(lambda _: pictures.keep(file, bytes(1_000_000)), range(8)))
        assert list(file.parent.iterdir()) == [file]
        file.unlink()


def test_no_directory_is_made_again_for_a_session_that_has_ended(tmp_path: Path) -> None:
    large = encoded(Image.new("RGB", (2000, 10)))
    answer = shown(Spool(tmp_path / "ended"), ("value:image/png", large))
    assert "could not be put into a file: its session has ended" in answer.text
    assert not list(tmp_path.iterdir())


def test_a_photograph_stays_upright(spool: Spool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (2000, 1000)).save(buffer, "JPEG", exif=exif)
    assert decoded(shown(spool, ("value:image/jpeg", buffer.getvalue()))).size == (784, 1568)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG whose header promises this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header))
    body = zlib.compress(b"\0" * 100)
    data = b"IDAT" + body
    return (
        start
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", len(body))
        + data
        + struct.pack(">I", zlib.crc32(data))
        + SMALL[-12:]
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x89PNG\r\n", "it cannot be decoded (cannot identify image file)"),
        (b"", "it cannot be decoded (cannot identify image file)"),
        (SMALL[:-20], "it cannot be decoded ("),
        (bomb(100, 100), "it cannot be decoded ("),
        (bomb(8000, 8000), "it has 8000 x 8000 pixels, too many to scale it here"),
        (bomb(60_000, 60_000), "it has far too many pixels"),
        (encoded(Image.new("RGB", (2, 2)), "GIF"), "it cannot be decoded ("),
    ],
)
def test_what_cannot_be_decoded_is_not_sent_but_said(spool: Spool, data: bytes, why: str) -> None:
    answer = shown(spool, ("display:image/png", data), ("display:image/png", SMALL))
    assert len(answer.images) == 1
    assert answer.text.startswith(f"(Picture 1 is not shown: {why}")
    assert str(spool.beside("0a0a0a0a", "-1.png")) in answer.text


def test_many_pictures_come_in_several_answers(spool: Spool) -> None:
    parts = [("display:image/png", encoded(Image.new("L", (n, 1)))) for n in range(1, 12)]
    answer = shown(spool, *parts)
    assert len(answer.images) == 8
    assert answer.text == (
        '(Pictures 9 to 11 are not shown here: check_eval(eval_id="0a0a0a0a", pictures_from=9).)'
    )
    answer = shown(spool, *parts, first=9)
    assert [decoded(answer, at).width for at in range(3)] == [9, 10, 11]
    assert shown(spool, *parts, first=12).text == "(There are only 11 pictures.)"


def test_a_drawing_is_a_file_and_text_only_if_it_is_wanted(spool: Spool) -> None:
    answer = shown(spool, ("value:image/svg+xml", b"<svg/>"))
    file = spool.beside("0a0a0a0a", "-1.svg")
    assert answer.text == (
        f'(An SVG picture of 6 bytes: {file}; check_eval(eval_id="0a0a0a0a", svg=true) shows its '
        "text.)"
    )
    assert file.read_bytes() == b"<svg/>"
    assert shown(spool, ("value:image/svg+xml", b"<svg/>"), svg=True).text == "<svg/>"


def test_an_original_that_cannot_be_kept_is_told_and_the_picture_shown(
    spool: Spool, tmp_path: Path
) -> None:
    tmp_path.joinpath("spool").rename(tmp_path / "elsewhere")
    tmp_path.joinpath("spool").symlink_to("elsewhere")
    answer = shown(spool, ("display:image/png", encoded(Image.new("L", (2000, 10)))))
    assert len(answer.images) == 1
    assert "could not be put into a file" in answer.text


async def test_the_event_loop_goes_on_while_a_picture_is_scaled(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0
    scale = pictures._scaled

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    def slow(data: bytes) -> pictures.Scaled:
        before = turns
        while turns == before:
            pass
        return scale(data)

    monkeypatch.setattr(pictures, "_scaled", slow)
    counting = asyncio.ensure_future(count())
    outcome = Outcome(Status.DONE, parts=(("value:image/png", SMALL),))
    assert (await pictures.pictures_of(outcome, "0a0a0a0a", spool)).images
    counting.cancel()
