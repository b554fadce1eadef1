"""Completion: what is offered, in real shells, and that nothing that a label says is ever run."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devdeck.cli import answering, completion
from devdeck.cli.answering import BashWord, offers, powershell_quoted
from devdeck.model import Job, JobKind, Member, Session, SessionKind, TrashEntry
from devdeck.paths import Paths
from devdeck.store import Store
from tests.git_support import make_repository, run_git

HOSTILE = "x$(touch${IFS}pwned)'\"&;|`id`#!y"
BREAKS = " \t\n\"'@><=;|&(:"


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    paths = Paths.from_environment()
    paths.ensure()
    with closing(Store(paths.database)) as store:
        yield store


def session(label: str, worktree: str = "/w") -> Session:
    return Session(
        id=f"id-{label}", label=label, repository="shop", repository_path="/r", worktree=worktree, branch=label
    )


@pytest.fixture
def filled(store: Store) -> Store:
    for label in ("fix", "fix-login", "größe", HOSTILE):
        store.save_session(session(label))
    members = tuple(Member(repository=name, repository_path="/r", worktree=f"/w/{name}") for name in ("api", "web"))
    store.save_session(msgspec.structs.replace(session("ws"), kind=SessionKind.WORKSPACE, members=members))
    for number, ended in ((1, None), (2, 5.0)):
        store.save_job(
            Job(
                id=f"job{number}",
                session_id="id-fix",
                kind=JobKind.RUN,
                argv=("make",),
                cwd="/",
                directory="/j",
                created_at=number,
                ended_at=ended,
                state="running" if ended is None else "ended",  # type: ignore[arg-type]
                title="make check",
            )
        )
    store.save_trash(TrashEntry(id="t1", session=session("gone"), at=1.0))
    return store


def values(*words: str) -> list[str]:
    return [str(offer) for offer in offers(words[:-1], words[-1]) if offer.kind == "plain"]


def test_labels_come_from_the_store(filled: Store) -> None:
    assert values("rename", "fi") == ["fix", "fix-login"]
    assert values("rename", "g") == ["größe"]
    assert values("status", "ws") == ["ws", "ws:api", "ws:web"]
    assert values("status", "ws:w") == ["ws:web"]
    assert values("rename", "nobody") == []
    assert "api" not in " ".join(values("rename", "fix"))


def test_options_verbs_choices_and_folders(filled: Store) -> None:
    assert {"rename", "rm", "run"} <= set(values("r"))
    assert values("rename", "--keep") == ["--keep-branch"]
    assert set(values("completion", "")) == {"bash", "zsh", "fish", "powershell"}
    assert values("help", "comp") == ["completion"]
    assert [offer.kind for offer in offers(["import", "par", "--from"], "/t")] == ["dir"]
    assert values("import", "") == ["par"]
    assert values("no-such-verb", "") == []
    assert values("rename", "fix", "") == []  # a new label is the user's own


def test_what_a_verb_would_refuse_is_not_offered(filled: Store) -> None:
    for verb in ("rm", "rename"):
        assert values(verb, "ws") == ["ws"]  # one repository of a workspace can't be removed or renamed alone
    assert values("test", "ws") == ["ws:api", "ws:web"]  # a workspace has no tests but its repositories'
    for verb in ("open", "send", "run", "init", "refresh", "restore", "jobs", "status"):
        assert values(verb, "ws") == ["ws", "ws:api", "ws:web"]
    job = msgspec.structs.replace(filled.job("job1"), id="job3", session_id="id-ws.web")
    filled.save_job(job)
    assert values("stop", "ws") == ["ws", "ws:web"]
    assert values("logs", "ws") == ["ws", "ws:web"]


def test_branches_that_a_worktree_has_are_not_offered_for_checkout(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "src" / "shop")
    for name in ("free", "taken"):
        run_git(repository, "branch", name)
    run_git(repository, "update-ref", "refs/remotes/origin/main", "HEAD")
    run_git(repository, "worktree", "add", "-q", str(tmp_path / "place"), "taken")
    monkeypatch.chdir(tmp_path / "place")
    assert values("checkout", "") == ["free", "origin/main", "pr/", "mr/"]
    assert values("start", "--base", "") == ["free", "main", "taken", "origin/main"]


def test_worktrees_that_are_a_session_or_gone_are_not_offered_for_adoption(store: Store, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "src" / "shop")
    places = [str(tmp_path / name) for name in ("by-hand", "session", "member", "gone")]
    for place in places:
        run_git(repository, "worktree", "add", "-q", place)
    shutil.rmtree(places[3])
    store.know_repository(str(repository), "shop")
    store.save_session(session("mine", places[1]))
    members = (Member(repository="shop", repository_path=str(repository), worktree=places[2]),)
    store.save_session(msgspec.structs.replace(session("ws"), kind=SessionKind.WORKSPACE, members=members))
    assert values("adopt", f"{tmp_path}/") == [places[0]]


def test_help_offers_the_verbs_below_a_verb(home: Path) -> None:
    assert {"start", "trash", "workspace"} <= set(values("help", ""))
    assert values("help", "trash", "re") == ["restore"]
    assert values("help", "trash", "restore", "") == []
    assert values("help", "nonsense", "") == []


def test_refs_of_the_repository(home: Path, tmp_path: Path) -> None:
    from devdeck.cli import complete

    repository = make_repository(tmp_path / "src" / "shop")
    run_git(repository, "branch", "feature/cart")
    run_git(repository, "tag", "v1.0")
    run_git(repository, "update-ref", "refs/remotes/origin/main", "HEAD")
    run_git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    kinds = ("heads", "remotes", "tags")
    wanted = {"main": "branch", "feature/cart": "branch", "v1.0": "tag", "origin/main": "remote branch"}
    assert dict(complete._refs(str(repository), kinds)) == wanted
    run_git(repository, "pack-refs", "--all")
    run_git(repository, "branch", "later")
    wanted["later"] = "branch"
    place = tmp_path / "linked"
    run_git(repository, "worktree", "add", "-q", "--detach", str(place))
    (place / "deep").mkdir()
    assert dict(complete._refs(str(place / "deep"), kinds)) == wanted
    assert complete._refs(str(tmp_path), kinds) == []
    bare = make_repository(tmp_path / "bare", bare=True)
    run_git(repository, "push", "-q", str(bare), "later")
    assert complete._refs(str(bare), kinds) == [("later", "branch")]


def test_jobs_and_trash(filled: Store) -> None:
    import click

    from devdeck.cli import complete

    context, parameter = click.Context(click.Command("x")), click.Argument(["y"])

    def told(completer: complete.Completer, typed: str) -> list[tuple[str, str]]:
        offers_ = completer(context, parameter, typed)
        return [(str(offer), offer.told) for offer in offers_ if isinstance(offer, complete.Offer)]

    assert values("logs", "") == ["fix", "job2", "job1"]
    assert values("stop", "") == ["fix", "job1"]
    assert told(complete.labels_or_jobs, "job") == [("job2", "make check"), ("job1", "make check")]
    assert told(complete.labels_or_running_jobs, "job") == [("job1", "make check")]
    assert told(complete.trash, "") == [("gone", "removed session"), ("t1", "removed session gone")]
    assert told(complete.whole_labels_or_all, "al") == [("all", "all sessions")]
    assert told(complete.labels_or_last, "-") == [("-", "the session before")]
    assert told(complete.workspaces, "") == [("ws", "workspace")]
    assert ("devdeck-dark", "theme") in told(complete.themes, "devdeck")


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 100])
def test_without_a_usable_store_nothing_is_offered_and_nothing_made(home: Path, content: bytes | None) -> None:
    path = Paths.from_environment().database
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert values("rename", "") == []
    assert (path.read_bytes() if path.exists() else None) == content
    if content is None:
        assert not path.parent.exists()


def test_completing_loads_no_heavy_module(filled: Store) -> None:
    script = (
        "import sys\nfrom devdeck.cli.answering import answer\nanswer('bash', ['devdeck rename fi'])\n"
        "heavy = {'click', 'msgspec', 'subprocess', 'textual', 'rich', 'git', 'libtmux', 'docker', 'watchfiles', 'psutil', 'yaml', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("plain\tfix\tshop fix\nplain\tfix-login\tshop fix-login\n", "[]\n")


# The word that bash completes


@pytest.mark.parametrize(
    ("line", "before", "text", "quote", "value", "inserted"),
    [
        ("devdeck open ", ["devdeck", "open"], "", "", "a b", r"a\ b"),
        ("devdeck open ws:a", ["devdeck", "open"], "ws:a", "", "ws:api", "api"),
        (r"devdeck open ws\:a", ["devdeck", "open"], "ws:a", "", "ws:api", "ws:api"),
        ("devdeck open 'ws:a", ["devdeck", "open"], "ws:a", "'", "ws:api", "ws:api"),
        ("devdeck open 'it", ["devdeck", "open"], "it", "'", "it's", r"it'\''s"),
        ('devdeck open "a$', ["devdeck", "open"], "a$", '"', "a$b", r"a\$b"),
        ("devdeck start x --base=or", ["devdeck", "start", "x"], "--base=or", "", "--base=origin/x", "origin/x"),
        (r"devdeck run a\ b ", ["devdeck", "run", "a b"], "", "", "x;y", r"x\;y"),
        ("devdeck run 'a b' \"c'd\" e", ["devdeck", "run", "a b", "c'd"], "e", "", "ü", "ü"),
        ("devdeck rename ''", ["devdeck", "rename"], "", "", "-", "-"),
    ],
)
def test_a_command_line_is_read_as_bash_reads_it(
    line: str, before: list[str], text: str, quote: str, value: str, inserted: str
) -> None:
    word = BashWord.parse(line, BREAKS)
    assert (word.before, word.text, word.quote) == (before, text, quote)
    assert word.inserted(value) == inserted


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=40))
@example("'")
@example("a\\")
@example('"$(')
def test_any_command_line_can_be_read(line: str) -> None:
    word = BashWord.parse(f"devdeck {line}", BREAKS)
    assert word.before[:1] == ["devdeck"] or not line
    assert word.quote in ("", "'", '"')


def test_powershell_takes_values_literally() -> None:
    assert powershell_quoted("fix-login/x_1") == "fix-login/x_1"
    assert powershell_quoted("--base") == "--base"
    assert powershell_quoted("ws:api") == "ws:api"
    assert powershell_quoted("it's") == "'it''s'"
    assert powershell_quoted("$(rm x)") == "'$(rm x)'"
    assert powershell_quoted("a\u2019b") == "'a\u2019\u2019b'"
    assert powershell_quoted("--a;b") == "'--a;b'"


def test_the_protocol_of_each_shell(filled: Store, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for shell, arguments in (
        ("zsh", ["rename", "fix-"]),
        ("fish", ["rename", "fix-"]),
        ("powershell", ["rename", "=fix-"]),
        ("bash", ["devdeck rename fix-"]),
    ):
        assert answering.answer(shell, arguments) == 0
        assert capsysbinary.readouterr().out == b"plain\tfix-login\tshop fix-login\n"
    assert answering.answer("powershell", ["rename", "="]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert f"plain\t'{HOSTILE.replace(chr(39), chr(39) * 2)}'\tshop {HOSTILE}" in lines
    assert answering.answer("nushell", ["rename", ""]) == 1
    assert answering.answer("zsh", []) == 1


def test_the_powershell_script_is_in_shape() -> None:
    script = completion.POWERSHELL
    assert script.count("{") == script.count("}")
    assert script.count("(") == script.count(")")
    assert "Register-ArgumentCompleter -Native -CommandName devdeck" in script
    if shutil.which("pwsh"):
        parse = "$e = $null; [void][Management.Automation.Language.Parser]::ParseInput($input, [ref]$null, [ref]$e); $e"
        done = subprocess.run(["pwsh", "-c", parse], input=script, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout.strip()) == (0, "")


# Real shells


class Shell:
    """A real, interactive shell on a terminal of its own, in which `devdeck` prints what it is called with."""

    def __init__(self, argv: list[str], cwd: Path, path: str) -> None:
        self._master, slave = pty.openpty()
        env = {**os.environ, "TERM": "dumb", "PATH": path, "PS1": "> ", "LC_ALL": "C.UTF-8", "PROMPT_EOL_MARK": ""}
        # A shell of job control wants the terminal to be its own.
        own = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", own, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def read(self, enough: Callable[[str], bool], timeout: float = 40.0) -> str:
        """What the shell prints until it is enough."""
        taken, deadline = b"", time.monotonic() + timeout
        while not enough(taken.decode(errors="replace")):
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"not within {timeout} s: {taken!r}"
            taken += os.read(self._master, 65536)
        return taken.decode(errors="replace")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            while os.read(self._master, 65536):
                pass
        os.close(self._master)


STARTS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set bell-style none'; source ./script; devdeck() { printf '<%s>' \"$@\"; echo END; }; echo REA''DY\n",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit; compinit -u -D; source ./script; devdeck() { printf '<%s>' \"$@\"; echo END; };"
        " echo REA''DY\n",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "source ./script; function devdeck; printf '<%s>' $argv; echo END; end; echo REA''DY\n",
    ),
}


@pytest.fixture(params=sorted(STARTS))
def shell(request: pytest.FixtureRequest, filled: Store, tmp_path: Path) -> Iterator[Shell]:
    argv, start = STARTS[request.param]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed, so its completion was NOT tried")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "devdeck").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m devdeck "$@"\n')
    (tools / "devdeck").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    (work / "script").write_text(completion.SCRIPTS[request.param])
    shell = Shell(argv, work, f"{tools}{os.pathsep}{os.environ['PATH']}")
    try:
        shell.type(start)
        shell.read(lambda text: "READY" in text)  # what it prints, not the line that is typed
        yield shell
    finally:
        shell.close()


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("devdeck rename fix-\t\n", "<rename><fix-login>"),
        ("devdeck status ws:w\t\n", "<status><ws:web>"),
        ("devdeck rename x\t\n", f"<rename><{HOSTILE}>"),
        ("devdeck rename g\t\n", "<rename><größe>"),
        ("devdeck rename fix --keep\t\n", "<rename><fix><--keep-branch>"),
        ("devdeck compl\tfis\t\n", "<completion><fish>"),
    ],
)
def test_a_real_shell_completes(shell: Shell, tmp_path: Path, typed: str, wanted: str) -> None:
    """C36: what is completed reaches devdeck as it is, and nothing of it is run."""
    shell.type(typed)
    text = shell.read(lambda text: ">END" in text.replace("\r", "").replace("\n", ""))
    assert f"{wanted}END" in text.replace("\r", "").replace("\n", "")
    assert not (tmp_path / "work" / "pwned").exists()
