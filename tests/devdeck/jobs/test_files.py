from __future__ import annotations

import json
import logging
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.jobs.command import Spec
from devdeck.jobs.files import (
    JobSpec,
    Result,
    read_result,
    read_spec,
    read_started,
    runner_argv,
    write_result,
    write_spec,
)
from devdeck.model import JobKind

words = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape")),
    st.sampled_from(["-", "--", "$(x)", "a b", "'\"\\", "\x1b]0;x\x07", "\ufeff", "\u2028", "🐍" * 5, "../..", "#{x}"]),
)
names = words.map(lambda word: word.replace("=", "")).filter(bool)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(words, min_size=1, max_size=6),
    words,
    st.dictionaries(names, words, max_size=4),
    st.lists(names, max_size=3),
    words,
)
def test_a_spec_survives_being_written_read_and_run(
    argv: list[str], cwd: str, added: dict[str, str], removed: list[str], title: str
) -> None:
    spec = JobSpec(
        id="20260101-x", argv=tuple(argv), cwd=cwd, set=added, unset=tuple(removed), kind=JobKind.TEST, title=title
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_spec(folder, spec)
        assert read_spec(folder) == spec
        seen = Spec(json.loads((folder / "spec.json").read_bytes()))
    utf8 = [word.encode("utf-8", "surrogateescape") for word in argv]
    assert seen.argv == utf8
    assert seen.cwd == cwd.encode("utf-8", "surrogateescape")
    for key, value in added.items():
        if key != "DEVDECK_JOB":
            assert seen.environment[key.encode("utf-8", "surrogateescape")] == value.encode("utf-8", "surrogateescape")
    for key in set(removed) - set(added) - {"DEVDECK_JOB"}:
        assert key.encode("utf-8", "surrogateescape") not in seen.environment


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[]", b'{"pid": "x"}', b"\xff\xfe", b"[" * 100_000, b'{"exit_status": 1', b"\0" * 4096],
)
def test_garbage_is_none_and_logged(tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    for name, read in (("started.json", read_started), ("result.json", read_result), ("spec.json", read_spec)):
        (tmp_path / name).write_bytes(data)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert read(tmp_path) is None
        assert name in caplog.text


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "result.json").write_bytes(data)
        result = read_result(Path(name))
    assert result is None or isinstance(result, Result)


def test_a_missing_record_is_none_and_nothing_to_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert (read_started(tmp_path), read_result(tmp_path), read_spec(tmp_path)) == (None, None, None)
    assert not caplog.text


def test_a_result_is_private_whole_and_first_come(tmp_path: Path) -> None:
    result = Result(exit_status=1, signal=None, ended_at=2.0, duration=1.0, stopped=False, reason="\udcff")
    assert write_result(tmp_path, result)
    other = Result(exit_status=0, signal=None, ended_at=3.0, duration=1.0, stopped=True, reason="")
    assert not write_result(tmp_path, other)
    assert read_result(tmp_path) == result
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert stat.S_IMODE((tmp_path / "result.json").stat().st_mode) == 0o600


def test_the_runner_is_started_isolated(tmp_path: Path) -> None:
    python, *flags, script, directory = runner_argv(tmp_path)
    assert (python, flags, directory) == (sys.executable, ["-I", "-S"], str(tmp_path))
    assert Path(script).is_file()
    assert Path(script).is_absolute()
