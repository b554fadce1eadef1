"""A pytest plugin that writes what happens as JSON lines, in the record format of pytest-reportlog.

It runs inside the user's own environment, so it is one file that needs nothing but the standard library and pytest:
Python 3.7 and later, pytest 5 and later. It is loaded by `-p devdeck_pytest_reporter` with its folder on PYTHONPATH,
and writes to the file named by `DEVDECK_PYTEST_EVENTS`; without that variable it does nothing.

Beside pytest-reportlog's records (SessionStart, CollectReport, TestReport, WarningMessage, SessionFinish) it writes
CollectionFinish (how many different tests were collected), TestStart (a test begins) and InternalError.
Nothing that goes wrong in here may change the run: an error is told on stderr once, then kept quiet.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

import pytest

MAX_TEXT = 32 * 1024
"""Longest string kept in a record, in characters; the middle of a longer one is left out."""

MAX_ITEMS = 2000
"""Longest list kept in a record; the middle of a longer one is left out."""

MAX_LINE = 1024 * 1024
"""Longest record written, in bytes; of a longer one only the essential is kept."""

MAX_WARNINGS = 1000


def _hide() -> str:
    """Take this plugin out of the environment, so that processes which the tests start don't see it."""
    path = os.environ.pop("DEVDECK_PYTEST_EVENTS", "")
    own = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    for index, entry in enumerate(entries):
        if entry and os.path.realpath(entry) == own:
            del entries[index]
            if entries:
                os.environ["PYTHONPATH"] = os.pathsep.join(entries)
            else:
                del os.environ["PYTHONPATH"]
            break
    return path


_events = _hide()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: Any) -> None:
    """Start reporting, but not in a worker of pytest-xdist: its controller repeats every report."""
    if _events and not hasattr(config, "workerinput"):
        _keep_from_workers(config)
        config.pluginmanager.register(Reporter(config, _events), "devdeck-pytest-reporter")


def _keep_from_workers(config: Any) -> None:
    """Take `-p devdeck_pytest_reporter` out of the arguments that pytest-xdist hands on to its workers.

    They could not always import it (old pytest-xdist, other machines), and they need not.
    """
    plugins = getattr(config.option, "plugins", None)
    if isinstance(plugins, list) and __name__ in plugins:
        config.option.plugins = [name for name in plugins if name != __name__]
    params: Any = getattr(config, "invocation_params", None)
    args = list(getattr(params, "args", None) or ())
    for index in range(len(args) - 1):
        if args[index] == "-p" and args[index + 1] == __name__:
            del args[index : index + 2]
            config.invocation_params = type(params)(args=tuple(args), plugins=params.plugins, dir=params.dir)
            break


class Reporter:
    """Writes the records of one session."""

    def __init__(self, config: Any, path: str) -> None:
        self._config = config
        self._path = path
        self._complained = False
        self._warnings = 0
        self._collected = 0
        # A test may put others in place of these while its report is written; builtins held by an instance stay.
        self._getpid, self._open, self._write, self._close = os.getpid, os.open, os.write, os.close
        self._flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        # A private encoder: `json.dumps` may be replaced as well.
        self._encode = json.JSONEncoder(default=repr, ensure_ascii=True).encode
        self._pid = os.getpid()

    # Hooks. `_safely` keeps every error inside.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Before anything is collected."""
        self._safely(self._session_start)

    def pytest_collectreport(self, report: Any) -> None:
        """A file, class or folder was collected, or could not be."""
        self._safely(self._report, report)

    def pytest_collection_finish(self, session: Any) -> None:
        """The tests to run are known."""
        self._safely(self._collection_finish, session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Any) -> None:
        """The same with pytest-xdist, once for each worker."""
        self._safely(self._counted, ids)

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        """A test begins."""
        self._safely(self._test_start, nodeid, location)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A phase of a test ended."""
        self._safely(self._report, report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        """A warning was caught (pytest 6 and later)."""
        self._safely(self._warning, warning_message, when, nodeid, location)

    def pytest_internalerror(self, excrepr: Any) -> None:
        """Pytest or a plugin broke."""
        self._safely(self._internal_error, excrepr)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        """After everything."""
        self._safely(self._session_finish, exitstatus)

    # Records

    def _session_start(self) -> None:
        config = self._config
        params = getattr(config, "invocation_params", None)
        invocation = params.dir if params is not None else getattr(config, "invocation_dir", os.getcwd())
        root = getattr(config, "rootpath", None) or getattr(config, "rootdir", invocation)
        self._put(
            {
                "$report_type": "SessionStart",
                "pytest_version": pytest.__version__,
                "python_version": ".".join(map(str, sys.version_info[:3])),
                "rootdir": str(root),
                "invocation_dir": str(invocation),
            }
        )

    def _report(self, report: Any) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        if not isinstance(data, dict):
            data = {name: getattr(report, name, None) for name in ("nodeid", "when", "outcome", "duration", "location")}
            data["longrepr"] = str(report.longrepr) if report.longrepr else None
        data.setdefault("$report_type", type(report).__name__)
        sections = data.get("sections")
        if isinstance(sections, (list, tuple)):
            data["sections"] = [(str(name)[:200], _end(str(text))) for name, text in sections]
        self._put(data)

    def _collection_finish(self, session: Any) -> None:
        self._counted({item.nodeid for item in session.items})

    def _counted(self, ids: Iterable[str]) -> None:
        """Record the number of different tests; of several workers of pytest-xdist the greatest."""
        count = len(set(ids))
        if count > self._collected or not self._collected:
            self._collected = count
            self._put({"$report_type": "CollectionFinish", "collected": count})

    def _test_start(self, nodeid: str, location: Any) -> None:
        self._put({"$report_type": "TestStart", "nodeid": nodeid, "location": list(location)})

    def _warning(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        self._warnings += 1
        if self._warnings > MAX_WARNINGS:
            return
        self._put(
            {
                "$report_type": "WarningMessage",
                "category": warning_message.category.__name__ if warning_message.category else None,
                "filename": str(warning_message.filename),
                "lineno": warning_message.lineno,
                "message": str(warning_message.message),
                "when": when,
                "nodeid": nodeid,
                "location": list(location) if location else None,
            }
        )

    def _internal_error(self, excrepr: Any) -> None:
        self._put({"$report_type": "InternalError", "longrepr": str(excrepr)})

    def _session_finish(self, exitstatus: Any) -> None:
        self._put({"$report_type": "SessionFinish", "exitstatus": int(exitstatus)})

    # Writing

    def _safely(self, write: Any, *args: Any) -> None:
        if self._getpid() != self._pid:
            return  # a fork that a test let run on into pytest
        try:
            write(*args)
        except Exception as error:  # noqa: BLE001  whatever it is, the user's run goes on
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if self._complained:
            return
        self._complained = True
        try:
            stream = sys.__stderr__ or sys.stderr
            stream.write(f"devdeck: a test event could not be recorded: {type(error).__name__}: {error}\n")
            stream.flush()
        except Exception:  # noqa: BLE001, S110  nowhere left to say it
            pass

    def _put(self, record: dict[str, Any]) -> None:
        line = self._encode(_cut(record))
        if len(line) > MAX_LINE:
            line = self._encode(_cut(_essential(record)))
        data = line.encode("ascii") + b"\n"
        # Opened anew for each record: a test that closes or reuses descriptors can't make this write elsewhere.
        descriptor = self._open(self._path, self._flags, 0o600)
        try:
            while data:
                data = data[self._write(descriptor, data) :]
        finally:
            self._close(descriptor)


def _end(text: str) -> str:
    """The end of a captured output, which is nearest to the failure."""
    return text if len(text) <= MAX_TEXT else "[the beginning is left out]\n" + text[-(MAX_TEXT - 28) :]


def _cut(value: Any, depth: int = 0) -> Any:
    """The same value with long strings and lists shortened in the middle, safe to encode."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            half = MAX_TEXT // 2 - 16
            return value[:half] + "\n[left out]\n" + value[-half:]
        return value
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth > 30:
        return "[too deep]"
    if isinstance(value, dict):
        return {str(key)[:1000]: _cut(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = list(value)
        if len(items) > MAX_ITEMS:
            items = items[: MAX_ITEMS // 2] + items[-MAX_ITEMS // 2 :]
        return [_cut(item, depth + 1) for item in items]
    return _cut(repr(value))


def _essential(record: dict[str, Any]) -> dict[str, Any]:
    """What must not be lost of a record that is too long: which test, how it ended, where and why."""
    kept: dict[str, Any] = {
        name: record.get(name)
        for name in ("$report_type", "_report_type", "nodeid", "when", "outcome", "duration", "location", "wasxfail")
        if name in record
    }
    longrepr = record.get("longrepr")
    if isinstance(longrepr, dict) and longrepr.get("reprcrash"):
        kept["longrepr"] = {"reprcrash": longrepr["reprcrash"], "reprtraceback": {"reprentries": []}}
    elif longrepr:
        kept["longrepr"] = str(longrepr)
    return kept
