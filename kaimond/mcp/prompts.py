"""Prompts: tasks that a person gives to an agent by name, as clients offer with slash commands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import mcp_types as types

from kaimond.errors import ErrorKind, KaimonError
from kaimond.mcp.text import readable
from kaimond.mcp.unknown_names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST: Final = 500
"""Most characters of an argument."""

_WORDS: Final = {
    "project": "Directory of the project; left out: the one that you work in.",
    "session": "Key of a session that is there already.",
    "test": "The test that fails: its name, its file, or what it said.",
}
_ALL_TESTS: Final = 'ex(e="using Pkg; Pkg.test()")'


@dataclass(frozen=True)
class Prompt:
    """A prompt.

    Attributes:
        title: its title, for people.
        description: what it has the agent do, for people.
        arguments: names of its arguments, all of which may be left out, in the order in which
            clients take them.
        text: what the agent is told; `{of}` stands for the project, `{session}` for how to get its
            session, `{test}` for the test, `{all_tests}` for a call that runs all of them.
    """

    title: str
    description: str
    arguments: tuple[str, ...]
    text: str

    def told(self, given: Mapping[str, str]) -> str:
        """Return what the agent is told.

        Args:
            given: the arguments; empty ones count as left out.
        """
        quoted = {
            name: json.dumps(readable(value.strip())[:_LONGEST], ensure_ascii=False)
            for name, value in given.items()
            if value.strip()
        }
        return self.text.format(
            of=f"the project {quoted['project']}" if "project" in quoted else "this project",
            session=_session(quoted),
            test=f"the test {quoted['test']}" if "test" in quoted else "a test",
            all_tests=_ALL_TESTS,
        )


def _session(quoted: Mapping[str, str]) -> str:
    if "session" in quoted:
        return f"Pass session={quoted['session']} in every call; ping shows whether it is there."
    refused = "If it is not allowed, show me the command that the answer names, and stop."
    if "project" in quoted:
        return f"start_session(project_path={quoted['project']}) gives it. {refused}"
    return (
        f"ex uses the session of the project that you work in, and starts it if need be. {refused}"
    )


PROMPTS: Final = {
    "start": Prompt(
        "Work in a live Julia session",
        "Get the Kaimon session of a project and use it for all Julia work.",
        ("project", "session"),
        """\
Use the live Kaimon session of {of} for all Julia work, not `julia` in a shell: variables, loaded \
packages and compiled code stay from call to call.
1. The session: {session}
2. Evaluate in small steps with ex(e="...", q=false), and keep what was expensive in variables.
3. Edit source files as usual; the session takes changes up before the next ex. Restart it only \
where an answer says that this is needed.
4. What takes longer goes on in the background: check_eval follows it, cancel_eval ends it.
Begin now: get the session, evaluate `VERSION, pwd()`, and tell me in one line what you have.""",
    ),
    "test": Prompt(
        "Run the tests",
        "Run the tests of a package through its Kaimon session, and report.",
        ("project", "session"),
        """\
Run the tests of {of} through its Kaimon session, and report.
1. The session: {session}
2. {all_tests} runs them in a fresh process, as CI does. It goes on in the background: follow it \
with check_eval and the offset that each answer names, until it has ended.
3. Tell me how many passed, failed and broke, and of each failure the file and line, the \
expression, what was expected and what came. Change no file.""",
    ),
    "debug": Prompt(
        "Debug a failing test",
        "Find out in a Kaimon session why a test fails, and mend it.",
        ("test", "project", "session"),
        """\
Find out why {test} of {of} fails, in its Kaimon session, and mend it.
1. The session: {session}
2. If you do not know which test fails and where, {all_tests} tells; it goes on in the background, \
so follow it with check_eval.
3. Make it fail in the session with as little code as possible: ex with the lines of that test \
alone. Variables stay, so look at each step's value with q=false; \
check_eval(eval_id="...", trace=true) shows the whole backtrace of an error.
4. Say in one sentence what is wrong before you edit anything. Then edit the source: the session \
takes the change up before the next ex. Repeat step 3 until it passes.
5. Run all tests with {all_tests}, and tell me what was wrong, what you changed and how they \
went.""",
    ),
}
"""All prompts by name."""


class UnknownPromptError(KaimonError):
    """An error about a prompt, or an argument of one, that there is not."""

    kind = ErrorKind.REFUSED


def listed() -> list[types.Prompt]:
    """Return all prompts for a client's list."""
    return [
        types.Prompt(
            name=name,
            title=prompt.title,
            description=prompt.description,
            arguments=[
                types.PromptArgument(name=argument, description=_WORDS[argument], required=False)
                for argument in prompt.arguments
            ],
        )
        for name, prompt in PROMPTS.items()
    ]


def given(name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
    """Return what a prompt tells the agent.

    Raises:
        UnknownPromptError: there is no such prompt, or it takes no such argument.
    """
    prompt = PROMPTS.get(name)
    if prompt is None:
        guess = did_you_mean(name, PROMPTS)
        known = ", ".join(PROMPTS)
        raise UnknownPromptError(f"There is no prompt {name!r}.{guess} The prompts are: {known}.")
    unknown = [argument for argument in arguments if argument not in prompt.arguments]
    if unknown:
        raise UnknownPromptError(
            f"The prompt {name} has no argument {unknown[0]!r}. Its arguments are: "
            f"{', '.join(prompt.arguments)}."
        )
    content = types.TextContent(type="text", text=prompt.told(arguments))
    message = types.PromptMessage(role="user", content=content)
    return types.GetPromptResult(description=prompt.description, messages=[message])
