"""Manual pages in the language of man(7), from plain text. Pure."""

from __future__ import annotations

import re


def escape(text: str) -> str:
    """``text`` with nothing in it that roff would act on."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha")
    escaped = escaped.replace("~", "\\(ti").replace("`", "\\(ga").replace("'", "\\(aq")
    # A dot or a quote is a request at the beginning of a line only.
    return re.sub(r"^([.])", r"\\&\1", escaped, flags=re.MULTILINE)


def bold(text: str) -> str:
    """``text`` in bold type, for what is typed as it stands."""
    return f"\\fB{escape(text)}\\fR"


def italic(text: str) -> str:
    """``text`` in italics, for what stands for something else."""
    return f"\\fI{escape(text)}\\fR"


def prose(text: str) -> str:
    """Paragraphs; what is indented stays as it is; what is between backquotes becomes bold."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        if paragraph.startswith("  "):
            parts.append(f".nf\n{escape(paragraph)}\n.fi")
        else:
            words = " ".join(paragraph.split())
            pieces = re.split(r"`+([^`]+)`+", words)
            parts.append(
                "".join(
                    bold(piece) if index % 2 else escape(piece)
                    for index, piece in enumerate(pieces)
                )
            )
    return "\n.PP\n".join(parts)


def example(text: str) -> str:
    """Lines of a terminal, each as it is."""
    return f".nf\n.RS\n{escape(text)}\n.RE\n.fi"


class Page:
    """One manual page that grows from its head down."""

    def __init__(self, name: str, section: int, summary: str, version: str) -> None:
        title = name.upper().replace("-", "\\-")
        # Without a date, so that a page changes only when what it says does.
        self._lines = [f'.TH {title} {section} "" "kaimond {version}" "Kaimon"']
        self.section("NAME", f"{escape(name)} \\- {escape(summary)}")

    def section(self, title: str, body: str = "") -> None:
        """Begin a section; ``body`` is roff already."""
        self._lines.append(f".SH {escape(title)}")
        if body:
            self._lines.append(body)

    def subsection(self, title: str, body: str = "") -> None:
        """Begin a part of a section."""
        self._lines.append(f'.SS "{escape(title)}"')
        if body:
            self._lines.append(body)

    def item(self, head: str, body: str) -> None:
        """A term and what it means; both are roff already."""
        self._lines.append(f".TP\n{head}\n{body}")

    def text(self, body: str) -> None:
        """A paragraph that is roff already."""
        self._lines.append(f".PP\n{body}")

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"
