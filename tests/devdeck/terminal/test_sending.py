from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from backends.tmux import panes
from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.live import Delivery
from devdeck.model import OperationState, Session
from devdeck.terminal import foreground, sending, terminals
from tests.devdeck.terminal.terminal_support import (
    at_prompt,
    in_pane,
    made,
    made_workspace,
    shown,
    started_in_pane,
    terminal_of,
    time_is_over_when_printed,
)
from tests.git_support import make_repository
from tests.support import until
from tests.tmux_support import kill_server, tmux


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files of a test lie in the test's folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine a shell takes what is typed later than one would wait for it."""
    monkeypatch.setattr(sending.taken, "__defaults__", (20.0,))


@pytest.fixture
def session(deck: Deck, repository: Path) -> Session:
    """A session whose shell is at its prompt."""
    session = made(deck, repository, "fix")
    at_prompt(deck, terminal_of(deck, session).panes[0].id)
    return session


def pane_of(deck: Deck, session: Session) -> str:
    return terminal_of(deck, session).panes[0].id


LITERAL = [
    "Enter",
    "C-c",
    ";",
    "a;",
    "a\\;",
    "-x",
    "--",
    "-l -- x",
    "'\"`$(id)\\",
    "#{pane_id} %H",
    "é 漢字 💥",
    "~ $HOME *",
    "one\ntwo;\n\n-three",
    "x" * 3000,
]


@pytest.mark.parametrize("text", LITERAL)
def test_text_arrives_as_it_is(deck: Deck, session: Session, tmp_path: Path, text: str) -> None:
    """C25."""
    out = tmp_path / "out"
    delivery = deck.terminals.send(session, f"cat >{shlex.quote(str(out))} <<'END'\n{text}\nEND")
    assert delivery == Delivery(session_id=session.id, label="fix", sent=True, confirmed=True)
    until(lambda: out.exists() and out.read_text() == text + "\n")


@pytest.mark.parametrize("text", ["true;", ": Enter", "  true", ":", "-x", "true &"])
def test_a_line_is_taken_by_the_shell(deck: Deck, session: Session, text: str) -> None:
    """C25."""
    assert deck.terminals.send(session, text).confirmed
    (operation, *_) = deck.store.operations()
    assert (operation.verb, operation.state, operation.detail) == ("send", OperationState.DONE, text)


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("cat", "cat"),
        (f"{sys.executable} -c 'input()'", Path(sys.executable).name),
        ("./deploy.sh", "deploy.sh"),
        ("bash ./deploy.sh", "deploy.sh"),
        ("sh -c 'sleep 1000; true'", "sh"),
        ("sleep 1000 | cat", "sleep"),
    ],
)
def test_a_pane_that_is_not_at_a_shell_refuses(
    deck: Deck, session: Session, tmp_path: Path, line: str, name: str
) -> None:
    program(Path(session.worktree), "deploy.sh", "#!/bin/bash\nsleep 1000\ntrue\n")
    pane = pane_of(deck, session)
    started_in_pane(deck, pane, tmp_path, line)
    until(lambda: not foreground.holder(panes.pane_state(deck.terminals.tmux, pane).pid, "").shell)
    before = shown(deck, pane)
    with pytest.raises(Refused, match=f"not at a shell: {name} runs there") as caught:
        deck.terminals.send(session, "echo hello")
    assert "--force" in caught.value.hint
    assert shown(deck, pane) == before


def test_a_shell_in_a_shell_is_a_shell(deck: Deck, session: Session) -> None:
    pane = pane_of(deck, session)
    in_pane(deck, pane, "PS1='> ' bash --norc -i")
    until(lambda: shown(deck, pane).endswith(">"))
    deck.terminals.send(session, "echo $BASH_VERSION-$0")
    until(lambda: "-bash" in shown(deck, pane))


def test_force_types_where_no_shell_reads(deck: Deck, session: Session, tmp_path: Path) -> None:
    started_in_pane(deck, pane_of(deck, session), tmp_path, "cat")
    delivery = deck.terminals.send(session, "hello", force=True)
    assert (delivery.sent, delivery.confirmed) == (True, True)
    until(lambda: shown(deck, pane_of(deck, session)).count("hello") == 2)


def test_what_nobody_reads_is_sent_and_not_confirmed(
    deck: Deck, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending.taken, "__defaults__", (0.3,))
    started_in_pane(deck, pane_of(deck, session), tmp_path, "exec sleep 1000")
    delivery = deck.terminals.send(session, "hello", force=True)
    assert (delivery.sent, delivery.confirmed) == (True, False)


def test_a_command_that_ends_the_shell_was_taken(deck: Deck, session: Session) -> None:
    assert deck.terminals.send(session, "exit").confirmed
    until(lambda: deck.terminals.of(session) is None)
    with pytest.raises(NotFound, match="no terminal"):
        deck.terminals.send(session, "ls")


def test_a_pane_that_is_just_made_is_given_the_time_to_start_its_shell(
    deck: Deck, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine what starts the shell is there for longer than one waits for a program to end."""
    go = tmp_path / "go"
    starting = f"until [ -e {go} ]; do :; done; exec env 'PS1=$ ' sh"
    server = deck.terminals.tmux
    server.new_session(name="first", cwd=repository, devdeck_id="")
    tmux(server, "set-option", "-g", "default-command", starting)
    session = made(deck, repository, "fix")
    holder, looks = foreground.holder, 0

    def look(pid: int, command: str) -> foreground.Holder:
        nonlocal looks
        looks += 1
        if looks == 5:
            go.touch()
        return holder(pid, command)

    monkeypatch.setattr(foreground, "PATIENCE", 0.001)
    monkeypatch.setattr(foreground, "holder", look)
    assert deck.terminals.send(session, "echo $((40 + 2))").confirmed
    until(lambda: "42" in shown(deck, pane_of(deck, session)).splitlines())
    go.unlink()
    late, looks = made(deck, repository, "late"), -(10**6)
    monkeypatch.setattr(foreground, "STARTING", 0.0)
    with pytest.raises(Refused, match="not at a shell"):
        deck.terminals.send(late, "echo hello")


def test_a_pane_in_copy_mode_leaves_it(deck: Deck, session: Session) -> None:
    pane = pane_of(deck, session)
    tmux(deck.terminals.tmux, "copy-mode", "-t", pane)
    assert deck.terminals.send(session, "echo $((40 + 2))").confirmed
    until(lambda: "42" in shown(deck, pane).splitlines())


def test_a_dead_pane_and_one_without_input_say_so(deck: Deck, session: Session) -> None:
    pane = pane_of(deck, session)
    tmux(deck.terminals.tmux, "select-pane", "-d", "-t", pane)
    with pytest.raises(DeckError, match="pane of 'fix' is switched off"):
        deck.terminals.send(session, "ls")
    tmux(deck.terminals.tmux, "select-pane", "-e", "-t", pane)
    tmux(deck.terminals.tmux, "set-option", "-p", "-t", pane, "remain-on-exit", "on")
    in_pane(deck, pane, "exit")
    until(lambda: terminal_of(deck, session).panes[0].dead)
    with pytest.raises(NotFound):
        deck.terminals.send(session, "ls")


def test_nul_is_refused_before_anything_is_typed(deck: Deck, session: Session) -> None:
    with pytest.raises(UsageError, match="NUL"):
        deck.terminals.send(session, "a\0b")


def test_a_job_in_front_does_not_get_the_text(deck: Deck, session: Session) -> None:
    server, terminal = deck.terminals.tmux, terminal_of(deck, session)
    window, _ = server.new_window(terminal.id, name="run", cwd=session.worktree, argv=["cat"], job_id="j")
    tmux(server, "select-window", "-t", window)
    deck.terminals.send(session, "echo $((40 + 2))")
    until(lambda: "42" in shown(deck, terminal.panes[0].id).splitlines())


def test_prefix_labels_reach_the_exact_one_alive_and_dead(deck: Deck, repository: Path) -> None:
    """C12."""
    labels = ("fix", "fix-login", "fix.login", "fix_login")
    sessions = {label: made(deck, repository, label) for label in labels}
    for label in labels:
        at_prompt(deck, pane_of(deck, sessions[label]))
        deck.terminals.send(sessions[label], f"echo to-$((1))-{label}-end")
    for label in labels:
        until(lambda label=label: f"to-1-{label}-end" in shown(deck, pane_of(deck, sessions[label])))  # type: ignore[misc]
    for label in ("fix", "fix.login"):
        deck.terminals.end(terminal_of(deck, sessions[label]))
    for label in ("fix", "fix.login"):
        with pytest.raises(NotFound):
            deck.terminals.send(sessions[label], "echo wrong")
    for label in ("fix-login", "fix_login"):
        assert "wrong" not in shown(deck, pane_of(deck, sessions[label]))


def test_the_member_of_a_workspace_has_a_window(deck: Deck, tmp_path: Path) -> None:
    api, web = (make_repository(tmp_path / "src" / name) for name in ("api", "web"))
    workspace = made_workspace(deck, "ws", api, web)
    one, two = workspace.member_sessions()
    terminal = terminal_of(deck, workspace)
    for pane in terminal.panes:
        at_prompt(deck, pane.id)
    deck.terminals.send(two, "echo in-$(basename $PWD)")
    until(lambda: "in-web" in shown(deck, terminal.panes[2].id).splitlines())
    tmux(deck.terminals.tmux, "kill-window", "-t", terminal.panes[1].window_id)
    with pytest.raises(NotFound, match="no window in the terminal of its workspace") as caught:
        deck.terminals.send(one, "ls")
    assert "devdeck open ws:api" in caught.value.hint
    deck.terminals.hand_off(one)
    active = terminal_of(deck, workspace).active_pane
    assert active is not None
    assert (active.member, active.window_name) == ("api", "api")
    at_prompt(deck, active.id)
    deck.terminals.send(one, "echo $DEVDECK_LABEL")
    until(lambda: "ws:api" in shown(deck, active.id))


def test_many_get_it_at_once_and_each_is_reported(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C25."""
    sessions = [made(deck, repository, f"s{number}") for number in range(6)]
    for session in sessions:
        at_prompt(deck, pane_of(deck, session))
    started_in_pane(deck, pane_of(deck, sessions[1]), tmp_path, "cat")
    deck.terminals.end(terminal_of(deck, sessions[2]))
    report = deck.terminals.send_many(sessions, "echo $((40 + 2))")
    assert [(each.label, each.sent, each.code) for each in report] == [
        ("s0", True, ""),
        ("s1", False, "refused"),
        ("s2", False, "not-found"),
        ("s3", True, ""),
        ("s4", True, ""),
        ("s5", True, ""),
    ]
    assert [each.label for each in report if each.may_force] == ["s1"]
    for number in (0, 3, 4, 5):
        pane = pane_of(deck, sessions[number])
        until(lambda pane=pane: "42" in shown(deck, pane).splitlines())  # type: ignore[misc]
    assert deck.terminals.send_many((), "x") == ()
    kill_server(deck.terminals.tmux)
    assert {each.code for each in deck.terminals.send_many(sessions, "x")} == {"not-found"}


# -- waiting


def shells() -> list[str]:
    return [shell for shell in ("sh", "dash", "bash", "bash --posix", "zsh", "ksh", "mksh", "fish") if found(shell)]


def found(shell: str) -> bool:
    return shutil.which(shell.split()[0]) is not None


@pytest.fixture(params=shells())
def at_shell(request: pytest.FixtureRequest, deck: Deck, repository: Path) -> Session:
    """A session whose pane is at the prompt of one of the shells that are installed."""
    session = made(deck, repository, "fix")
    pane = pane_of(deck, session)
    at_prompt(deck, pane)
    options = {"bash": "--norc", "bash --posix": "--norc", "zsh": "-f", "fish": FISH}
    if request.param != "sh":
        in_pane(deck, pane, f"clear; PS1='> ' HISTFILE= exec {request.param} {options.get(request.param, '')}")
        until(lambda: "exec" not in shown(deck, pane) and shown(deck, pane).endswith(">"))
    return session


def shell_of(deck: Deck, session: Session) -> str:
    return foreground.holder(panes.pane_state(deck.terminals.tmux, pane_of(deck, session)).pid, "").name


FISH = "--no-config -C 'function fish_prompt; printf \"> \"; end; function fish_greeting; end'"
WAITED = [
    ("echo hello; echo world >&2", 0, "hello\nworld\n"),
    ("sh -c 'exit 7'", 7, ""),
    ("false", 1, ""),
    ("echo done # a comment", 0, "done\n"),
    ("cat <<END\none\ntwo\nEND", 0, "one\ntwo\n"),
    ("sleep 1000 &", 0, None),
    ("printf 'no line end'", 0, "no line end\n"),
    ("printf '\\033[31mred\\033[0m 10%%\\r20%%\\n'", 0, "20%\n"),
    ("echo 'é 漢字 💥' \"it's\" '#{x} %H'", 0, "é 漢字 💥 it's #{x} %H\n"),
    ("cd / && pwd", 0, "/\n"),
    ("no-such-program-here", 127, None),
]


def test_a_command_is_waited_for(deck: Deck, at_shell: Session) -> None:
    pane = pane_of(deck, at_shell)
    fish = "fish" in shell_of(deck, at_shell)
    for text, status, output in WAITED:
        if fish and "<<" in text:
            continue  # which fish does not have
        delivery = deck.terminals.send(at_shell, text, wait=30)
        assert (delivery.exit_status, delivery.error, delivery.confirmed) == (status, "", True), text
        if output is not None:
            assert delivery.output == output, text
    assert not panes.pane_state(deck.terminals.tmux, pane).piped
    delivery = deck.terminals.send(at_shell, "pwd", wait=30)
    assert delivery.output == "/\n"  # it was the user's own shell that changed its directory
    assert "/run" not in shown(deck, pane)  # the line that was typed


def test_who_has_waited_finds_the_shell_at_its_prompt(
    deck: Deck, at_shell: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreground, "PATIENCE", 0.001)
    for status in (0, 1, 0, 1):
        assert deck.terminals.send(at_shell, f"sh -c 'exit {status}'", wait=30).exit_status == status


def test_the_screen_shows_the_command_as_if_it_had_been_typed(deck: Deck, at_shell: Session) -> None:
    deck.terminals.send(at_shell, "echo one", wait=30)
    deck.terminals.send(at_shell, "sh -c 'exit 3'", wait=30)
    in_pane(deck, pane_of(deck, at_shell), f"echo status ${'status' if 'fish' in shell_of(deck, at_shell) else '?'}")
    until(lambda: "status 3" in shown(deck, pane_of(deck, at_shell)))
    mark = shown(deck, pane_of(deck, at_shell))[0]
    assert shown(deck, pane_of(deck, at_shell)).splitlines()[:3] == [
        f"{mark} echo one",
        "one",
        f"{mark} sh -c 'exit 3'",
    ]


def test_a_command_that_the_shell_can_not_read_ends_too(deck: Deck, at_shell: Session) -> None:
    for text in ('echo "unclosed', ")", "if true"):
        (delivery,) = deck.terminals.send_many([at_shell], text, wait=30)
        assert delivery.exit_status or (delivery.code == "usage" and "can't read that command" in delivery.error)
    assert deck.terminals.send(at_shell, "echo fine", wait=30).output == "fine\n"


def test_what_takes_longer_goes_on(
    deck: Deck, at_shell: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    command = f"echo begun; until [ -e {go} ]; do sleep 0.01; done; echo ended"
    if shell_of(deck, at_shell) == "fish":
        command = f"echo begun; while not test -e {go}; sleep 0.01; end; echo ended"
    with monkeypatch.context() as patch:
        time_is_over_when_printed(patch, b"begun\r\n")
        delivery = deck.terminals.send(at_shell, command, wait=1)
    assert (delivery.sent, delivery.confirmed, delivery.exit_status, delivery.code) == (True, True, None, "timeout")
    assert "still running after 1 s" in delivery.error
    assert delivery.output == "begun\n"
    assert len(list(tmp_path.glob("devdeck-send-*"))) == 1
    go.touch()
    until(lambda: "ended" in shown(deck, pane_of(deck, at_shell)).splitlines())
    until(lambda: list(tmp_path.glob("devdeck-send-*")) == [])


def test_an_interrupt_is_told(deck: Deck, at_shell: Session, tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    pane = pane_of(deck, at_shell)
    got: list[Delivery] = []
    thread = threading.Thread(
        target=lambda: got.append(deck.terminals.send(at_shell, f"touch {mark}; echo x; sleep 1000", wait=60))
    )
    thread.start()
    until(mark.exists)
    until(lambda: "x" in shown(deck, pane).splitlines())
    until(lambda: shell_of(deck, at_shell) == "sleep")
    tmux(deck.terminals.tmux, "send-keys", "-t", pane, "C-c")
    thread.join(40)
    (delivery,) = got
    # Some shells forget the rest of the line, others go on with it.
    assert (delivery.code, delivery.exit_status) in (("interrupted", None), ("", 130))
    assert delivery.output.startswith("x\n")


def test_a_shell_that_ends_is_told(deck: Deck, session: Session) -> None:
    delivery = deck.terminals.send(session, "exit 5", wait=30)
    assert (delivery.sent, delivery.exit_status, delivery.code) == (True, None, "interrupted")
    assert "the shell ended" in delivery.error


def test_a_pipe_of_the_user_is_left_alone(deck: Deck, session: Session, tmp_path: Path) -> None:
    pane, log = pane_of(deck, session), tmp_path / "log"
    tmux(deck.terminals.tmux, "pipe-pane", "-t", pane, f"cat >>{shlex.quote(str(log))}")
    delivery = deck.terminals.send(session, "echo hello; (exit 4)", wait=30)
    assert (delivery.exit_status, delivery.output) == (4, "")
    assert "pipe" in delivery.hint
    assert panes.pane_state(deck.terminals.tmux, pane).piped
    until(lambda: b"hello" in log.read_bytes())


def test_waiting_takes_a_shell_by_force_too(deck: Deck, session: Session, tmp_path: Path) -> None:
    started_in_pane(deck, pane_of(deck, session), tmp_path, "cat")
    with pytest.raises(Refused, match="cat runs there"):
        deck.terminals.send(session, "ls", wait=5, force=True)


def test_much_output_is_cut_at_its_beginning(deck: Deck, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from devdeck.terminal import waiting

    monkeypatch.setattr(waiting, "OUTPUT_KEPT", 1000)
    delivery = deck.terminals.send(session, "seq 1 20000", wait=60)
    lines = delivery.output.splitlines()
    assert lines[-1] == "20000"
    assert lines[0].startswith("… ")
    assert len(delivery.output) < 3000


def test_many_are_waited_for_at_once(deck: Deck, repository: Path) -> None:
    sessions = [made(deck, repository, f"s{number}") for number in range(4)]
    for session in sessions:
        at_prompt(deck, pane_of(deck, session))
    report = deck.terminals.send_many(sessions, "echo $DEVDECK_LABEL; [ $DEVDECK_LABEL != s2 ]", wait=30)
    assert [(each.output, each.exit_status) for each in report] == [
        (f"s{number}\n", int(number == 2)) for number in range(4)
    ]


def test_nothing_is_left_behind(deck: Deck, session: Session, tmp_path: Path) -> None:
    old = tmp_path / "devdeck-send-old"
    old.mkdir()
    subprocess.run(["touch", "-d", "3 days ago", str(old)], check=True, timeout=10)
    deck.terminals.send(session, "echo x", wait=30)
    assert list(tmp_path.glob("devdeck-send-*")) == []
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("devdeck-send")])
    assert terminals.SENDERS < terminals.WAITERS


@pytest.mark.parametrize(
    ("argv", "name", "shell"),
    [
        (["-zsh"], "zsh", "zsh"),
        (["/bin/bash", "--rcfile", "x", "-i"], "bash", "bash"),
        (["bash", "-l"], "bash", "bash"),
        (["bash", "-o", "vi"], "bash", "bash"),
        (["bash", "+O", "extglob", "-x"], "bash", "bash"),
        (["bash", "x.sh", "-i"], "x.sh", ""),
        (["bash", "-c", "sleep 1"], "bash", ""),
        (["bash", "-xec", "sleep 1"], "bash", ""),
        (["bash", "--", "/a/run"], "run", ""),
        (["sh", "-s"], "sh", "sh"),
        (["busybox", "sh"], "sh", "sh"),
        (["busybox", "vi"], "vi", ""),
        (["fish", "-C", "echo hi"], "fish", "fish"),
        (["fish", "--command=ls"], "fish", ""),
        (["vim", "x"], "vim", ""),
        (["ssh", "host", "bash"], "ssh", ""),
        (["/opt/bashful"], "bashful", ""),
    ],
)
def test_arguments_tell_a_shell_from_a_script(argv: list[str], name: str, shell: str) -> None:
    assert foreground.read_arguments(argv) == (name, shell)


def test_without_proc_the_name_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "_foreground_group", lambda pid: None)
    assert foreground.holder(1, "zsh").shell == "zsh"
    assert foreground.holder(1, "vim") == foreground.Holder(name="vim", pid=1)
