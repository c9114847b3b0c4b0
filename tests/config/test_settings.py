from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaimond.config.settings import KEYS, Settings, SettingsError, describe, load


def write(directory: Path, text: str) -> Path:
    file = directory / "kaimond.toml"
    file.write_text(text)
    return file


def refused(directory: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(write(directory, text), directory / "none.d")
    return str(caught.value)


def test_without_files_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load(tmp_path / "kaimond.toml", tmp_path / "kaimond.d")
    assert loaded.settings == Settings()
    assert loaded.warnings == ()
    assert loaded.settings.log.level == "info"
    assert loaded.settings.session.start_timeout == 120.0


def test_every_key_can_be_set(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        log = { level = "debug", max_bytes = 10_000, backups = 0 }
        session = { start_timeout = 1, stop_timeout = 0.5, restart_timeout = 2.5 }
        eval.promote_after = 10
        eval.keep = 50
        eval.keep_days = 7
        eval.max_output_bytes = 100_000
        eval.max_total_output_bytes = 200_000
        julia.command = "/opt/julia/bin/julia"
        environment.pass = ["MY_DATA", "AWS_*"]
        daemon.on_stop = "keep"
        """,
    )
    loaded = load(file, tmp_path / "kaimond.d")
    assert loaded.warnings == ()
    assert set(loaded.origins) == set(KEYS)
    assert loaded.settings.environment.pass_ == ("MY_DATA", "AWS_*")
    assert loaded.settings.session.start_timeout == 1.0
    assert isinstance(loaded.settings.session.start_timeout, float)


def test_overlay_files_win_in_the_order_of_their_names(tmp_path: Path) -> None:
    file = write(tmp_path, 'log.level = "debug"\nlog.backups = 2')
    overlay = tmp_path / "kaimond.d"
    overlay.mkdir()
    (overlay / "20.toml").write_text("log.backups = 7")
    (overlay / "10.toml").write_text("log.backups = 3\nlog.max_bytes = 20000")
    (overlay / ".hidden.toml").write_text("log.backups = 99")
    (overlay / "note.txt").write_text("log.backups = 98")
    loaded = load(file, overlay)
    assert loaded.settings.log.level == "debug"
    assert loaded.settings.log.backups == 7
    assert loaded.settings.log.max_bytes == 20_000
    assert loaded.origins["log.backups"] == overlay / "20.toml"
    described = {line.name: line for line in describe(loaded)}
    assert described["log.backups"].value == 7
    assert described["log.backups"].default == 5
    assert described["log.level"].origin == file
    assert described["julia.command"].origin is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('log.levle = "debug"', ("log.levle", "Did you mean log.level?")),
        ('level = "debug"', ("unknown key level", "Did you mean log.level?")),
        ("[lgo]\nlevel = 1", ("unknown table lgo", "Did you mean log?")),
        ("[julia]\nstop_timeout = 1", ("julia.stop_timeout", "session.stop_timeout")),
        ("[zzz]\nq = 1", ("unknown table zzz is ignored.",)),
    ],
)
def test_an_unknown_key_is_a_warning_with_the_nearest_known_one(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    loaded = load(write(tmp_path, text), tmp_path / "none.d")
    assert loaded.settings == Settings()
    [warning] = loaded.warnings
    assert str(tmp_path / "kaimond.toml") in warning
    for name in names:
        assert name in warning


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('log.level = "loud"', ("log.level", '"loud"', '"warning"')),
        ("log.level = 3", ("log.level", "3")),
        ("log.backups = true", ("log.backups", "true", "whole number")),
        ("log.backups = 1.0", ("log.backups", "1.0")),
        ("log.max_bytes = 0", ("log.max_bytes", "10000")),
        ("session.start_timeout = true", ("session.start_timeout", "true")),
        ("session.start_timeout = 0", ("session.start_timeout", "above 0")),
        ("session.start_timeout = nan", ("session.start_timeout", "nan")),
        ("session.start_timeout = inf", ("session.start_timeout", "inf")),
        ('session.stop_timeout = "5"', ("session.stop_timeout", '"5"')),
        ('julia.command = " "', ("julia.command",)),
        ('julia.command = "a\\u0000b"', ("julia.command", "\\x00")),
        ('environment.pass = "HOME"', ("environment.pass", "list")),
        ('environment.pass = ["A=B"]', ("environment.pass", '["A=B"]')),
        ("environment.pass = [1]", ("environment.pass", "[1]")),
        ("environment.pass = [[[[]]]]", ("environment.pass", "[...]")),
        ('daemon.on_stop = "maybe"', ("daemon.on_stop", '"end", "keep"')),
        ("log = 3", ("log = 3", "[log]")),
        ("[[log]]\nlevel = 'info'", ("log", "table")),
        ("log.backups = 0x" + "f" * 5000, ("log.backups", "digits")),
    ],
)
def test_a_bad_value_is_an_error_with_file_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    message = refused(tmp_path, text)
    for name in (str(tmp_path / "kaimond.toml"), "not allowed", *names):
        assert name in message


def test_a_syntax_error_names_file_line_and_what(tmp_path: Path) -> None:
    message = refused(tmp_path, '[log]\nlevel = "info"\nbackups == 3\n')
    assert "kaimond.toml: line 3: not valid TOML: " in message


def test_text_that_is_not_utf_8_is_an_error_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "kaimond.toml"
    file.write_bytes(b"# fine\n# \xff\n")
    with pytest.raises(SettingsError, match="line 2: the text is not UTF-8"):
        load(file, tmp_path / "none.d")


def test_nesting_without_end_is_an_error(tmp_path: Path) -> None:
    assert "nested" in refused(tmp_path, "a = " + "[" * 20_000)


def test_a_directory_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, tmp_path / "none.d")


def test_a_broken_overlay_file_is_named(tmp_path: Path) -> None:
    overlay = tmp_path / "kaimond.d"
    overlay.mkdir()
    (overlay / "10.toml").write_text("[")
    with pytest.raises(SettingsError, match=r"10\.toml: line 1"):
        load(tmp_path / "kaimond.toml", overlay)


fragments = st.sampled_from(
    [
        *(b"[log]\n", b"[session]\n", b"level", b"start_timeout", b"environment.pass", b" = "),
        *(b"true\n", b'"info"\n', b"9e9", b"['A*']\n", b"1979-05-27\n", b"{a=1}\n"),
        *(b"\xff", b"\0", b"[["),
    ]
)


@given(st.binary(max_size=200) | st.lists(fragments, max_size=12).map(b"".join))
def test_no_content_raises_anything_but_a_settings_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "kaimond.toml"
        file.write_bytes(content)
        with contextlib.suppress(SettingsError):
            assert isinstance(load(file, Path(directory) / "none.d").settings, Settings)
        assert file.read_bytes() == content
