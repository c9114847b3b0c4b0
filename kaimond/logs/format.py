r"""A log record as text: one line that cannot be forged, with further lines indented below.

    2026-11-21T14:00:00.123Z INFO  session=ab12cd34 agent=9f3e1c2a supervisor: message
        Traceback (most recent call last):

A message may hold what an agent or a Julia program wrote. Everything that could end a line, move
a cursor or reverse the reading order is therefore written as an escape such as `\x1b`. Only
continuation lines begin with a blank, so a line that begins otherwise is a record of ours.
"""

from __future__ import annotations

import io
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Final

from kaimond.logs import context

INDENT: Final = "    "
LONGEST_MESSAGE: Final = 16_384
"""Most characters of a message, and of the text below it; longer texts lose their middle."""

_OURS: Final = "kaimond."
_AGENT_SHOWN: Final = 8  # of an id's 16 characters; enough to tell agents apart
_AGENT_NAME: Final = 9  # the longest name in place of an id, which is shown whole: kaimonctl
_NAMED: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
# C0 and C1 controls, line and paragraph separators, direction marks, the byte order mark, and
# halves of surrogate pairs, which cannot be encoded.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_UNSAFE_IN_WORD: Final = re.compile(r"[^0-9A-Za-z_.@/+-]")


def escape(text: str) -> str:
    """Return `text` on one line, with nothing in it that a terminal would act on."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")  # noqa: PLR2004 - one byte


def _word(text: object) -> str:
    return _UNSAFE_IN_WORD.sub("_", str(text))[:64] or context.NONE


def _shortened(text: str) -> str:
    left_out = len(text) - LONGEST_MESSAGE
    if left_out <= 0:
        return text
    half = LONGEST_MESSAGE // 2
    return f"{text[:half]} [{left_out} characters left out] {text[-half:]}"


class LineFormatter(logging.Formatter):
    """A formatter for the records of the server log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record` and its continuation lines, without a final newline.

        Never raises: a record whose arguments do not fit is written as it is.
        """
        time = datetime.fromtimestamp(record.created, UTC)
        stamp = f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
        session = _word(getattr(record, "session", context.NONE))
        agent = _word(getattr(record, "agent", context.NONE))
        agent = agent if len(agent) <= _AGENT_NAME else agent[:_AGENT_SHOWN]
        logger = _word(record.name.removeprefix(_OURS))
        message = escape(_shortened(_message(record)))
        head = f"{stamp} {_level(record.levelno):<5} session={session} agent={agent} {logger}: "
        below = _shortened(_below(record)).split("\n") if _has_more(record) else []
        return "\n".join([head + message, *(INDENT + escape(line) for line in below if line)])


def _level(number: int) -> str:
    for level in (logging.ERROR, logging.WARNING, logging.INFO):
        if number >= level:
            return logging.getLevelName(level)
    return "DEBUG"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments may have any __str__
        return f"{record.msg!s} (its arguments do not fit)"


def _has_more(record: logging.LogRecord) -> bool:
    return bool(record.exc_info or record.exc_text or record.stack_info)


def _below(record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        text = io.StringIO()
        try:
            traceback.print_exception(*record.exc_info, file=text)
        except Exception:  # noqa: BLE001 - an exception's own __str__ may fail
            text.write(f"{record.exc_info[0].__name__} (its traceback cannot be shown)")
        parts.append(text.getvalue())
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)
