"""What runs outlives the dashboard, whatever happens to it; and no dashboard outlives its terminal."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.journeys.world import DEVDECK, World
from tests.support import until
from tests.tmux_support import tmux

pytestmark = pytest.mark.journey

LINES = 200_000
WRITER = f"""\
import os, sys, time
for number in range({LINES}):
    print('line', number, 'of the long output')
    if number == 1000:
        sys.stdout.flush()
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
sys.exit(7)
"""


@pytest.fixture
def one(world: World) -> World:
    """One session, `work`."""
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    world.cli("start", "work", cwd=shop)
    return world


def expected() -> bytes:
    return b"".join(b"line %d of the long output\r\n" % number for number in range(LINES))


def test_killed_while_a_job_writes(one: World) -> None:
    dashboard = one.dashboard()
    dashboard.selects("work")
    script, go_on = one.folder / "write.py", one.folder / "go-on"
    script.write_text(WRITER)
    dashboard.keys("$")
    dashboard.shows("a shell command; it runs in the session")
    dashboard.type(f"python3 {script} {go_on}; exit $?")
    dashboard.keys("Enter")
    dashboard.hides(str(script))
    process = dashboard.devdeck()
    jobs = one.folder / "home" / ".local" / "state" / "devdeck" / "jobs"
    log = until(lambda: [log for log in jobs.glob("*/output.log") if log.stat().st_size])[0]
    process.kill()
    until(lambda: not lives(process))
    assert log.stat().st_size < len(expected())
    go_on.touch()

    def ended() -> bool:
        return bool(one.json("jobs")["jobs"][0]["state"] == "ended")

    until(ended, every=0.2)
    (job,) = one.json("jobs")["jobs"]
    assert (job["exit_status"], job["signal"], job["verdict"]) == (7, None, "exit 7")
    assert log.read_bytes() == expected()

    again = one.dashboard()
    again.selects("work")
    again.keys("l")
    again.shows(f"line {LINES - 1} of the long output")
    again.keys("q")
    again.ended(0)


@pytest.mark.parametrize("way", ["kill-session", "kill-server", "SIGHUP", "SIGTERM"])
def test_no_dashboard_outlives_its_terminal(one: World, way: str) -> None:
    one.cli("run", "work", "--", "sleep", "1000")
    dashboard = one.dashboard()
    dashboard.shows("work", "● 1 running")
    process = dashboard.devdeck()
    children = until(lambda: process.children(recursive=True))  # the tmux client through which it reads
    if way.startswith("SIG"):
        process.send_signal(getattr(signal, way))
    else:
        tmux(one.outer, way, *(["-t", dashboard.pane] if way == "kill-session" else []))
    until(lambda: not any(lives(it) for it in [process, *children]))
    assert one.json("jobs")["jobs"][0]["state"] == "running"
    one.cli("stop", "work")


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_the_terminal_is_as_it_was_after_the_end(one: World) -> None:
    """Also when it is told to end by a signal: no alternate screen, no mouse reports, a cursor, an echo."""
    shell = one.terminal("sh")
    for end in ("q", "TERM"):
        shell.type(f'{" ".join(DEVDECK)}; echo "status $?."\n')
        shell.shows("Sessions", "work")
        child = shell.devdeck()
        if end == "q":
            shell.keys("q")
            shell.shows("status 0.")
        else:
            child.send_signal(signal.SIGTERM)
            shell.shows("status 143.")
        assert shell.ask("#{alternate_on}#{mouse_any_flag}#{mouse_sgr_flag}#{cursor_flag}") == "0001"
        shell.type("clear; printf 'ec%s\\n' hoed\n")
        shell.shows("echoed")
