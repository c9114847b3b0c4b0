"""Look at everything that kaimond needs, and say what is wrong and what helps.

It needs no daemon and changes nothing. Exit code 0: nothing fails (warnings may be there);
1: something does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kaimond import __version__
from kaimond.ctl import contact, render
from kaimond.ctl.output import ExitCode, say, say_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from kaimond.doctor.finding import Finding

EXAMPLE: Final = "kaimonctl doctor\nkaimonctl doctor --json"

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--json", action="store_true", help="all findings as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Run the checks and print each finding as soon as it is known."""
    from kaimond.doctor import examine  # noqa: PLC0415 - to be told by name if it cannot be loaded
    from kaimond.doctor.finding import Level  # noqa: PLC0415 - as above
    from kaimond.doctor.world import World  # noqa: PLC0415 - as above

    style = render.Style.of(sys.stdout)
    findings: list[Finding] = []
    for finding in examine(World(contact.ask())):
        findings.append(finding)
        if not options.json:
            say(_shown(finding, style))
            sys.stdout.flush()
    failed = any(finding.level is Level.FAIL for finding in findings)
    if options.json:
        say_json(
            {
                "version": __version__,
                "ok": not failed,
                "findings": [finding.as_dict() for finding in findings],
            }
        )
    else:
        say(_summary(findings))
    return ExitCode.FAILED if failed else ExitCode.DONE


def _shown(finding: Finding, style: render.Style) -> str:
    level = style.paint(f"{finding.level:4}", _COLOURS[finding.level])
    line = f"{level}  {finding.check:11}  {render.escape(finding.text)}"
    if finding.cure:
        line += f"\n{'':17}  -> {render.escape(finding.cure)}"
    return line


def _summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(each.level == level for each in findings) for level in _COLOURS}
    if not counts["fail"] and not counts["warn"]:
        return f"{counts['ok']} checks, all well."
    warnings = render.counted(counts["warn"], "warning")
    return f"{counts['ok']} ok, {warnings}, {render.counted(counts['fail'], 'failure')}."
