"""Records to results: any chunking, hostile records, phases in every order."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.model import Outcome, TestResult
from devdeck.testing.longrepr import MAX_DETAIL, MAX_FRAMES, read_failure
from devdeck.testing.pytest_reader import MAX_DETAILS, PytestReader
from devdeck.testing.records import RecordStream


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def start(**fields: Any) -> dict[str, Any]:
    return {"$report_type": "SessionStart", "rootdir": "/w", "invocation_dir": "/w", **fields}


def report(
    when: str = "call", outcome: str = "passed", id_: str = "test_a.py::test_a", **fields: Any
) -> dict[str, Any]:
    return {
        "$report_type": "TestReport",
        "nodeid": id_,
        "when": when,
        "outcome": outcome,
        "duration": 0.25,
        "location": ["test_a.py", 4, "test_a"],
        "longrepr": None,
        **fields,
    }


def exception(*places: tuple[str, int], message: str = "boom", path: str = "/w/x.py", line: int = 3) -> dict[str, Any]:
    entries = [
        {
            "type": "ReprEntry",
            "data": {"lines": ["    code", "E   boom"], "reprfileloc": {"path": place, "lineno": at, "message": ""}},
        }
        for place, at in places
    ]
    return {
        "reprcrash": {"path": path, "lineno": line, "message": message},
        "reprtraceback": {"reprentries": entries, "extraline": None, "style": "long"},
        "sections": [],
        "chain": [],
    }


def results_of(*records: dict[str, Any]) -> dict[str, TestResult]:
    return {result.id: result for result in PytestReader().feed(lines(start(), *records))}


def only(*records: dict[str, Any]) -> TestResult:
    (result,) = results_of(*records).values()
    return result


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ([("setup", "passed"), ("call", "passed"), ("teardown", "passed")], Outcome.PASSED),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "passed")], Outcome.FAILED),
        ([("setup", "failed"), ("teardown", "passed")], Outcome.ERROR),
        ([("setup", "skipped"), ("teardown", "passed")], Outcome.SKIPPED),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], Outcome.ERROR),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "failed")], Outcome.FAILED),
        ([("setup", "passed"), ("call", "skipped"), ("teardown", "failed")], Outcome.ERROR),
        ([("setup", "passed")], Outcome.RUNNING),
        ([("setup", "passed"), ("???", "failed")], Outcome.FAILED),
    ],
)
def test_phases_make_one_result(phases: list[tuple[str, str]], outcome: Outcome) -> None:
    result = only(*(report(when, how) for when, how in phases))
    assert result.outcome is outcome
    if result.outcome is not Outcome.RUNNING:
        assert result.duration == 0.25 * len(phases)


def test_expected_failures() -> None:
    assert only(report(outcome="skipped", wasxfail="reason: known")).outcome is Outcome.XFAILED
    assert only(report(outcome="skipped", wasxfail="reason: known")).message == "known"
    assert only(report(outcome="passed", wasxfail="")).outcome is Outcome.XPASSED


def test_a_test_that_starts_is_running_and_has_its_place() -> None:
    record = {"$report_type": "TestStart", "nodeid": "test_a.py::test_a", "location": ["test_a.py", 4, "test_a"]}
    result = only(record)
    assert (result.outcome, result.path, result.line) == (Outcome.RUNNING, "test_a.py", 5)


def test_reruns_forget_the_failures_before() -> None:
    failed = report(outcome="rerun", longrepr=exception(("x.py", 3)))
    assert only(report("setup"), failed).outcome is Outcome.RUNNING
    passed = only(report("setup"), failed, report("setup"), report(), report("teardown"))
    assert (passed.outcome, passed.frames) == (Outcome.PASSED, ())
    assert passed.message == "failed at first, passed when tried again"


def test_the_same_test_run_twice_keeps_the_failure() -> None:
    assert only(report(outcome="failed"), report("teardown"), report("setup"), report()).outcome is Outcome.FAILED


def test_a_failed_subtest_fails_its_test() -> None:
    sub = {**report(outcome="failed", longrepr=exception(("x.py", 3))), "_report_type": "SubTestReport"}
    del sub["$report_type"]
    passing = {**sub, "outcome": "passed"}
    result = only(report("setup"), passing, sub, report(), report("teardown"))
    assert (result.outcome, result.path, result.line) == (Outcome.FAILED, "x.py", 3)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([("test_a.py", 5), ("src/a.py", 7)], ("src/a.py", 7)),
        ([("test_a.py", 5), ("/usr/lib/python3/json/decoder.py", 7)], ("test_a.py", 5)),
        ([("test_a.py", 5), (".venv/lib/python3/site-packages/b.py", 7)], ("test_a.py", 5)),
        ([("test_a.py", 5), ("../elsewhere/b.py", 7)], ("test_a.py", 5)),
        ([("/w/test_a.py", 5), ("/wide/b.py", 7)], ("test_a.py", 5)),
        ([("test_a.py", 5), ("<string>", 1)], ("test_a.py", 5)),
        ([("/other/c.py", 9)], ("x.py", 3)),
        ([], ("x.py", 3)),
    ],
)
def test_the_place_is_the_last_own_frame(places: list[tuple[str, int]], expected: tuple[str, int]) -> None:
    result = only(report(outcome="failed", longrepr=exception(*places)))
    assert (result.path, result.line) == expected


def test_root_above_the_run_directory() -> None:
    records = lines(start(rootdir="/w", invocation_dir="/w/sub"), report(location=["sub/test_a.py", 0, "t"]))
    (result,) = PytestReader().feed(records)
    assert (result.path, result.line) == ("test_a.py", 1)


def test_chain_of_exceptions() -> None:
    longrepr = exception(("last.py", 9), message="ValueError: last")
    cause = exception(("cause.py", 2))["reprtraceback"]
    because = "The above exception was the direct cause of the following exception:"
    longrepr["chain"] = [
        [cause, {"path": "/w/cause.py", "lineno": 2, "message": "cause"}, because],
        [longrepr["reprtraceback"], longrepr["reprcrash"], None],
    ]
    result = only(report(outcome="failed", longrepr=longrepr))
    assert [frame.path for frame in result.frames] == ["cause.py", "last.py"]
    assert result.message == "ValueError: last"
    assert because in result.detail


def test_frames_and_details_are_bounded() -> None:
    many = exception(*((f"f{number}.py", number + 1) for number in range(500)))
    many["reprtraceback"]["reprentries"][0]["data"]["lines"] = ["z" * 500_000]
    result = only(report(outcome="failed", longrepr=many, sections=[["Captured stdout call", "o" * 500_000 + "end"]]))
    assert len(result.frames) == MAX_FRAMES
    assert result.frames[-1].path == "f499.py"
    assert len(result.detail) <= MAX_DETAIL
    assert result.detail.endswith("end")


def test_only_the_first_failures_keep_their_detail() -> None:
    failures = [
        report(outcome="failed", id_=f"t::{number}", longrepr=exception(("x.py", 3)))
        for number in range(MAX_DETAILS + 1)
    ]
    results = list(results_of(*failures).values())
    assert results[MAX_DETAILS - 1].detail
    assert results[MAX_DETAILS].detail == ""
    assert results[MAX_DETAILS].message == "boom"


def test_messages_lose_escapes_and_surrogates() -> None:
    result = only(report(outcome="failed", longrepr=exception(("x.py", 3), message="\x1b[31mred\x1b[0m \udcff")))
    assert result.message == "red \ufffd"


def test_totals() -> None:
    reader = PytestReader()
    assert not reader.totals.started
    reader.feed(lines(start(), {"$report_type": "CollectionFinish", "collected": 2}, report(), report("teardown")))
    assert (reader.totals.started, reader.totals.collected, reader.totals.reported) == (True, 2, 1)
    failed = {"$report_type": "CollectReport", "nodeid": "b.py", "outcome": "failed", "longrepr": "E   Oh: no"}
    (error,) = reader.feed(lines(failed))
    assert (error.id, error.outcome, error.message) == ("b.py", Outcome.ERROR, "Oh: no")
    reader.feed(lines({"$report_type": "SessionFinish", "exitstatus": 2}) + b"garbage\n[1]\n")
    totals = reader.totals
    assert (totals.finished, totals.exit_status, totals.collection_errors, totals.malformed) == (True, 2, 1, 2)


SAMPLE = lines(
    start(),
    {
        "$report_type": "CollectReport",
        "nodeid": "b.py",
        "outcome": "failed",
        "longrepr": "b.py:3: in <module>\nE   X: y",
    },
    {"$report_type": "CollectionFinish", "collected": 3},
    {"$report_type": "TestStart", "nodeid": "é[/x]", "location": ["a.py", 1, "é"]},
    report("setup", id_="é[/x]"),
    report(id_="é[/x]", outcome="failed", longrepr=exception(("x.py", 3))),
    report("teardown", id_="é[/x]"),
    report("setup", "skipped", longrepr=["/w/a.py", 3, "Skipped: no"]),
    {"$report_type": "SessionFinish", "exitstatus": 1},
)


@settings(max_examples=150, deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(SAMPLE)), max_size=30),
    garbage=st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=40)), max_size=5),
)
def test_any_chunking_gives_the_same(cuts: list[int], garbage: list[tuple[int, bytes]]) -> None:
    pieces = SAMPLE.splitlines(keepends=True)
    for index, noise in garbage:
        pieces.insert(index, noise.replace(b"\n", b"") + b"\n")
    data = b"".join(pieces)
    whole, parts = PytestReader(), PytestReader()
    expected = whole.feed(data)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    got = [result for left, right in pairwise(edges) for result in parts.feed(data[left:right])]
    assert tuple(got) == expected
    assert parts.totals == whole.totals
    assert whole.totals.finished
    assert {result.id: result.outcome for result in expected}["é[/x]"] is Outcome.FAILED


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=30) | st.just(b"\n") | st.just(b'{"a": 1}\n'), max_size=20), st.integers(1, 40))
def test_record_stream_is_bounded_and_chunking_does_not_matter(chunks: list[bytes], limit: int) -> None:
    whole, parts = RecordStream(limit), RecordStream(limit)
    data = b"".join(chunks)
    assert [record for chunk in chunks for record in parts.feed(chunk)] == whole.feed(data)
    assert parts.malformed == whole.malformed
    complete = data.split(b"\n")[:-1]
    assert RecordStream(limit).feed(data) == [
        found for line in complete if len(line) <= limit if (found := parsed(line))
    ]


def parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def test_deep_nesting_is_passed_over() -> None:
    stream = RecordStream()
    assert stream.feed(b"[" * 100_000 + b"\n" + b'{"a": 1}\n') == [{"a": 1}]
    assert stream.malformed == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
KEYS = st.sampled_from(
    ["nodeid", "when", "outcome", "duration", "location", "longrepr", "sections", "wasxfail", "collected", "exitstatus"]
)
TYPES = st.sampled_from(
    ["TestReport", "CollectReport", "TestStart", "SessionStart", "SessionFinish", "CollectionFinish", "InternalError"]
)


@settings(max_examples=300, deadline=None)
@given(TYPES, st.dictionaries(KEYS, JSON), st.sampled_from(["passed", "failed", "skipped", "rerun"]))
def test_records_of_any_shape_are_read_without_error(kind: str, fields: dict[str, Any], outcome: str) -> None:
    base = {**report(outcome=outcome), **fields, "$report_type": kind}
    for result in PytestReader().feed(lines(start(), base, {**base, "nodeid": "a"})):
        assert result.id
        assert result.duration >= 0
        assert result.line is None or result.line >= 1
        result.message.encode()
        result.detail.encode()


@settings(max_examples=200, deadline=None)
@given(JSON, JSON, JSON)
def test_representations_of_any_shape_are_read_without_error(first: Any, second: Any, third: Any) -> None:
    shapes = [
        first,
        {"reprcrash": first, "reprtraceback": second, "chain": third},
        {"reprtraceback": {"reprentries": [first, {"data": second}, {"data": {"lines": third, "reprfileloc": first}}]}},
        {"chain": [[{"reprentries": second}, third, first]]},
    ]
    for shape in shapes:
        assert len(read_failure(shape, third).detail) <= MAX_DETAIL
