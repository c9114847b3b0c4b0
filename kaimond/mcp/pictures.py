"""The pictures of an eval: made small enough for every client, with the originals in files.

A conversation that was once given a picture that is too large, or none, is broken for good. So each
is decoded before it is sent.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import tempfile
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from kaimond.mcp.text import clean, shorten
from kaimond.runtime import UnsafeDirectoryError, ensure_private

if TYPE_CHECKING:
    from PIL import Image

    from kaimond.evals.eval import Outcome
    from kaimond.evals.spool import Spool

SUFFIXES: Final = {"image/png": ".png", "image/jpeg": ".jpg"}
"""The types that clients show as pictures, with the suffixes of their files."""

_FORMATS: Final = ("PNG", "JPEG")

MOST_PIXELS: Final = 1568
"""Most pixels of a side; models see no more, and clients differ in whether they scale."""

MOST_BYTES: Final = 1_000_000
"""Most bytes of a picture."""

MOST_DECODED: Final = 50_000_000
"""Most pixels of a picture that is decoded; each takes up to four bytes of memory meanwhile."""

MOST_SENT: Final = 8
"""Most pictures of one answer."""

_SMALLER: Final = 0.7
"""Factor by which a picture is scaled again while it has too many bytes."""

_QUALITY: Final = 85

_one_at_a_time: Final = threading.Lock()
"""Decoded pictures are large; only one is in memory at a time."""


class UnusableError(Exception):
    """A picture that cannot be sent; the text says why, as the end of a sentence."""


@dataclass(frozen=True)
class Pictures:
    """What is sent of an eval's pictures.

    Attributes:
        images: pairs of MIME type and base64 text.
        remarks: lines about what was changed or left out.
    """

    images: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


class Scaled(NamedTuple):
    """A picture that can be sent.

    Attributes:
        mime: its type.
        data: its bytes.
        size: its width and height in pixels.
        original: the size before, if it was changed; else None.
    """

    mime: str
    data: bytes
    size: tuple[int, int]
    original: tuple[int, int] | None = None


async def pictures_of(outcome: Outcome, eval_id: str, spool: Spool, first: int = 1) -> Pictures:
    """Return the pictures of an eval that has ended, from the one with the number ``first`` on.

    Args:
        outcome: how the eval ended.
        eval_id: the eval's id.
        spool: the spool of its session, in whose directory the originals are put.
        first: number of the first picture, counted from 1.
    """
    found = [
        (mime, data)
        for name, data in outcome.parts
        for place, _, mime in [name.partition(":")]
        if place in ("display", "value") and mime in SUFFIXES
    ]
    if not found:
        return Pictures()
    images, remarks = [], []
    for number, (mime, data) in enumerate(found[first - 1 : first - 1 + MOST_SENT], first):
        file = spool.beside(eval_id, f"-{number}{SUFFIXES[mime]}")
        try:
            scaled = await asyncio.to_thread(_scaled, data)
        except UnusableError as unusable:
            place = await asyncio.to_thread(_kept, file, data)
            remarks.append(f"(Picture {number} is not shown: {unusable}. {place})")
            continue
        images.append((scaled.mime, base64.b64encode(scaled.data).decode()))
        if scaled.original:
            place = await asyncio.to_thread(_kept, file, data)
            remarks.append(
                f"(Picture {number} is shown with {_by(scaled.size)} pixels instead of "
                f"{_by(scaled.original)}. {place})"
            )
    if first > len(found):
        remarks.append(f"(There are only {len(found)} pictures.)")
    elif (after := first + MOST_SENT) <= len(found):
        which = (
            f"Picture {after} is"
            if after == len(found)
            else f"Pictures {after} to {len(found)} are"
        )
        remarks.append(
            f'({which} not shown here: check_eval(eval_id="{eval_id}", pictures_from={after}).)'
        )
    return Pictures(tuple(images), tuple(remarks))


async def vector_pictures(
    outcome: Outcome, eval_id: str, spool: Spool, limit: int
) -> tuple[str, ...]:
    """Return what is said of an eval's SVG pictures, which clients do not show.

    Args:
        outcome: how the eval ended.
        eval_id: the eval's id.
        spool: the spool of its session, in whose directory they are put.
        limit: most characters of their text; 0 for none of it.
    """
    found = [
        data
        for name, data in outcome.parts
        if name in ("display:image/svg+xml", "value:image/svg+xml")
    ]
    said = []
    for number, data in enumerate(found, 1):
        file = spool.beside(eval_id, f"-{number}.svg")
        try:
            await asyncio.to_thread(keep, file, data)
            place = str(file)
        except (OSError, UnsafeDirectoryError) as error:
            place = f"in no file ({error})"
        if limit:
            said.append(shorten(clean(data), limit, f"all of it: {place}"))
        else:
            how = f'check_eval(eval_id="{eval_id}", svg=true) shows its text'
            said.append(f"(An SVG picture of {len(data)} bytes: {place}; {how}.)")
    return tuple(said)


def keep(file: Path, data: bytes) -> None:
    """Put data into a file that only the user can read, unless it is there.

    Raises:
        OSError: it cannot be written, as when its session has ended.
        kaimond.runtime.UnsafeDirectoryError: its directory cannot be trusted.
    """
    if not file.parent.exists():
        # It was removed with the session, and would now be left behind.
        raise FileNotFoundError("its session has ended")
    ensure_private(file.parent)
    if file.exists() and file.stat().st_size == len(data):
        return
    # Several calls may keep the same one at once.
    descriptor, new = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
        Path(new).replace(file)
    except OSError:
        Path(new).unlink(missing_ok=True)
        raise


def _kept(file: Path, data: bytes) -> str:
    """Keep the original; return a sentence that says where it is."""
    try:
        keep(file, data)
    except (OSError, UnsafeDirectoryError) as error:
        return f"The original could not be put into a file: {error}."
    return f"The original: {file}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _scaled(data: bytes) -> Scaled:
    """Return a picture as it is if it can be sent so, else a smaller one.

    Raises:
        UnusableError: it cannot be decoded.
    """
    # Loaded with the first picture, as most daemons never see one.
    from PIL import Image  # noqa: PLC0415

    with _one_at_a_time, warnings.catch_warnings():
        # Its own limit is for what it opens without being told a limit; ours is lower.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                # Finds what decoding does not mind, such as a missing end.
                image.verify()
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                return _fitting(image, data)
        except UnusableError:
            raise
        except Image.DecompressionBombError:
            raise UnusableError("it has far too many pixels") from None
        except Exception as error:  # noqa: BLE001 - decoders of broken data raise anything
            reason = str(error).partition(" <")[0] or type(error).__name__
            raise UnusableError(f"it cannot be decoded ({reason})") from None


def _fitting(image: Image.Image, data: bytes) -> Scaled:
    before = image.size
    # Code may label its bytes wrongly, and a client refuses what is not of its type.
    mime = f"image/{str(image.format).lower()}"
    if before[0] * before[1] > MOST_DECODED:
        raise UnusableError(f"it has {_by(before)} pixels, too many to scale it here")
    image.load()
    if max(before) <= MOST_PIXELS and len(data) <= MOST_BYTES:
        return Scaled(mime, data, before)
    small = _usual(image, keep_colors=mime == "image/jpeg")
    side = float(MOST_PIXELS)
    while True:
        small.thumbnail((max(1, int(side)), max(1, int(side))), reducing_gap=2.0)
        if mime == "image/png" and len(made := _encoded(small, "PNG")) <= MOST_BYTES:
            return Scaled(mime, made, small.size, before)
        # What is no drawing, but a photograph or noise, is small as a JPEG only.
        if len(made := _encoded(small, "JPEG")) <= MOST_BYTES:
            return Scaled("image/jpeg", made, small.size, before)
        side = max(small.size) * _SMALLER


def _usual(image: Image.Image, *, keep_colors: bool) -> Image.Image:
    """Return the picture in a mode that can be scaled and written as either type."""
    from PIL import ImageOps  # noqa: PLC0415

    if keep_colors:
        # How a camera was held is lost otherwise.
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # Sixteen bits of grey.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("L", "RGB", "RGBA"):
        return image.copy()
    transparent = image.mode in ("LA", "PA") or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB")


def _encoded(image: Image.Image, kind: str) -> bytes:
    from PIL import Image  # noqa: PLC0415

    buffer = io.BytesIO()
    if kind == "PNG":
        image.save(buffer, "PNG")
        return buffer.getvalue()
    if image.mode == "RGBA":
        # JPEG knows no transparency, and what is under it may be black.
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image).convert("RGB")
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
