"""The completion script for fish 3 and newer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.ctl.outline import Argument, Outline

_HELPERS: Final = """\
# fish completion for {program}. Made from its parsers by `kaimonctl completions fish`.

# Whether the words so far, options left out, begin with the given ones; with -x: are these.
function __{function}_at
    argparse x -- $argv
    set -l words
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; or set -a words $word
    end
    set -l count (count $argv)
    test (count $words) -ge $count; or return 1
    set -q _flag_x; and test (count $words) -ne $count; and return 1
    test $count -eq 0; and return 0
    test "$words[1..$count]" = "$argv"
end

"""


def script(program: Outline) -> str:
    """Return the script for one program."""
    name = program.words[0]
    function = name.replace("-", "_")
    lines = [f"complete -c {name} -f"]
    for each in program.walk():
        lines += _lines(each, function)
    return _HELPERS.format(program=name, function=function) + "\n".join(lines) + "\n"


def _lines(outline: Outline, function: str) -> Iterator[str]:
    name, below = outline.words[0], " ".join(outline.words[1:])
    exactly = f"complete -c {name} -n {_quoted(f'__{function}_at -x {below}'.rstrip())}"
    inside = f"complete -c {name} -n {_quoted(f'__{function}_at {below}'.rstrip())}"
    # The program's own options are accepted only before the command.
    condition = exactly if outline.actions else inside
    for action in outline.actions:
        yield f"{exactly} -a {action.words[-1]} -d {_quoted(action.summary)}"
    for option in outline.options:
        names = " ".join(_name(each) for each in option.names)
        yield f"{condition} {names} -d {_quoted(option.help)}{_values(option, name)}"
    for argument in outline.arguments:
        values = _values(argument, name).replace(" -x", "")
        if values:
            yield f"{inside}{values}"


def _name(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _values(argument: Argument, program: str) -> str:
    if not argument.metavar:
        return ""
    if argument.choices:
        return f" -x -a {_quoted(' '.join(argument.choices))}"
    ask = f"({program} completions {argument.kind} 2>/dev/null)"
    return {
        "keys": f" -x -a {_quoted(ask)}",
        "projects": f" -x -a {_quoted(f'{ask} (__fish_complete_directories)')}",
        "directories": " -x -a '(__fish_complete_directories)'",
        "files": " -r -F",
    }.get(argument.kind, " -x")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
