"""The completion script for zsh: the function ``_kaimonctl``, in a directory of ``fpath``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kaimond.ctl.outline import Argument, Outline

_SPECIAL: Final = re.compile(r"([\\:\[\]])")

_HELPERS: Final = """\
# Called with arguments for compadd, and what to ask for.
{function}_ask() {{
    local -a found
    found=(${{(f)"$({program} completions ${{@[-1]}} 2>/dev/null)"}})
    (( $#found )) && compadd "${{(@)@[1,-2]}}" -a found
}}

{function}_projects() {{
    _alternative 'projects:project:{function}_ask projects' 'directories:directory:_directories'
}}

"""

_TAIL: Final = """\
if [[ $funcstack[1] == {function} ]]; then {function} "$@"; else compdef {function} {program}; fi
"""


def script(program: Outline) -> str:
    """Return the script for one program."""
    name = program.words[0]
    function = "_" + name.replace("-", "_")
    functions = [_function(each, function) for each in program.walk()]
    return "".join(
        [
            f"#compdef {name}\n",
            f"# zsh completion for {name}. Made from its parsers by `kaimonctl completions zsh`.\n",
            "\n",
            _HELPERS.format(program=name, function=function),
            *functions,
            # If sourced, it only defines; if run by the completion system, it completes.
            _TAIL.format(program=name, function=function),
        ]
    )


def _function(outline: Outline, program: str) -> str:
    name = "_".join([program, *outline.words[1:]])
    specs = [_option(option, program) for option in outline.options]
    if not outline.actions:
        specs += [_positional(argument, program) for argument in outline.arguments]
        body = _arguments("", specs)
        return f"{name}() {{\n{body}}}\n\n"
    listed = "\n".join(
        f"                {_quoted(_plain(action.words[-1]) + ':' + action.summary)}"
        for action in outline.actions
    )
    body = _arguments("-C ", [*specs, "'1: :->action'", "'*:: :->rest'"])
    chosen = f"{program}_{'_'.join([*outline.words[1:], ''])}$line[1]"
    return (
        f"{name}() {{\n"
        '    local curcontext="$curcontext" state line\n'
        "    typeset -A opt_args\n"
        f"{body}"
        "    case $state in\n"
        "        action)\n"
        "            local -a actions\n"
        f"            actions=(\n{listed}\n            )\n"
        "            _describe action actions ;;\n"
        "        rest)\n"
        f"            (( $+functions[{chosen}] )) && {chosen} ;;\n"
        "    esac\n"
        "}\n\n"
    )


def _arguments(flags: str, specs: list[str]) -> str:
    return f"    _arguments {flags}" + "".join(f"\\\n        {spec} " for spec in specs) + "\n"


def _option(option: Argument, program: str) -> str:
    exclusive = " ".join(option.names)
    text = f"[{_plain(option.help)}]"
    if option.metavar:
        text += f":{_plain(option.metavar)}:{_values(option, program)}"
    specs = [_quoted(f"({exclusive}){name}{text}") for name in option.names]
    return " ".join(specs)


def _positional(argument: Argument, program: str) -> str:
    number = "*" if argument.many else ""
    optional = "" if argument.required else ":"
    values = _values(argument, program)
    return _quoted(f"{number}:{optional}{_plain(argument.metavar)}:{values}")


def _values(argument: Argument, program: str) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    return {
        "keys": f"{program}_ask keys",
        "projects": f"{program}_projects",
        "directories": "_directories",
        "files": "_files",
    }.get(argument.kind, "")


def _plain(text: str) -> str:
    """Return ``text`` with the characters escaped that are special to `_arguments`."""
    return _SPECIAL.sub(r"\\\1", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
