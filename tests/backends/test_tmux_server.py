from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backends.base import BackendError, BackendTimeout, TargetGone, ToolMissing
from backends.tmux.server import TmuxServer
from tests.support import until
from tests.tmux_support import server_pid, tmux, viewer

READER = "import sys; print('ready', flush=True); sys.stdout.write('got ' + ascii(sys.stdin.readline()) + '\\n')"


def made(server: TmuxServer, tmp_path: Path, name: str = "work", **more: object) -> str:
    return server.new_session(name=name, cwd=tmp_path, devdeck_id=f"id-{name}", **more).id  # type: ignore[arg-type]


def job(server: TmuxServer, session: str, tmp_path: Path, *argv: str, job_id: str = "") -> tuple[str, str]:
    return server.new_window(session, name="job", cwd=tmp_path, argv=argv, job_id=job_id)


def names(server: TmuxServer) -> set[str]:
    return {terminal.name for terminal in server.terminals()}


def text_of(server: TmuxServer, pane: str) -> str:
    return "\n".join(server.capture(pane, escapes=False))


def in_history(server: TmuxServer, pane: str) -> str:
    """All that was printed; a pane that has died scrolls by a line to say so."""
    return tmux(server, "capture-pane", "-p", "-J", "-S", "-", "-t", pane)


# -- reaching the server


def test_a_server_that_does_not_run_has_no_sessions_and_is_not_started_by_looking(tmux_server: TmuxServer) -> None:
    assert tmux_server.terminals() == ()
    assert not tmux_server.running()
    assert not tmux_server.socket_path.exists()


def test_a_socket_left_behind_by_a_killed_server_means_no_server(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    pid = server_pid(tmux_server)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not tmux_server.running())
    assert tmux_server.socket_path.exists()
    assert tmux_server.terminals() == ()
    assert made(tmux_server, tmp_path) == "$0"


def test_version_of_this_tmux(tmux_server: TmuxServer) -> None:
    assert (3, 2) <= tmux_server.version() < (99, 0)


def fake_tmux(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "tmux"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("tmux 3.3a", (3, 3)),
        ("tmux 3.2", (3, 2)),
        ("tmux next-3.6", (3, 6)),
        ("tmux 3.10-rc2", (3, 10)),
        ("tmux master", (99, 0)),
        ("tmux openbsd-7.4", (99, 0)),
    ],
)
def test_versions_are_read_in_all_their_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, version: tuple[int, int]
) -> None:
    fake_tmux(tmp_path, monkeypatch, f"echo {said}")
    assert TmuxServer("x").version() == version


@pytest.mark.parametrize("said", ["tmux 3.1c", "tmux 2.9", "tmux 1.8"])
def test_an_old_tmux_is_refused_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    fake_tmux(tmp_path, monkeypatch, f"echo {said}")
    with pytest.raises(BackendError, match="too old") as caught:
        TmuxServer("x").new_session(name="a", cwd=tmp_path, devdeck_id="a")
    assert "3.2" in caught.value.hint


def test_without_tmux_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (TmuxServer("x").version, TmuxServer("x").terminals):
        with pytest.raises(ToolMissing, match="not installed") as caught:
            call()
        assert "install" in caught.value.hint


def test_a_server_that_hangs_costs_the_time_out_and_no_more(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    pid = server_pid(tmux_server)
    assert pid is not None
    impatient = TmuxServer(str(tmux_server.socket_path), timeout=0.3)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(BackendTimeout):
            impatient.terminals()
        with pytest.raises(BackendTimeout):
            impatient.new_session(name="b", cwd=tmp_path, devdeck_id="b")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_socket_paths_follow_the_rules_of_tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    assert TmuxServer().socket_path == tmp_path / f"tmux-{os.getuid()}" / "default"
    assert TmuxServer("deck").socket_path == tmp_path / f"tmux-{os.getuid()}" / "deck"
    assert TmuxServer("deck").argv("ls") == ["tmux", "-u", "-L", "deck", "ls"]
    monkeypatch.setenv("TMUX", "/run/a,b/socket,123,0")
    assert TmuxServer().socket_path == Path("/run/a,b/socket")
    assert TmuxServer("deck").socket_path == tmp_path / f"tmux-{os.getuid()}" / "deck"
    monkeypatch.setenv("DEVDECK_TMUX_SOCKET", "/elsewhere/s")
    assert TmuxServer.from_environment().socket_path == Path("/elsewhere/s")


def test_a_named_server_is_where_socket_path_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    if len(str(tmp_path)) > 70:
        pytest.skip("the folder's name is too long for a socket in it")
    server = TmuxServer("deck", config="/dev/null")
    try:
        made(server, tmp_path)
        assert server.socket_path.is_socket()
        assert server.running()
    finally:
        tmux(server, "kill-server")


# -- listing


def test_list_tells_what_is_there(based_server: TmuxServer, tmp_path: Path) -> None:
    session = made(based_server, tmp_path)
    window, pane = job(based_server, session, tmp_path, "sleep", "1000", job_id="j-1")
    (terminal,) = based_server.terminals()
    assert (terminal.id, terminal.name, terminal.devdeck_id, terminal.attached) == (session, "work", "id-work", 0)
    assert terminal.path == str(tmp_path)
    assert terminal.created_at > 1.6e9
    assert terminal.activity_at >= terminal.created_at
    shell, sleeper = terminal.panes
    assert (shell.window_index, shell.active, shell.dead, shell.job_id) == (1, True, False, "")
    assert (sleeper.window_index, sleeper.active, sleeper.dead, sleeper.job_id) == (2, False, False, "j-1")
    assert (sleeper.id, sleeper.window_id, sleeper.window_name) == (pane, window, "job")
    assert Path(f"/proc/{sleeper.pid}").exists() or sys.platform != "linux"
    assert (sleeper.width, sleeper.height) == (80, 24)
    until(lambda: based_server.terminals()[0].panes[1].command == "sleep")
    assert terminal.active_pane == shell


def test_list_without_detail_leaves_out_only_the_dear_fields(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    (dear,), (cheap,) = tmux_server.terminals(), tmux_server.terminals(detail=False)
    assert dear.panes[0].path == str(tmp_path)
    assert (cheap.panes[0].command, cheap.panes[0].path) == ("", "")
    assert (cheap.id, cheap.devdeck_id, cheap.panes[0].pid) == (dear.id, dear.devdeck_id, dear.panes[0].pid)


def test_a_hundred_sessions_are_listed_by_one_process(
    tmux_server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmux_server, tmp_path, "s0")
    words = [word for n in range(1, 100) for word in (";", "new-session", "-d", "-s", f"s{n}", "sleep 1000")]
    subprocess.run([*tmux_server.base_argv(), *words[1:]], check=True, timeout=60)
    calls: list[object] = []
    run = subprocess.run

    def counted(*args: Any, **more: Any) -> Any:
        calls.append(args)
        return run(*args, **more)

    monkeypatch.setattr(subprocess, "run", counted)
    terminals = tmux_server.terminals()
    assert {terminal.name for terminal in terminals} == {f"s{n}" for n in range(100)}
    assert len(calls) == 1


HOSTILE = [
    "tab\tand\nnewline",
    "p \x1f \x1f $9 \x1f",
    "c 0 $0",
    "%end 1 1 1",
    "#{pane_id} #(touch pwned) #[fg=red] ##[x] ##{y}",
    "%H:%M 100%",
    "é ü 漢字 💥",
    "a\\b\\033[31m",
    "  spaces  ",
    "-flag",
    "semi;",
    "a$b ${c} $",
    "\x1b]0;title\x07",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_confuses_nothing(tmux_server: TmuxServer, tmp_path: Path, text: str) -> None:
    first = made(tmux_server, tmp_path, "first")
    folder = tmp_path / f"d{text}"
    folder.mkdir()
    session = tmux_server.new_session(name=text, cwd=folder, devdeck_id=text).id
    window, pane = tmux_server.new_window(session, name=text, cwd=folder, argv=["sleep", "1000"], job_id=text)
    tmux(tmux_server, "select-pane", "-t", pane, "-T", text.replace("#", "##"))  # tmux expands formats there
    shown = text.replace("\n", "?").replace("\x1f", "?")
    place = str(tmp_path / f"d{shown}")
    # tmux knows no folder of a process that is just being started, or that of the server.
    until(
        lambda: {pane.path for terminal in tmux_server.terminals() for pane in terminal.panes} == {str(tmp_path), place}
    )
    terminals = {terminal.id: terminal for terminal in tmux_server.terminals()}
    assert set(terminals) == {first, session}
    hostile = terminals[session]
    assert hostile.devdeck_id == shown
    assert hostile.path == place
    assert [p.id for p in hostile.panes][1:] == [pane]
    assert hostile.panes[1].window_id == window
    assert hostile.panes[1].job_id == shown
    assert hostile.panes[1].path == place
    assert hostile.attached == terminals[first].attached == 0
    assert not {"\n", "\x1f", "\x1b"} & set(hostile.name + hostile.panes[1].window_name + hostile.panes[1].title)
    assert not list(tmp_path.rglob("pwned"))


def test_undecodable_paths_survive(tmux_server: TmuxServer, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(folder)
    terminal = tmux_server.new_session(name="x", cwd=os.fsdecode(folder), devdeck_id="x")
    assert os.fsencode(terminal.path) == folder


def test_only_real_viewers_are_counted(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    other = made(tmux_server, tmp_path, "other")
    with viewer(tmux_server, session):
        assert {terminal.id: terminal.attached for terminal in tmux_server.terminals()} == {session: 1, other: 0}
    until(lambda: tmux_server.terminals()[0].attached == 0)


# -- sessions


def test_names_are_made_fit_and_unique(tmux_server: TmuxServer, tmp_path: Path) -> None:
    foreign = tmux(tmux_server, "new-session", "-d", "-P", "-F", "#{session_id}", "-s", "fix_a_b").strip()
    first = tmux_server.new_session(name="fix.a:b", cwd=tmp_path, devdeck_id="1")
    second = tmux_server.new_session(name="fix_a#b", cwd=tmp_path, devdeck_id="2")
    assert (first.name, second.name) == ("fix_a_b-2", "fix_a_b-3")
    assert {terminal.id: terminal.devdeck_id for terminal in tmux_server.terminals()} == {
        foreign: "",
        first.id: "1",
        second.id: "2",
    }


def test_session_gets_its_size_and_variables(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = tmux_server.new_session(
        name="a", cwd=tmp_path, devdeck_id="a", env={"DECK": "x; $HOME #{host}"}, width=123, height=45
    )
    assert (session.panes[0].width, session.panes[0].height) == (123, 45)
    tmux_server.send_text(session.panes[0].id, 'printf "<%s>" "$DECK"')
    until(lambda: "<x; $HOME #{host}>" in text_of(tmux_server, session.panes[0].id))


def test_the_session_of_a_mark(tmux_server: TmuxServer, tmp_path: Path) -> None:
    assert tmux_server.marked("id-work") is None
    first = made(tmux_server, tmp_path, "other")
    session = made(tmux_server, tmp_path)
    found = tmux_server.marked("id-work")
    assert found == next(terminal for terminal in tmux_server.terminals() if terminal.id == session)
    tmux(tmux_server, "set-option", "-t", first, "@devdeck_id", f"x\n{first} id-gone")  # a line that is none
    assert tmux_server.marked("id-gone") is None
    assert tmux_server.marked("id-wor") is None


def test_a_session_can_be_made_from_inside_tmux(
    tmux_server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmux_server, tmp_path)
    monkeypatch.setenv("TMUX", f"{tmux_server.socket_path},1,0")
    monkeypatch.setenv("TMUX_PANE", "%0")
    server = TmuxServer()
    assert made(server, tmp_path, "two") == "$1"
    assert os.environ["TMUX"] == f"{tmux_server.socket_path},1,0"
    assert "TMUX_PANE=%0" not in tmux(server, "show-environment", "-t", "$1")


def test_a_directory_that_is_gone_is_an_error_and_makes_nothing(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    with pytest.raises(BackendError, match="not a directory"):
        tmux_server.new_session(name="x", cwd=tmp_path / "gone", devdeck_id="x")
    with pytest.raises(BackendError, match="not a directory"):
        tmux_server.new_window(session, name="x", cwd=tmp_path / "gone", argv=["true"])
    assert [len(terminal.panes) for terminal in tmux_server.terminals()] == [1]


def test_a_prefix_never_hits_another_session(tmux_server: TmuxServer, tmp_path: Path) -> None:
    fix, login = made(tmux_server, tmp_path, "fix"), made(tmux_server, tmp_path, "fix-login")
    pane = tmux_server.terminals()[0].panes[0].id
    tmux_server.kill_session(fix)
    assert names(tmux_server) == {"fix-login"}
    tmux_server.kill_session(fix)
    with pytest.raises(TargetGone):
        tmux_server.send_text(pane, "echo wrong")
    with pytest.raises(TargetGone):
        tmux_server.rename_session(fix, "x")
    with pytest.raises(TargetGone):
        job(tmux_server, fix, tmp_path, "true")
    assert names(tmux_server) == {"fix-login"}
    assert made(tmux_server, tmp_path, "fix") not in (fix, login)
    assert names(tmux_server) == {"fix", "fix-login"}


def test_rename(tmux_server: TmuxServer, tmp_path: Path) -> None:
    one = made(tmux_server, tmp_path, "one")
    made(tmux_server, tmp_path, "two")
    assert tmux_server.rename_session(one, "-new.name #(x)") == "_new_name _(x)"
    assert names(tmux_server) == {"_new_name _(x)", "two"}
    with pytest.raises(BackendError, match="duplicate"):
        tmux_server.rename_session(one, "two")


def test_what_is_gone_is_gone(tmux_server: TmuxServer, tmp_path: Path) -> None:
    tmux_server.kill_session("$0")
    tmux_server.kill_window("@0")
    with pytest.raises(TargetGone):
        tmux_server.send_text("%0", "x")
    made(tmux_server, tmp_path)
    for text in ("x", "x\ny"):
        with pytest.raises(TargetGone):
            tmux_server.send_text("%99", text)
    with pytest.raises(TargetGone):
        tmux_server.capture("%99")
    tmux_server.kill_window("@99")
    assert tmux(tmux_server, "list-buffers") == ""
    assert names(tmux_server) == {"work"}


# -- jobs

ARGUMENTS = [
    "a b",
    "$HOME",
    "`id`",
    "#{host}",
    "#(touch pwned)",
    "x;",
    ";",
    "",
    "q'\"",
    "-n",
    "--",
    "%H",
    "\\n",
    "é💥",
    "~",
]


def test_a_job_gets_its_arguments_as_they_are(based_server: TmuxServer, tmp_path: Path) -> None:
    session = made(based_server, tmp_path)
    program = "import sys, json; print('ARGV', json.dumps(sys.argv[1:], ensure_ascii=False), flush=True)"
    _, pane = job(based_server, session, tmp_path, sys.executable, "-c", program, *ARGUMENTS)
    expected = "ARGV " + json.dumps(ARGUMENTS, ensure_ascii=False)
    until(lambda: expected in in_history(based_server, pane))
    assert not (tmp_path / "pwned").exists()


def test_a_single_word_is_a_program_and_not_a_shell_line(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    program = tmp_path / "my; touch pwned"
    program.write_text("#!/bin/sh\necho $PWD > ran\n")
    program.chmod(0o755)
    job(tmux_server, session, tmp_path, str(program))
    ran = tmp_path / "ran"
    until(lambda: ran.exists() and ran.read_text() == f"{tmp_path}\n")
    assert not (tmp_path / "pwned").exists()


def test_a_job_that_ends_at_once_keeps_its_window_and_its_mark(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    windows = [job(tmux_server, session, tmp_path, "true", job_id=f"j{n}")[0] for n in range(10)]
    until(lambda: sum(pane.dead for pane in tmux_server.terminals()[0].panes) == 10)
    panes = tmux_server.terminals()[0].panes[1:]
    assert [(pane.window_id, pane.job_id, pane.window_name) for pane in panes] == [
        (window, f"j{n}", "job") for n, window in enumerate(windows)
    ]
    assert tmux_server.terminals()[0].panes[0].active
    with pytest.raises(TargetGone, match="has ended"):
        tmux_server.send_text(panes[0].id, "x")
    tmux_server.kill_window(windows[0])
    assert windows[0] not in {pane.window_id for pane in tmux_server.terminals()[0].panes}


def test_a_job_gets_its_variables(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    out = tmp_path / "out"
    # By a file: tmux may lose what a program prints that ends at once.
    script = f'printf "<%s>" "$A" >{out}.new; mv {out}.new {out}'
    tmux_server.new_window(session, name="x", cwd=tmp_path, argv=["sh", "-c", script], env={"A": "1;2 #{host};"})
    until(out.exists)
    assert out.read_text() == "<1;2 #{host};>"


# -- text


@pytest.mark.parametrize(
    "text",
    [
        "ls;",
        ";",
        "Enter",
        "C-c",
        "Space",
        "-x",
        "--",
        "-l -- x",
        "'\"`$(id)\\",
        "#{pane_id} %H",
        "é ü 漢字 💥",
        "a\\;",
        "~",
    ],
)
def test_text_arrives_as_it_is(based_server: TmuxServer, tmp_path: Path, text: str) -> None:
    session = made(based_server, tmp_path)
    _, pane = job(based_server, session, tmp_path, sys.executable, "-c", READER)
    until(lambda: "ready" in text_of(based_server, pane))
    based_server.send_text(pane, text)
    until(lambda: f"got {text + chr(10)!a}" in in_history(based_server, pane))


def test_text_without_enter_waits_for_it(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    _, pane = job(tmux_server, session, tmp_path, sys.executable, "-c", READER)
    until(lambda: "ready" in text_of(tmux_server, pane))
    tmux_server.send_text(pane, "one ", enter=False)
    until(lambda: "one" in text_of(tmux_server, pane))
    assert "got" not in text_of(tmux_server, pane)
    tmux_server.send_text(pane, "two")
    until(lambda: r"got 'one two\n'" in in_history(tmux_server, pane))


def test_text_reaches_the_program_of_a_pane_in_copy_mode(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    _, pane = job(tmux_server, session, tmp_path, sys.executable, "-c", READER)
    until(lambda: "ready" in text_of(tmux_server, pane))
    tmux(tmux_server, "copy-mode", "-t", pane)
    tmux_server.send_text(pane, "q")
    until(lambda: r"got 'q\n'" in in_history(tmux_server, pane))


def test_several_lines_and_long_text_arrive_whole(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    out = tmp_path / "out"
    copier = (
        "import sys, tty; tty.setcbreak(0); print('ready', flush=True)\n"
        "data = b''\n"
        "while not data.endswith(b'END\\n'): data += sys.stdin.buffer.raw.read(65536)\n"
        f"open({str(out)!r}, 'wb').write(data)"
    )
    text = "first;\n\tsecond\n" + "é0123456789" * 5000 + "\nEND"
    _, pane = job(tmux_server, session, tmp_path, sys.executable, "-c", copier)
    until(lambda: "ready" in text_of(tmux_server, pane))
    tmux_server.send_text(pane, text)
    until(out.exists)
    until(lambda: out.read_bytes() == (text + "\n").encode())
    assert tmux(tmux_server, "list-buffers") == ""


def test_nul_is_refused(tmux_server: TmuxServer) -> None:
    with pytest.raises(BackendError, match="NUL"):
        tmux_server.send_text("%0", "a\0b")


def test_capture_keeps_colours_and_nothing_else(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    script = (
        r"printf '\033[31mred\nstill\033[0m \033]8;;http://x\007link\033]8;;\007\033]52;c;aGk=\007 \033(0lqk\033(B"
        r" \033[1;38;5;200;48;2;1;2;3mX\033[m\ndone\n'; sleep 1000"
    )
    _, pane = job(tmux_server, session, tmp_path, "sh", "-c", script)
    until(lambda: "done" in text_of(tmux_server, pane))
    lines = tmux_server.capture(pane)
    assert len(lines) == 24
    assert lines[0] == "\x1b[31mred\x1b[0m"
    assert lines[1] == "\x1b[31mstill\x1b[0m link ┌─┐ \x1b[1;38;5;200;48;2;1;2;3mX\x1b[0m"
    assert lines[2] == "done"
    assert tmux_server.capture(pane, escapes=False)[:3] == ("red", "still link ┌─┐ X", "done")


# -- handing over


def test_attach_works_from_inside_another_tmux(
    tmux_server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = made(tmux_server, tmp_path)
    argv = tmux_server.attach_argv(session)
    _, pane = job(tmux_server, session, tmp_path, *argv)
    until(lambda: tmux_server.terminals()[0].attached == 1)
    tmux(tmux_server, "kill-pane", "-t", pane)
    until(lambda: tmux_server.terminals()[0].attached == 0)
    monkeypatch.setenv("TMUX", "/nowhere/socket,1,0")
    with viewer(tmux_server, session) as client:
        assert client.poll() is None
        assert tmux_server.terminals()[0].attached == 1


def test_inside_means_this_very_server(
    tmux_server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    made(tmux_server, tmp_path)
    assert not tmux_server.inside()
    with pytest.raises(BackendError, match="not running inside"):
        tmux_server.switch_client("$0")
    link = tmp_path / "link"
    link.symlink_to(tmux_server.socket_path)
    monkeypatch.setenv("TMUX", f"{link},1,0")
    assert TmuxServer(str(tmux_server.socket_path)).inside()
    assert TmuxServer().inside()
    assert not TmuxServer(str(tmp_path / "other")).inside()


def test_switching_moves_the_client_that_shows_this_process(tmux_server: TmuxServer, tmp_path: Path) -> None:
    here, there, elsewhere = (made(tmux_server, tmp_path, name) for name in ("here", "there", "elsewhere"))
    program = (
        "from backends.tmux.server import TmuxServer\n"
        "server = TmuxServer()\n"
        f"print('INSIDE', server.inside(), server.switch_client({there!r}), flush=True)"
    )
    with viewer(tmux_server, here), viewer(tmux_server, elsewhere):
        _, pane = tmux_server.new_window(
            here,
            name="deck",
            cwd=Path(__file__).parents[2],
            argv=[sys.executable, "-c", program],
        )
        until(lambda: "INSIDE" in in_history(tmux_server, pane) or "Error" in in_history(tmux_server, pane))
        assert "INSIDE True None" in in_history(tmux_server, pane)
        until(lambda: {t.id: t.attached for t in tmux_server.terminals()} == {here: 0, there: 1, elsewhere: 1})


def test_switching_without_a_client_says_so(
    tmux_server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = made(tmux_server, tmp_path)
    monkeypatch.setenv("TMUX", f"{tmux_server.socket_path},1,0")
    monkeypatch.setenv("TMUX_PANE", "%0")
    with pytest.raises(BackendError, match="No tmux client"):
        TmuxServer().switch_client(session)
