"""The completion script for bash 3.2, which macOS still has, and newer."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaimond.ctl.outline import Argument, Outline

_HEAD = """\
# bash completion for {program}. Made from its parsers by `kaimonctl completions bash`.

{function}_filter() {{
    local line
    while IFS= read -r line; do
        if [[ $line == "$cur"* ]]; then COMPREPLY+=("$line"); fi
    done
}}

{function}_complete() {{
    case $1 in
        words:*) {function}_filter < <(printf '%s\\n' ${{1#words:}}) ;;
        keys) {function}_filter < <({program} completions keys 2>/dev/null) ;;
        projects)
            compopt -o filenames 2>/dev/null
            {function}_filter < <({program} completions projects 2>/dev/null)
            {function}_filter < <(compgen -d -- "$cur") ;;
        directories)
            compopt -o filenames 2>/dev/null
            {function}_filter < <(compgen -d -- "$cur") ;;
        files)
            compopt -o filenames 2>/dev/null
            {function}_filter < <(compgen -f -- "$cur") ;;
    esac
}}

{function}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} at="" after="" index word
    local actions options values value
    COMPREPLY=()
    for ((index = 1; ; index++)); do
        # What can come here: actions, options, the options that take a value, and of what kind.
        actions="" options="" values="" value=""
        case $at in
"""

_TAIL = """\
        esac
        if ((index >= COMP_CWORD)); then break; fi
        word=${{COMP_WORDS[index]}}
        if [[ -n $after ]]; then
            after=""
        elif [[ $values == *" $word="* ]]; then
            after=$word
        elif [[ $word != -* && " $actions " == *" $word "* ]]; then
            at="$at $word"
        fi
    done
    if [[ -n $after ]]; then
        values=${{values#*" $after="}}
        {function}_complete "${{values%%;*}}"
    elif [[ $cur == -* ]]; then
        {function}_complete "words:$options"
    elif [[ -n $actions ]]; then
        {function}_complete "words:$actions"
    else
        {function}_complete "$value"
    fi
}}

complete -F {function} {program}
"""


def script(program: Outline) -> str:
    """Return the script for one program."""
    name = program.words[0]
    names = {"program": name, "function": "_" + name.replace("-", "_")}
    parts = [_HEAD.format(**names)]
    parts += [_case(each) for each in program.walk()]
    parts.append(_TAIL.format(**names))
    return "".join(parts)


def _case(outline: Outline) -> str:
    options = " ".join(name for option in outline.options for name in option.names)
    # Every value, even the last one, ends in a semicolon, so that each can be cut out.
    values = "".join(
        f" {name}={_kind(option)};"
        for option in outline.options
        if option.metavar
        for name in option.names
    )
    facts = {
        "actions": " ".join(action.words[-1] for action in outline.actions),
        "options": options,
        "values": values,
        "value": next((_kind(argument) for argument in outline.arguments), ""),
    }
    below = "".join(f" {word}" for word in outline.words[1:])
    lines = [f"            {shlex.quote(below)})"]
    lines += [f"                {key}={shlex.quote(text)}" for key, text in facts.items() if text]
    return "\n".join([*lines, "                ;;", ""])


def _kind(argument: Argument) -> str:
    if argument.choices:
        return "words:" + " ".join(argument.choices)
    return argument.kind
