"""The daemon's settings: kaimond.toml and the overlay files beside it.

The dataclasses below are the only list of keys: each field has its default, its meaning and the
rule for its value. Reading, error messages and `describe` are derived from them, so a new setting
is one field.

kaimond.toml belongs to the user and is only read. The overlay files (`kaimond.d/*.toml`, sorted
by name) are read after it; a later file wins key by key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kaimond.config import files
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

DAY: Final = 86_400
_VARIABLES: Final = re.compile(r"[A-Za-z_*?\[][A-Za-z0-9_*?\[\]!-]*")


class SettingsError(KaimonError):
    """A settings file cannot be used; the message gives file, key, value and what is allowed."""


class Rule(NamedTuple):
    """The rule for the value of a key.

    Attributes:
        types: The Python types that the TOML value may have; bool does not count as int.
        allowed: The allowed values in words, for error messages.
        check: Tells whether a value of the right type is in range.
        meaning: What the key does, for people.
    """

    types: tuple[type, ...]
    allowed: str
    check: Callable[[Any], bool]
    meaning: str


def _choice(default: str, options: Sequence[str], meaning: str) -> str:
    allowed = "one of " + ", ".join(f'"{option}"' for option in options)
    rule = Rule((str,), allowed, lambda value: value in options, meaning)
    return field(default=default, metadata={"rule": rule})


def _text(default: str, meaning: str) -> str:
    rule = Rule(
        (str,),
        "a text that is not empty and has no control characters",
        lambda value: bool(value.strip()) and value.isprintable(),
        meaning,
    )
    return field(default=default, metadata={"rule": rule})


def _whole(default: int, least: int, most: int, meaning: str) -> int:
    allowed = f"a whole number from {least} to {most}"
    rule = Rule((int,), allowed, lambda value: least <= value <= most, meaning)
    return field(default=default, metadata={"rule": rule})


def _seconds(default: float, meaning: str) -> float:
    allowed = f"a number of seconds above 0 and at most {DAY}"
    # Written so that nan, for which every comparison is false, is refused too.
    rule = Rule((float, int), allowed, lambda value: 0 < value <= DAY, meaning)
    return field(default=default, metadata={"rule": rule})


def _variables(meaning: str) -> tuple[str, ...]:
    rule = Rule(
        (list,),
        'a list of environment variable names or patterns, such as ["MY_DATA", "AWS_*"]',
        lambda value: all(isinstance(name, str) and _VARIABLES.fullmatch(name) for name in value),
        meaning,
    )
    return field(default=(), metadata={"rule": rule})


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Table [log]: the server log."""

    level: str = _choice(
        "info", ("debug", "info", "warning", "error"), "least level that is written"
    )
    max_bytes: int = _whole(
        5_000_000, 10_000, 10**12, "size in bytes at which server.log is rotated"
    )
    backups: int = _whole(5, 0, 1000, "number of rotated files that are kept")


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Table [session]: time limits in a session's life."""

    start_timeout: float = _seconds(120.0, "seconds that a session has to become ready")
    stop_timeout: float = _seconds(
        5.0, "seconds for each step of ending a session: asked, SIGTERM, SIGKILL"
    )
    restart_timeout: float = _seconds(15.0, "seconds that a restart in place has to be proved")


@dataclass(frozen=True, slots=True)
class EvalSettings:
    """Table [eval]: evals."""

    promote_after: float = _seconds(
        30.0, "seconds after which a call returns while its eval goes on in the background"
    )
    keep: int = _whole(200, 1, 10_000, "number of results that are kept for each session")
    keep_days: int = _whole(30, 1, 3650, "days that results are kept")
    max_output_bytes: int = _whole(
        2**30, 100_000, 10**15, "bytes that an eval may print before it is interrupted"
    )
    max_total_output_bytes: int = _whole(
        2**33, 100_000, 10**15, "bytes of output that are kept of all evals together"
    )


@dataclass(frozen=True, slots=True)
class JuliaSettings:
    """Table [julia]: the Julia that sessions run."""

    command: str = _text("julia", "program name, path or juliaup channel of Julia")


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """Table [environment]: which of the daemon's variables sessions get."""

    # `pass` is a Python keyword; the TOML key has no underscore.
    pass_: tuple[str, ...] = _variables("further variables that sessions inherit")


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """Table [daemon]: the daemon itself."""

    on_stop: str = _choice(
        "end", ("end", "keep"), "whether sessions end with the daemon or live on"
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked, with defaults filled in."""

    log: LogSettings = field(default_factory=LogSettings)
    session: SessionSettings = field(default_factory=SessionSettings)
    eval: EvalSettings = field(default_factory=EvalSettings)
    julia: JuliaSettings = field(default_factory=JuliaSettings)
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    daemon: DaemonSettings = field(default_factory=DaemonSettings)


class Key(NamedTuple):
    """One known setting. `name` is dotted, as in `log.level`."""

    table: str
    attribute: str
    name: str
    default: object
    rule: Rule


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of reading the settings.

    Attributes:
        settings: The settings in effect.
        warnings: Sentences about ignored keys and tables.
        origins: For each dotted key that a file sets, the file whose value is in effect.
    """

    settings: Settings
    warnings: tuple[str, ...]
    origins: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Described:
    """One key, its value in effect, and the file that sets it; None for the default."""

    name: str
    value: object
    default: object
    allowed: str
    meaning: str
    origin: Path | None


def _known() -> Iterator[Key]:
    for table in fields(Settings):
        defaults = getattr(Settings(), table.name)
        for item in fields(defaults):
            name = f"{table.name}.{item.name.rstrip('_')}"
            yield Key(table.name, item.name, name, item.default, item.metadata["rule"])


KEYS: Final[Mapping[str, Key]] = {key.name: key for key in _known()}
_TABLES: Final[Mapping[str, type[Any]]] = {
    table.name: type(getattr(Settings(), table.name)) for table in fields(Settings)
}


def load(path: Path, overlay: Path) -> Loaded:
    """Read the settings file `path` and the `*.toml` files of the directory `overlay`.

    Files that do not exist count as empty.

    Raises:
        SettingsError: A file cannot be read, is not TOML, or holds a value that is not allowed.
    """
    values: dict[str, object] = {}
    origins: dict[str, Path] = {}
    warnings: list[str] = []
    for file in (path, *_overlay_files(overlay)):
        for name, value in _read(file, warnings):
            values[name] = value
            origins[name] = file
    arguments: dict[str, dict[str, Any]] = {table: {} for table in _TABLES}
    for name, value in values.items():
        arguments[KEYS[name].table][KEYS[name].attribute] = value
    tables = {table: _TABLES[table](**given) for table, given in arguments.items()}
    return Loaded(Settings(**tables), tuple(warnings), origins)


def describe(loaded: Loaded) -> tuple[Described, ...]:
    """Return every known key with its value in effect, in the order of the table above."""
    return tuple(
        Described(
            key.name,
            getattr(getattr(loaded.settings, key.table), key.attribute),
            key.default,
            key.rule.allowed,
            key.rule.meaning,
            loaded.origins.get(key.name),
        )
        for key in KEYS.values()
    )


def _overlay_files(overlay: Path) -> list[Path]:
    try:
        found = [entry for entry in overlay.iterdir() if entry.name.endswith(".toml")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SettingsError(f"{overlay}: cannot be listed ({error.strerror}).") from error
    # Editors keep temporary copies under hidden names.
    return sorted(entry for entry in found if not entry.name.startswith("."))


def _read(file: Path, warnings: list[str]) -> Iterator[tuple[str, object]]:
    for table, content in parse(file).items():
        if table not in _TABLES:
            warnings.append(f"{file}: {_unknown(table, content)}")
        elif not isinstance(content, dict):
            raise SettingsError(
                f"{file}: {table} = {_shown(content)} is not allowed. "
                f"{table} is a table: write its keys below a line [{table}]."
            )
        else:
            for name, value in content.items():
                key = KEYS.get(f"{table}.{name}")
                if key is None:
                    warnings.append(f"{file}: {_unknown(f'{table}.{name}', value)}")
                else:
                    try:
                        yield key.name, checked(key, value)
                    except SettingsError as error:
                        raise SettingsError(f"{file}: {error}") from None


def parse(file: Path) -> dict[str, Any]:
    """Return the unchecked content of a settings file; empty if there is no file.

    Raises:
        SettingsError: The file cannot be read, or is not TOML.
    """
    text = ""
    try:
        text = files.read(file).decode()
        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{file}: line {line}: the text is not UTF-8. Save it so.") from error
    except RecursionError as error:
        raise SettingsError(f"{file}: values are nested too deeply.") from error
    except ValueError as error:  # TOMLDecodeError, and numbers beyond what int() takes
        raise SettingsError(f"{file}: {_syntax(str(error), text)}") from error


def _syntax(message: str, text: str) -> str:
    """Put the line first; tomllib puts it last, and omits it at the end of the text."""
    found = re.fullmatch(
        r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL
    )
    if found is None:
        return f"not valid TOML: {message}."
    line = found[2] or len(text.splitlines())
    return f"line {line}: not valid TOML: {found[1]}."


def checked(key: Key, value: object) -> object:
    """Return a TOML value in the form that `Settings` stores.

    Raises:
        SettingsError: The key cannot have this value.
    """
    # bool is a subclass of int, but `backups = true` is a mistake.
    right_type = isinstance(value, key.rule.types) and not isinstance(value, bool)
    if not right_type or not key.rule.check(value):
        raise SettingsError(
            f"{key.name} = {_shown(value)} is not allowed. Allowed is {key.rule.allowed}; "
            f"without the key it is {_shown(key.default)}."
        )
    if isinstance(value, list):
        return tuple(value)
    return float(value) if isinstance(value, int) and float in key.rule.types else value


def _unknown(name: str, value: object) -> str:
    what = "table" if isinstance(value, dict) and "." not in name else "key"
    close = difflib.get_close_matches(name, _TABLES if what == "table" else KEYS, n=1)
    if not close:
        # `level` at the top level or in the wrong table most likely means `log.level`.
        last = name.rpartition(".")[2]
        close = [known for known in KEYS if known.rpartition(".")[2] == last][:1]
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"unknown {what} {_shown(name)[1:-1]} is ignored.{hint}"


def _shown(value: object) -> str:
    """Return `value` approximately as TOML would write it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        shown = ["[...]" if isinstance(item, list) else _shown(item) for item in value[:5]]
        return "[" + ", ".join(shown + ["..."] * (len(value) > len(shown))) + "]"
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    text = ascii(value) if not isinstance(value, str) or not value.isprintable() else f'"{value}"'
    return text if len(text) <= 80 else text[:76] + "..." + text[-1]  # noqa: PLR2004 - one line
