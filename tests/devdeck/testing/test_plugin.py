"""The plugin in real runs of pytest, and what devdeck makes of what it wrote."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import devdeck.testing
from devdeck.model import Outcome, RunState
from devdeck.testing.adapter import EVENTS
from devdeck.testing.pytest_adapter import PytestAdapter
from devdeck.testing.reconcile import conclude
from devdeck.testing.results import read_results
from tests.devdeck.testing.projects import environment_of, run
from tests.support import until

Make = Callable[[Mapping[str, str]], Path]
PLUGIN = Path(devdeck.testing.__file__).parent / "plugin" / "devdeck_pytest_reporter.py"

ZOO = {
    "pytest.ini": "[pytest]\n",
    "helper.py": """\
        def check(number):
            deeper(number)
        def deeper(number):
            assert number == 0, f"number is {number}"
        """,
    "test_zoo.py": """\
        import os, sys
        import pytest
        import helper

        def test_pass(): pass
        def test_fail():
            helper.check(1)
        @pytest.fixture
        def broken():
            raise RuntimeError("no set-up")
        def test_setup_error(broken): pass
        @pytest.fixture
        def late():
            yield
            raise RuntimeError("no teardown")
        def test_teardown_error(late): pass
        def test_fails_twice(late):
            assert 0, "in the call"
        @pytest.mark.xfail(reason="known bug")
        def test_xfail(): assert 0
        @pytest.mark.xfail(reason="known bug")
        def test_xpass(): pass
        @pytest.mark.xfail(strict=True, reason="must fail")
        def test_xpass_strict(): pass
        @pytest.mark.skip(reason="not today")
        def test_skip(): pass
        @pytest.mark.parametrize("value", ["é", "[/x]", "a\\nb", "\\x1b[31mred", "@click", "a::b", "-x"])
        def test_hostile(value): pass
        def test_exit(): sys.exit(3)
        def test_chain():
            try:
                helper.check(2)
            except AssertionError as error:
                raise ValueError("led to") from error
        def test_library():
            import json
            json.loads("{")
        def test_bytes():
            sys.stdout.flush()
            os.write(1, b"\\xff\\xfe")
            print("\\udcff lone")
            assert 0
        """,
    "test_broken.py": "import nothing_here\n",
    "test_syntax.py": "def (\n",
    "test_absent.py": "import pytest\npytest.skip('whole file', allow_module_level=True)\n",
}


def zoo_line(text: str) -> int:
    """Number of the first line of the zoo that holds a text."""
    return next(number for number, line in enumerate(ZOO["test_zoo.py"].splitlines(), 1) if text in line)


def test_every_outcome(project: Make, tmp_path: Path) -> None:
    ran = run(project(ZOO), tmp_path / "job", options=["--continue-on-collection-errors"])
    expected = {
        "test_pass": "passed",
        "test_fail": "failed",
        "test_setup_error": "error",
        "test_teardown_error": "error",
        "test_fails_twice": "failed",
        "test_xfail": "xfailed",
        "test_xpass": "xpassed",
        "test_xpass_strict": "failed",
        "test_skip": "skipped",
        "test_exit": "failed",
        "test_chain": "failed",
        "test_library": "failed",
        "test_bytes": "failed",
        "test_broken.py": "error",
        "test_syntax.py": "error",
        "test_absent.py": "skipped",
    }
    assert {name: ran.outcome(name) for name in expected} == expected
    hostile = [result for id_, result in ran.results.items() if "test_hostile" in id_]
    assert len(hostile) == 7
    assert {result.outcome for result in hostile} == {Outcome.PASSED}
    assert ran.run.state is RunState.FAILED
    assert ran.run.reason == "exit 1, 7 failed, 4 errors"
    assert (ran.run.passed, ran.run.skipped, ran.run.total) == (9, 3, 20)
    assert b"7 failed" in ran.output


def test_places_and_words(project: Make, tmp_path: Path) -> None:
    ran = run(project(ZOO), tmp_path / "job", options=["--continue-on-collection-errors"])
    passed, failed = ran.result("test_pass"), ran.result("test_fail")
    assert (passed.path, passed.line) == ("test_zoo.py", zoo_line("def test_pass"))
    assert (failed.path, failed.line) == ("helper.py", 4)
    assert [(frame.path, frame.line) for frame in failed.frames] == [
        ("test_zoo.py", zoo_line("helper.check(1)")),
        ("helper.py", 2),
        ("helper.py", 4),
    ]
    assert failed.message.startswith("AssertionError: number is 1")
    assert "helper.py:4: AssertionError" in failed.detail
    chained = ran.result("test_chain")
    assert chained.message == "ValueError: led to"
    assert (chained.path, chained.line) == ("test_zoo.py", zoo_line("raise ValueError"))
    assert [frame.line for frame in chained.frames] == [zoo_line("helper.check(2)"), 2, 4, chained.line]
    assert "direct cause" in chained.detail
    library = ran.result("test_library")
    assert (library.path, library.line) == (
        "test_zoo.py",
        zoo_line("json.loads"),
    )  # where the repository called the library
    assert "json" in library.frames[-1].path
    assert "in the call" in ran.result("test_fails_twice").detail
    assert "no teardown" in ran.result("test_fails_twice").detail
    assert ran.result("test_skip").message == "not today"
    assert ran.result("test_absent.py").message == "whole file"
    assert ran.result("test_xfail").message == "known bug"
    assert ran.result("test_xpass_strict").message == "[XPASS(strict)] must fail"
    broken, syntax = ran.result("test_broken.py"), ran.result("test_syntax.py")
    assert (broken.path, broken.line) == ("test_broken.py", 1)
    assert broken.message == "ModuleNotFoundError: No module named 'nothing_here'"
    assert (syntax.path, syntax.line, syntax.message) == ("test_syntax.py", 1, "SyntaxError: invalid syntax")
    ran.result("test_bytes").detail.encode("utf-8")


@pytest.mark.parametrize("style", ["short", "line", "native", "no", "long"])
def test_traceback_styles_keep_the_place(project: Make, tmp_path: Path, style: str) -> None:
    files = {name: ZOO[name] for name in ("pytest.ini", "helper.py", "test_zoo.py")}
    ran = run(project(files), tmp_path / "job", ["test_zoo.py::test_fail"], [f"--tb={style}"])
    failed = ran.result("test_fail")
    assert (failed.path, failed.line) == ("helper.py", 4)
    assert failed.message.startswith("AssertionError: number is 1")


def test_collection_error_stops_the_run(project: Make, tmp_path: Path) -> None:
    ran = run(project({"test_a.py": "def test_a(): pass\n", "test_b.py": "import nothing_here\n"}), tmp_path / "job")
    assert ran.run.state is RunState.ERROR
    assert ran.run.reason == "exit 2 (interrupted), 1 error, 1 of them in collection"


def test_interpreter_dies_in_a_test(project: Make, tmp_path: Path) -> None:
    files = {"test_a.py": "import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\ndef test_c(): pass\n"}
    ran = run(project(files), tmp_path / "job")
    assert ran.job.exit_status == 0
    assert ran.run.state is RunState.ERROR
    assert ran.run.reason == "exit 0, ended before the session finished, 1 cut off"
    assert ran.outcome("test_b") == "running"
    concluded = {result.id: result for result in conclude(ran.job, ran.results.values())}
    assert concluded["test_a.py::test_b"].outcome is Outcome.ERROR
    assert concluded["test_a.py::test_b"].message == "the run ended (exit 0) while this test ran"


def test_killed_by_a_signal(project: Make, tmp_path: Path) -> None:
    files = {"test_a.py": "import os\ndef test_a(): os.kill(os.getpid(), 9)\n"}
    ran = run(project(files), tmp_path / "job")
    assert ran.job.signal == signal.SIGKILL
    assert (ran.run.state, ran.run.reason) == (RunState.ERROR, "ended by SIGKILL, 1 cut off")


def test_pytest_exit_with_status_zero_is_not_green(project: Make, tmp_path: Path) -> None:
    files = {"test_a.py": "import pytest\ndef test_a(): pass\ndef test_b(): pytest.exit('enough', returncode=0)\n"}
    ran = run(project(files), tmp_path / "job")
    assert ran.job.exit_status == 0
    assert (ran.run.state, ran.run.reason) == (RunState.ERROR, "exit 0, 1 cut off, 1 passed")


def test_no_tests(project: Make, tmp_path: Path) -> None:
    ran = run(project({"pytest.ini": "[pytest]\n"}), tmp_path / "job")
    assert (ran.run.state, ran.run.reason) == (RunState.NO_TESTS, "exit 5, no tests ran")
    ran = run(tmp_path / "project", tmp_path / "only", options=["--collect-only"])
    assert ran.run.state is RunState.NO_TESTS


def test_wrong_selection(project: Make, tmp_path: Path) -> None:
    ran = run(project({"test_a.py": "def test_a(): pass\n"}), tmp_path / "job", ["test_none.py"])
    assert (ran.run.state, ran.run.reason) == (RunState.ERROR, "exit 4 (wrong usage)")


def test_green_with_exit_one_is_an_error(project: Make, tmp_path: Path) -> None:
    files = {
        "conftest.py": "def pytest_sessionfinish(session): session.exitstatus = 1\n",
        "test_a.py": "def test_a(): pass\n",
    }
    ran = run(project(files), tmp_path / "job")
    assert (ran.run.state, ran.run.reason) == (RunState.ERROR, "exit 1 although 1 passed")


def test_internal_error_is_told(project: Make, tmp_path: Path) -> None:
    files = {
        "conftest.py": "def pytest_runtest_logreport(report): raise RuntimeError('hook broke')\n",
        "test_a.py": "def test_a(): pass\n",
    }
    ran = run(project(files), tmp_path / "job")
    assert ran.run.state is RunState.ERROR
    assert ran.run.reason.startswith("exit 3 (internal error)")
    assert "hook broke" in ran.run.reason


def test_a_thousand_tests(project: Make, tmp_path: Path) -> None:
    files = {
        "test_many.py": "import pytest\n@pytest.mark.parametrize('n', range(1000))\ndef test_n(n): assert n % 100\n"
    }
    ran = run(project(files), tmp_path / "job", options=["-q"])
    assert (ran.run.passed, ran.run.failed, ran.run.total) == (990, 10, 1000)
    assert next(iter(ran.results)) == "test_many.py::test_n[0]"
    assert list(ran.results)[-1] == "test_many.py::test_n[999]"
    assert read_results(tmp_path / "job", PytestAdapter()) == tuple(ran.results.values())


def test_the_repository_may_turn_the_terminal_reporter_off(project: Make, tmp_path: Path) -> None:
    files = {
        "pytest.ini": "[pytest]\naddopts = -p no:terminal -x\n",
        "test_a.py": "def test_a(): assert 0\ndef test_b(): pass\n",
    }
    ran = run(project(files), tmp_path / "job")
    assert list(ran.results) == ["test_a.py::test_a"]
    assert (ran.run.state, ran.run.reason, ran.run.total) == (RunState.FAILED, "exit 1, 1 failed", 2)


def test_children_of_the_tests_do_not_see_the_plugin(
    project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/user")
    files = {
        "test_a.py": """\
            import os, subprocess, sys
            def test_environment():
                assert "DEVDECK_PYTEST_EVENTS" not in os.environ
                assert os.environ["PYTHONPATH"] == "/of/the/user"
            def test_inner_run(tmp_path):
                (tmp_path / "test_inner.py").write_text("def test_inner(): assert 0")
                assert subprocess.run([sys.executable, "-m", "pytest", str(tmp_path)]).returncode == 1
            """
    }
    ran = run(project(files), tmp_path / "job")
    assert (ran.run.state, len(ran.results)) == (RunState.PASSED, 2)


def test_tests_that_break_the_process_do_not_break_the_record(project: Make, tmp_path: Path) -> None:
    files = {
        "test_a.py": """\
            import builtins, json, os, time
            def test_mocked(monkeypatch, tmp_path):
                for owner, name in ((os, "open"), (os, "write"), (os, "close"), (os, "getpid"), (json, "dumps")):
                    monkeypatch.setattr(owner, name, None)
                monkeypatch.setattr(builtins, "open", None)
                monkeypatch.chdir(tmp_path)
                assert 1 == 2
            def test_descriptors():
                os.closerange(10, 200)
            def test_fork():
                child = os.fork()
                if child:
                    assert os.waitpid(child, 0)[1] == 0
                else:
                    try:
                        os.environ["FORKED"] = "1"
                        assert 0, "in the child"
                    finally:
                        pass
            def test_end():
                if "FORKED" in os.environ:
                    os._exit(0)
            """
    }
    ran = run(project(files), tmp_path / "job")
    assert {id_.partition("::")[2]: str(result.outcome) for id_, result in ran.results.items()} == {
        "test_mocked": "failed",
        "test_descriptors": "passed",
        "test_fork": "passed",
        "test_end": "passed",
    }
    assert (ran.result("test_mocked").path, ran.result("test_mocked").line) == ("test_a.py", 7)


def test_an_unwritable_event_file_is_told_once_and_changes_nothing(project: Make, tmp_path: Path) -> None:
    root = project({"test_a.py": "def test_a(): pass\ndef test_b(): pass\n"})
    (tmp_path / "job" / EVENTS).mkdir(parents=True)
    plan = PytestAdapter().plan(root, events=tmp_path / "job" / EVENTS)
    done = subprocess.run(plan.argv, cwd=root, env=environment_of(plan), capture_output=True, timeout=100, check=False)
    assert done.returncode == 0
    assert b"2 passed" in done.stdout
    assert done.stderr.count(b"devdeck: a test event could not be recorded: IsADirectoryError") == 1


def test_large_output_is_bounded_and_the_file_private(project: Make, tmp_path: Path) -> None:
    files = {
        "test_a.py": """\
            def test_loud():
                print("x" * 3_000_000, "the end")
                raise ValueError("y" * 3_000_000)
            def test_wide():
                assert list(range(100_000)) == []
            """
    }
    ran = run(project(files), tmp_path / "job", options=["-vv"])
    assert ran.run.reason == "exit 1, 2 failed"
    assert max(map(len, ran.events.read_bytes().splitlines())) <= 1024 * 1024
    loud = ran.result("test_loud")
    assert len(loud.detail) <= 64 * 1024
    assert len(loud.message) <= 2000
    assert "the end" in loud.detail
    assert ran.events.stat().st_mode & 0o777 == 0o600


def test_results_come_while_the_tests_run(project: Make, tmp_path: Path) -> None:
    files = {
        "test_a.py": """\
            import pathlib, time
            def test_first(): pass
            def test_second():
                deadline = time.monotonic() + 60
                while not pathlib.Path("go").exists():
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            """
    }
    root = project(files)
    (tmp_path / "job").mkdir()
    plan = PytestAdapter().plan(root, events=tmp_path / "job" / EVENTS)
    with subprocess.Popen(plan.argv, cwd=root, env=environment_of(plan), stdout=subprocess.DEVNULL) as process:
        try:

            def seen() -> dict[str, Outcome]:
                results = read_results(tmp_path / "job", PytestAdapter())
                return {result.id.partition("::")[2]: result.outcome for result in results}

            until(lambda: seen() == {"test_first": Outcome.PASSED, "test_second": Outcome.RUNNING}, 60)
            (root / "go").touch()
            assert process.wait(60) == 0
            assert seen() == {"test_first": Outcome.PASSED, "test_second": Outcome.PASSED}
        finally:
            process.kill()


def test_records_have_the_keys_of_reportlog(project: Make, tmp_path: Path) -> None:
    files = {"test_a.py": "import warnings\ndef test_a(): warnings.warn('careful')\n"}
    ran = run(project(files), tmp_path / "job")
    records = [json.loads(line) for line in ran.events.read_text().splitlines()]
    kinds = [record["$report_type"] for record in records]
    assert kinds[0] == "SessionStart"
    assert kinds[-1] == "SessionFinish"
    assert {"CollectReport", "CollectionFinish", "TestStart", "TestReport", "WarningMessage"} < set(kinds)
    (call,) = [record for record in records if record.get("when") == "call"]
    assert {"nodeid", "outcome", "duration", "location", "longrepr", "sections", "keywords"} <= call.keys()
    assert records[-1]["exitstatus"] == 0


def test_nothing_is_written_without_the_variable(project: Make, tmp_path: Path) -> None:
    root = project({"test_a.py": "def test_a(): pass\n"})
    plan = PytestAdapter().plan(root, events=tmp_path / EVENTS)
    environment = environment_of(plan)
    del environment["DEVDECK_PYTEST_EVENTS"]
    done = subprocess.run(plan.argv, cwd=root, env=environment, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0
    assert not (tmp_path / EVENTS).exists()
    assert done.stderr == b""


def test_the_plugin_is_alone_in_its_folder_and_speaks_old_python() -> None:
    others = [entry.name for entry in PLUGIN.parent.iterdir() if entry.name not in (PLUGIN.name, "__pycache__")]
    assert others == []
    ast.parse(PLUGIN.read_text(), feature_version=(3, 7))
