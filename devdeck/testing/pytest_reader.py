"""Reads the records of pytest-reportlog's form and makes one result of the three phases of each test."""

from __future__ import annotations

import math
import os.path
from typing import Any

import msgspec

from devdeck.model import Frame, Outcome, TestResult
from devdeck.testing.adapter import Totals
from devdeck.testing.longrepr import MAX_DETAIL, Failure, read_failure
from devdeck.testing.records import RecordStream

MAX_DETAILS = 200
"""Failures of one run that are kept with their full text; later ones keep message and frames."""

_VENDOR = frozenset(
    {"site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "node_modules", "__pypackages__"}
)

# A phase can make an outcome worse, never better: a test that failed stays failed when its teardown passes.
_RANK = {
    Outcome.RUNNING: 0,
    Outcome.PASSED: 1,
    Outcome.XPASSED: 2,
    Outcome.SKIPPED: 3,
    Outcome.XFAILED: 4,
    Outcome.ERROR: 5,
    Outcome.FAILED: 6,
}
_BAD = (Outcome.FAILED, Outcome.ERROR)
_AGAIN = ("rerun", "retried")
_RETRY = "failed, and is tried again"


class PytestReader:
    """See `devdeck.testing.adapter.EventReader`."""

    def __init__(self) -> None:
        self._stream = RecordStream()
        self._results: dict[str, TestResult] = {}
        self._totals = Totals()
        self._reported: set[str] = set()
        self._details = 0
        self._root = ""
        self._invocation = ""

    @property
    def totals(self) -> Totals:
        """What is known of the whole run."""
        return msgspec.structs.replace(self._totals, reported=len(self._reported), malformed=self._stream.malformed)

    def feed(self, data: bytes) -> tuple[TestResult, ...]:
        """Take the next bytes; returns the results that became known or changed, in order."""
        changed = []
        for record in self._stream.feed(data):
            result = self._take(record)
            if result is not None:
                self._results[result.id] = result
                changed.append(result)
        return tuple(changed)

    def _take(self, record: dict[str, Any]) -> TestResult | None:
        match record.get("$report_type") or record.get("_report_type"):
            case "TestReport":
                return self._test_report(record)
            case "SubTestReport" | "SubtestReport":
                return self._subtest_report(record)
            case "TestStart":
                return self._test_start(record)
            case "CollectReport":
                return self._collect_report(record)
            case "CollectionFinish":
                count = _integer(record.get("collected"))
                if count is not None and count >= 0:
                    self._note(collected=count)
            case "SessionStart":
                self._root = _string(record.get("rootdir"))
                self._invocation = _string(record.get("invocation_dir"))
                self._note(started=True)
            case "SessionFinish":
                self._note(finished=True, exit_status=_integer(record.get("exitstatus")))
            case "InternalError":
                lines = _string(record.get("longrepr")).strip().split("\n")
                self._note(problem=read_failure(lines[-1]).message)
            case _:
                pass
        return None

    def _note(self, **fields: Any) -> None:
        self._totals = msgspec.structs.replace(self._totals, **fields)

    # Tests

    def _test_start(self, record: dict[str, Any]) -> TestResult | None:
        id_ = _string(record.get("nodeid"))
        if not id_ or id_ in self._results:
            return None
        return self._fresh(id_, record)

    def _fresh(self, id_: str, record: dict[str, Any]) -> TestResult:
        path, line = self._location(record.get("location"))
        return TestResult(id=id_, outcome=Outcome.RUNNING, path=path, line=line)

    def _test_report(self, record: dict[str, Any]) -> TestResult | None:
        id_ = _string(record.get("nodeid"))
        if not id_:
            return None
        known = self._results.get(id_)
        result = known or self._fresh(id_, record)
        result = msgspec.structs.replace(result, duration=result.duration + _seconds(record.get("duration")))
        if record.get("outcome") in _AGAIN:
            again = self._fresh(id_, record)
            return msgspec.structs.replace(again, duration=result.duration, message=_RETRY)
        outcome = _outcome(record)
        if outcome is not None:
            self._reported.add(id_)
            return self._worse(result, outcome, record)
        # A phase that passed tells nothing new, but the last one completes the duration.
        if record.get("when") == "teardown" or known is None:
            return result
        self._results[id_] = result
        return None

    def _subtest_report(self, record: dict[str, Any]) -> TestResult | None:
        """A failed subtest fails its test; the others are told with the test itself."""
        id_ = _string(record.get("nodeid"))
        if not id_ or record.get("outcome") != "failed":
            return None
        result = self._results.get(id_) or self._fresh(id_, record)
        return self._worse(result, Outcome.FAILED, record)

    def _worse(self, result: TestResult, outcome: Outcome, record: dict[str, Any]) -> TestResult:
        """The result with what this phase adds: its outcome, and of the first failure its place and words."""
        before = result.outcome
        if _RANK[outcome] > _RANK[before]:
            result = msgspec.structs.replace(result, outcome=outcome)
        if outcome in _BAD:
            failure = read_failure(record.get("longrepr"), record.get("sections"))
            return self._also(result, failure) if before in _BAD else self._failed(result, failure)
        if outcome is not Outcome.PASSED and before not in _BAD:
            reason = _string(record.get("wasxfail")).removeprefix("reason: ")
            message = read_failure(reason).message or read_failure(record.get("longrepr")).message
            return msgspec.structs.replace(result, message=message)
        if outcome is Outcome.PASSED and result.message == _RETRY:
            return msgspec.structs.replace(result, message="failed at first, passed when tried again")
        return result

    def _failed(self, result: TestResult, failure: Failure) -> TestResult:
        self._details += 1
        place = next((frame for frame in reversed(failure.frames) if self._own(frame)), failure.crash)
        if place is None and failure.frames:
            place = failure.frames[-1]
        return msgspec.structs.replace(
            result,
            path=self._relative(place.path) or place.path if place else result.path,
            line=place.line if place else result.line,
            message=failure.message,
            frames=failure.frames,
            detail=failure.detail if self._details <= MAX_DETAILS else "",
        )

    def _also(self, result: TestResult, failure: Failure) -> TestResult:
        """A second failure of the same test: it stays with the first one's place."""
        room = MAX_DETAIL - len(result.detail) - 2
        if not result.detail or room < len(failure.detail):
            return result
        return msgspec.structs.replace(result, detail=f"{result.detail}\n\n{failure.detail}")

    # Collection

    def _collect_report(self, record: dict[str, Any]) -> TestResult | None:
        """A file that can't be collected is a result of its own, and so is one that is skipped as a whole."""
        id_, outcome = _string(record.get("nodeid")), record.get("outcome")
        if outcome == "failed":
            id_ = id_ or "(collection)"
            if id_ not in self._results:
                self._note(collection_errors=self._totals.collection_errors + 1)
            result = TestResult(id=id_, outcome=Outcome.RUNNING, path=id_.partition("::")[0])
            return self._worse(self._results.get(id_, result), Outcome.ERROR, record)
        if outcome == "skipped" and id_ and id_ not in self._results:
            result = TestResult(id=id_, outcome=Outcome.RUNNING, path=id_.partition("::")[0])
            return self._worse(result, Outcome.SKIPPED, record)
        return None

    # Places

    def _location(self, location: object) -> tuple[str | None, int | None]:
        """A report's `[path relative to the root, line from 0, name]` as path in the run's directory, line from 1."""
        if not isinstance(location, list) or len(location) < 2 or not _string(location[0]):
            return None, None
        line = _integer(location[1])
        path = os.path.normpath(os.path.join(self._root, location[0]))
        return self._relative(path) or path, line + 1 if line is not None and line >= 0 else None

    def _relative(self, path: str) -> str | None:
        """A path as seen from the run's directory; `None` when it lies outside."""
        if os.path.isabs(path):
            base = self._invocation.rstrip("/") + "/"
            if not self._invocation or not path.startswith(base):
                return None
            path = path[len(base) :]
        path = os.path.normpath(path)
        return None if path == ".." or path.startswith("../") else path

    def _own(self, frame: Frame) -> bool:
        """Whether a frame lies in the repository's own code."""
        path = self._relative(frame.path)
        return path is not None and not path.startswith("<") and _VENDOR.isdisjoint(path.split("/"))


def _outcome(record: dict[str, Any]) -> Outcome | None:
    """What one phase says of its test; `None` when it says nothing."""
    in_test = record.get("when") not in ("setup", "teardown")
    expected = "wasxfail" in record
    match record.get("outcome"):
        case "passed" if in_test:
            return Outcome.XPASSED if expected else Outcome.PASSED
        case "skipped":
            return Outcome.XFAILED if expected else Outcome.SKIPPED
        case "failed":
            return Outcome.FAILED if in_test else Outcome.ERROR
    return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        seconds = float(value)
    except OverflowError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
