from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.logs.failures import FailureScan
from devdeck.logs.locations import Location, location
from devdeck.logs.marks import LITERALS, LITERALS_UTF8, Mark, classify

FAILURES = [
    "FAILED tests/test_a.py::test_b - assert 1 == 2",
    "tests/test_a.py::test_b FAILED                       [ 50%]",
    "E       assert 1 == 2",
    "========= 1 failed, 2 passed in 0.10s =========",
    "========= 2 passed, 3 errors in 0.10s =========",
    "FAIL: test_x (tests.TestX)",
    "FAILED (failures=1)",
    "--- FAIL: TestAdd (0.00s)",
    "    --- FAIL: TestAdd/big (0.00s)",
    "FAIL\tgithub.com/x/y\t0.010s",
    "not ok 3 - adds",
    "    not ok 1 - nested",
    "thread 'main' panicked at src/main.rs:4:5:",
    "test tests::adds ... FAILED",
    "assertion `left == right` failed",
    "prog: a.c:3: main: Assertion `x == 1' failed.",
    "  ✕ adds numbers (3 ms)",
    " FAIL  src/a.test.ts",
    "   × adds 3ms",
    "  ✗ adds",
    "[  FAILED  ] Suite.Case (0 ms)",
    "[ERROR] Tests run: 3, Failures: 1 <<< FAILURE!",
    "AssertionError: 1 != 2",
    "BUILD FAILED in 3s",
]
ERRORS = [
    "error: could not compile `x`",
    "error[E0308]: mismatched types",
    "src/a.c:10:5: error: expected ';'",
    "src/a.ts(3,7): error TS2322: Type 'string'",
    "src/a.ts:3:7 - error TS2322: Type 'string'",
    "a.cpp(3): error C2065: 'x': undeclared identifier",
    "2026-01-01 12:00:00,000 ERROR root: boom",
    "[ERROR] boom",
    "level=error msg=boom",
    '{"level":"error","msg":"boom"}',
    "ValueError: bad value",
    "requests.exceptions.ConnectionError: refused",
    "java.lang.NullPointerException: x",
    'Exception in thread "main" java.lang.IllegalStateException: no',
    "Caused by: java.io.IOException: no",
    "fatal: not a git repository",
    "fatal error: all goroutines are asleep - deadlock!",
    "panic: runtime error: index out of range",
    "npm ERR! code ELIFECYCLE",
    "npm error code 1",
    "make: *** [Makefile:20: all] Error 1",
    "ld: error: undefined symbol: foo",
    "Segmentation fault (core dumped)",
    "==12==ERROR: AddressSanitizer: heap-use-after-free",
    "CMake Error at CMakeLists.txt:3 (find_package):",
    "TypeError: x is not a function",
    "Uncaught ReferenceError: x is not defined",
]
WARNINGS = [
    "warning: unused variable: `x`",
    "src/a.c:10:5: warning: unused variable",
    "2026-01-01 WARNING root: careful",
    "[WARN] careful",
    "x.py:3: DeprecationWarning: old",
    "level=warn msg=careful",
]
CALM = [
    "",
    "12 passed in 0.1s",
    "test result: ok. 5 passed; 0 failed; 0 ignored",
    "tests/test_errors.py::test_error_is_shown PASSED [ 10%]",
    "0 errors, 0 warnings",
    "=========== 3 passed, 0 failed in 1s ===========",
    "ok 1 - not okay is a word",
    "  ✓ handles errors",
    "INFO failing over to the other node",
    "Compiling failure v0.1.8",
    "no errors found",
    "def assert_failed(): pass",
]
PLACES = [
    ('  File "/a b/c.py", line 41, in total', "/a b/c.py", 41, None),
    ("tests/test_a.py:14: AssertionError", "tests/test_a.py", 14, None),
    ("thread 'main' panicked at src/main.rs:4:5:", "src/main.rs", 4, 5),
    ("thread 'main' panicked at 'boom', src/main.rs:4:5", "src/main.rs", 4, 5),
    ("             at ./src/main.rs:7:9", "./src/main.rs", 7, 9),
    ("  --> src/lib.rs:10:5", "src/lib.rs", 10, 5),
    ("    add_test.go:12: want 3", "add_test.go", 12, None),
    ("\t/src/x/main.go:9 +0x1d", "/src/x/main.go", 9, None),
    ("./main.go:3:5: undefined: x", "./main.go", 3, 5),
    ("    at add (/app/src/add.js:3:7)", "/app/src/add.js", 3, 7),
    ("    at async file:///app/src/add.mjs:3:7", "/app/src/add.mjs", 3, 7),
    ("    at /app/src/add.js:3:7", "/app/src/add.js", 3, 7),
    ("src/a.ts(3,7): error TS2322: no", "src/a.ts", 3, 7),
    ("src/a.ts:3:7 - error TS2322: no", "src/a.ts", 3, 7),
    (" ❯ src/a.test.ts:3:7", "src/a.test.ts", 3, 7),
    ("\tat com.x.Main.run(Main.java:42)", "Main.java", 42, None),
    ("[ERROR] /src/Main.java:[3,7] cannot find symbol", "/src/Main.java", 3, 7),
    ("e: /src/Main.kt: (3, 7): unresolved", "/src/Main.kt", 3, 7),
    ("src/a.c:10:5: error: expected ';'", "src/a.c", 10, 5),
    ("a.cpp(3): error C2065: no", "a.cpp", 3, None),
    ("test/a_test.cc:12: Failure", "test/a_test.cc", 12, None),
    ("    #1 0x4f in main /src/a.c:3:7", "/src/a.c", 3, 7),
    ("==1==    by 0x4: main (a.c:9)", "a.c", 9, None),
    ("lib/a.rb:3:in 'add'", "lib/a.rb", 3, None),
    ("PHP Fatal error: no in /srv/a.php on line 7", "/srv/a.php", 7, None),
    ("#0 /srv/a.php:7", "/srv/a.php", 7, None),
    ("    test/a_test.exs:5: ATest.run/1", "test/a_test.exs", 5, None),
    ("   at A.B() in /src/a.cs:line 12", "/src/a.cs", 12, None),
    ("./run.sh: line 3: foo: command not found", "./run.sh", 3, None),
    ("CMake Error at CMakeLists.txt:3 (find_package):", "CMakeLists.txt", 3, None),
    ("make: *** [Makefile:20: all] Error 1", "Makefile", 20, None),
]
FRAMES = [text for text, *_ in PLACES if text.startswith(("  File", "   ", "\t", "  -->", " ❯", "tests", "#0", "lib"))]


@pytest.mark.parametrize("text", FAILURES)
def test_failures(text: str) -> None:
    assert classify(text.encode()) is Mark.FAILURE


@pytest.mark.parametrize("text", ERRORS)
def test_errors(text: str) -> None:
    assert classify(text.encode()) is Mark.ERROR


@pytest.mark.parametrize("text", WARNINGS)
def test_warnings(text: str) -> None:
    assert classify(text.encode()) in (Mark.WARNING, Mark.FRAME if ".py:" in text or ".c:" in text else Mark.WARNING)


@pytest.mark.parametrize("text", CALM)
def test_calm_lines(text: str) -> None:
    assert classify(text.encode()) is Mark.NONE


@pytest.mark.parametrize("text", FRAMES)
def test_frames(text: str) -> None:
    assert classify(text.encode()) is Mark.FRAME


@pytest.mark.parametrize(("text", "path", "line", "column"), PLACES)
def test_places(text: str, path: str, line: int, column: int | None) -> None:
    coloured = f"\x1b[1m\x1b[31m{text}\x1b[0m\r".encode()
    assert location(coloured) == Location(path, line, column)


@pytest.mark.parametrize(
    "text", ["", "12:30:45 started", "ratio 3:4", "see http://localhost:8000/", "a::b", ":1", "-:2"]
)
def test_no_places(text: str) -> None:
    assert location(text.encode()) is None


def test_colours_and_redrawn_text_do_not_count() -> None:
    assert classify(b"\x1b[31mFAI\x1b[0mLED tests/a.py\r\n".rstrip(b"\n")) is Mark.FAILURE
    assert classify(b"FAILED 1\rFAILED 2\r100% fine\r") is Mark.NONE


LINES = st.one_of(
    st.sampled_from([text.encode() for text in [*FAILURES, *ERRORS, *WARNINGS, *CALM]]),
    st.builds(lambda a, b: a + b, st.sampled_from([*LITERALS, *LITERALS_UTF8]), st.binary(max_size=12)),
    st.binary(max_size=40),
).map(lambda line: line.replace(b"\n", b""))


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(LINES, max_size=30), cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_scanning_in_pieces_finds_what_classifying_each_line_finds(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    grave = [number for number, line in enumerate(lines) if classify(line) >= Mark.ERROR]
    stops = [number for number in grave if number - 1 not in grave]
    scan = FailureScan()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        scan.feed(data[start:end])
    assert scan.count == len(stops)
    assert scan.fed == len(data)
    found = []
    at: int | None = scan.next(-1)
    while at is not None:
        found.append(at)
        at = scan.next(at)
    assert found == stops
    backward = []
    at = scan.previous(len(lines))
    while at is not None:
        backward.append(at)
        at = scan.previous(at)
    assert backward[::-1] == stops


@settings(max_examples=300, deadline=None)
@given(line=st.one_of(LINES, st.binary(max_size=300)))
def test_anything_can_be_classified(line: bytes) -> None:
    assert classify(line) in Mark
    place = location(line)
    assert place is None or (place.path and place.line >= 0)


@pytest.mark.parametrize("unit", [b"a", b" ", b":", b"1:", b"E ", b"(", b"\x1b[", b"\x1b]", b"\r", b"a.b:", b"_ ", b"= ",
                                  b"Assertion 'x", b"at (", b"[a:", b".a:1", b"in /x ", b"File \"", b"\xe2\x9c\x97 "])  # fmt: skip
def test_long_adversarial_lines_take_bounded_work(unit: bytes) -> None:
    line = unit * (1_000_000 // len(unit))
    classify(line)
    location(line)
    scan = FailureScan()
    for start in range(0, len(line), 65_536):
        scan.feed(line[start : start + 65_536])
    scan.feed(b"\nok\nFAILED x\n")
    assert scan.next(1) == 2


def test_an_unfinished_last_line_is_a_stop_too() -> None:
    scan = FailureScan()
    scan.feed(b"ok\nFAILED a")
    assert scan.next(-1) == scan.previous(9) == 1
    scan.feed(b"gain\n")
    assert (scan.count, scan.next(-1), scan.next(1)) == (1, 1, None)


def test_stops_are_bounded_and_their_count_exact() -> None:
    scan = FailureScan(limit=8)
    scan.feed(b"FAILED x\nok\n" * 1000)
    assert scan.count == 1000
    assert scan.kept <= 8
    assert scan.thinned
    stop = scan.next(500)
    assert stop is not None
    assert stop > 500
    assert stop % 2 == 0


def test_reset_forgets() -> None:
    scan = FailureScan()
    scan.feed(b"FAILED x\nFAILED y")
    scan.reset()
    assert (scan.count, scan.fed, scan.next(-1)) == (0, 0, None)
