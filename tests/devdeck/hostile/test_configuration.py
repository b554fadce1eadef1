"""C36: every field of `.devdeck.toml`, `.par.yaml` and `config.toml`, and par's registries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from devdeck.configuration.config import Config
from devdeck.deck import Deck
from devdeck.errors import UsageError
from devdeck.initialization import including, repo_config
from devdeck.initialization.repo_config import Include, When
from devdeck.jobs.sequence import why_not
from devdeck.model import JobKind, JobState
from tests.devdeck.hostile.calling import CONTROLS, Cli
from tests.devdeck.hostile.corpus import NAMES, PATHS, STRINGS
from tests.devdeck.hostile.watching import SECRET, Watch, leaving_nothing, refusal
from tests.git_support import make_repository, run_git, write
from tests.support import until

TEXTS = tuple(text for text in STRINGS if not any(0xD800 <= ord(sign) < 0xE000 for sign in text))
"""What a file in UTF-8 can hold."""


def quoted(text: str) -> str:
    """A string in TOML, and in YAML too."""
    return json.dumps(text, ensure_ascii=True).replace("\\u001b", "\\u001B") if text.isascii() else _wide(text)


def _wide(text: str) -> str:
    return '"' + "".join(f"\\U{ord(sign):08X}" for sign in text) + '"'


FIELDS = (
    "[init]\ninclude = {0}",
    "[init]\ninclude = [{0}, {{ pattern = {0}, mode = \"link\" }}]",
    "[init]\ninclude = [{{ pattern = \"x\", mode = {0} }}]",
    "[init]\ncommand = [{{ run = \"true\", name = {0}, group = {0} }}]",
    "[init]\ncommand = [{{ run = {0} }}]",
    "[init]\ncommand = [{{ run = [{0}, {0}] }}]",
    "[init]\ncommand = [{{ run = \"true\", directory = {0} }}]",
    "[init]\ncommand = [{{ run = \"true\", env = {{ {0} = {0} }} }}]",
    "[init]\ncommand = [{{ run = \"true\", env = {{ X = {0} }} }}]",
    "[init]\ncommand = [{{ run = \"true\", when = {{ exists = {0}, missing = [{0}] }} }}]",
    "[init]\ncommand = [{{ run = \"true\", when = {{ os = {0} }} }}]",
    "[init]\ncommand = [{{ run = \"true\", when = {{ command = {0} }} }}]",
    "[init]\ncommand = [{{ run = \"true\", timeout = {0} }}]",
    "[teardown]\ncommand = {0}",
    "[{0}]\n{0} = {0}",
    "{0}",
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_refused_with_its_place_or_shown_as_it_is(deck: Deck, repository: Path, field: str) -> None:
    for text in TEXTS:
        write(repository, {".devdeck.toml": field.format(quoted(text))})
        told = refusal(repo_config.read, str(repository))
        if told is not None:
            assert isinstance(told, UsageError)
            assert told.message.startswith(f"{repository}/.devdeck.toml:"), told.message
            assert not CONTROLS.search(told.message), repr(told.message)
            continue
        config = repo_config.read(str(repository))
        shown = [
            *map(repo_config.words, (*config.commands, *config.teardown)),
            *map(repo_config.include_words, config.include),
        ]
        for line in shown:
            assert not CONTROLS.search(line), (text, line)
            assert "\n" not in line
        for each in config.include:
            assert ".." not in each.pattern.split("/"), text
            assert not each.pattern.startswith("/"), text


def test_par_files_and_nonsense(deck: Deck, cli: Cli, repository: Path) -> None:
    for text in TEXTS[::3]:
        for content in (
            f"initialization:\n  include: {quoted(text)}\n  commands: [{quoted(text)}]\n",
            f"initialization:\n  commands:\n    - name: {quoted(text)}\n      command: {quoted(text)}\n",
            f"initialization:\n  include: [{quoted(text)}]\n{quoted(text)}: 1\n",
            text,
        ):
            (repository / ".par.yaml").write_text(content)
            refusal(deck.setups.look, str(repository))
    for content in (
        "!!python/object/apply:os.system ['canary']\n",
        "a: &a [*a]\n",
        "initialization: !!python/name:os.system\n",
        "- \x00",
    ):
        (repository / ".par.yaml").write_text(content)
        assert refusal(deck.setups.look, str(repository))
        assert cli("config", "check", "-p", str(repository))[0] == 2


def test_what_is_shown_before_trust_hides_nothing(cli: Cli, deck: Deck, repository: Path) -> None:
    """The question of trust, and everything that lists a configuration, shows what would run, whatever it holds."""
    for text in (
        "\x1b[8mcanary\x1b[0m",
        "true\r canary",
        "true \u202eyranac",
        "true" + " " * 400 + "; canary",
        "a\nb",
        "x\u200by",
        "\x9b8m",
    ):
        write(
            repository,
            {
                ".devdeck.toml": f'[init]\ninclude = ["a.py"]\n[[init.command]]\nname = {quoted(text)}\nrun = {quoted(text)}\n'
            },
        )
        _, out, _ = cli("config", "show", "-p", str(repository))
        _, plan, _ = cli("config", "trust", "--dry-run", "-p", str(repository))
        for shown in (out, plan):
            assert not text.isprintable() or text in shown
            assert "yranac" not in shown or "\\u202e" in shown
            assert "8mcanary" not in shown or "\\x1b[8mcanary" in shown
        cli.json("config", "show", "-p", str(repository))
        cli.json("start", "one", "-p", str(repository), "--dry-run", "--trust")


def test_trusted_commands_get_texts_as_they_are(deck: Deck, cli: Cli, repository: Path) -> None:
    """Values, names and arguments reach the command literally: no shell, no format, no expansion on the way."""
    texts = [text for text in TEXTS if "\0" not in text and text and len(text) < 300][::9]
    commands = "".join(
        f'[[init.command]]\nname = {quoted(text)}\nrun = ["sh", "-c", \'printf %s "$V"; printf %s "$1"\', "sh", {quoted(text)}]\n'
        f'group = "g"\nenv = {{ V = {quoted(text)} }}\n'
        for text in texts
    )
    write(repository, {".devdeck.toml": commands})
    session = deck.starting.start("$(canary)", str(repository), offline=True, trust=True)
    jobs = until(lambda: _ended(deck, session.id, len(texts)), timeout=60)
    logs = sorted(Path(job.log).read_bytes().replace(b"\r\n", b"\n") for job in jobs)
    assert logs == sorted((text + text).encode().replace(b"\r\n", b"\n") for text in texts)
    for verb in ("jobs", "ls", "status"):
        cli(verb)
        cli.json(verb)
    cli("logs", "$(canary)")
    cli.json("logs", "$(canary)")
    assert deck.setups.type_into_pane(session)


def _ended(deck: Deck, session_id: str, count: int) -> list[Any]:
    jobs = [deck.work.refresh(job) for job in deck.store.jobs(session_id, limit=200) if job.kind is JobKind.INIT]
    return jobs if len(jobs) == count and all(job.state is JobState.ENDED for job in jobs) else []


def test_files_of_any_name_are_included_and_nothing_else(deck: Deck, repository: Path, watch: Watch) -> None:
    """W14: patterns match names; no link, `..`, option or absolute path gets anything in or out."""
    run_git(repository, "config", "core.excludesFile", "/dev/null")
    folder = repository / "odd"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(name.encode("utf-8", "replace").decode())
    (repository / "out").symlink_to(watch.outside)
    session = deck.starting.start("one", str(repository), offline=True)
    assert refusal(
        including.include, str(repository), session.worktree, (Include("odd/**"), Include("out/secret")), key="1"
    )
    assert refusal(including.include, str(repository), session.worktree, (Include("out"),), key="2")
    place = Path(session.worktree)
    including.include(str(repository), session.worktree, (Include("odd/*"), Include("odd/.*")), key="3")
    assert {path.name for path in (place / "odd").iterdir()} == {name for name in NAMES if name.lower() != ".git"}
    assert not any(SECRET in path.read_text(errors="replace") for path in place.rglob("*") if path.is_file())
    for key in "321":
        including.take_back(session.worktree, key=key)
    assert not (place / "odd").exists()


def test_a_worktree_that_leads_out_gets_nothing(deck: Deck, repository: Path, watch: Watch) -> None:
    """A branch brings a link where the main worktree has a folder: nothing is written through it."""
    write(repository, {"data/secret": "changed\n", "data/new": "new\n"})
    session = deck.starting.start("one", str(repository), offline=True)
    Path(session.worktree, "data").symlink_to(watch.outside)
    including.include(str(repository), session.worktree, (Include("data"),), key="1")
    assert including.notes(session.worktree)
    assert (watch.outside / "secret").read_text() == SECRET


def test_conditions_look_only_into_the_worktree(repository: Path) -> None:
    for text in (*PATHS, *NAMES):
        if "\0" in text or text.startswith("/") or ".." in text.split("/"):
            continue  # refused when the file is read
        why_not(When(exists=text, missing=(text,), command=text), str(repository))


def test_directories_stay_inside(deck: Deck, repository: Path, watch: Watch) -> None:
    write(repository, {".devdeck.toml": '[[init.command]]\nrun = ["touch", "left-behind"]\ndirectory = "out"\n'})
    (repository / "out").symlink_to(watch.outside)
    run_git(repository, "add", "out")
    run_git(repository, "commit", "--quiet", "-m", "a link")
    session = deck.starting.start("one", str(repository), offline=True, trust=True)
    (job,) = until(lambda: _ended(deck, session.id, 1))
    assert "leads out" in job.reason
    assert refusal(deck.setups.type_into_pane, session)


SETTINGS = (
    "[trash]\nkeep_days = {0}", "[trash]\nmax_size = {0}", "[start]\nfetch_timeout = {0}", "[start]\noffline = {0}", "[init]\nmax_size = {0}",
    "[{0}]\nx = 1", "[init]\n{0} = 1", "{0} = {0}", "{0}",
)  # fmt: skip


def test_the_users_own_settings(deck: Deck, cli: Cli, repository: Path) -> None:
    file = Config.path(deck.paths)
    file.parent.mkdir(parents=True, exist_ok=True)
    with leaving_nothing(deck, repository):
        for setting in SETTINGS:
            for text in TEXTS[::3]:
                file.write_text(setting.format(quoted(text)))
                told = refusal(Config.load, deck.paths)
                assert told is None or told.message.startswith(f"{file}:"), told.message
                if told is not None:
                    assert not CONTROLS.search(told.message)
        for content in (b"\xff\xfe", b'[trash]\nmax_size = "\x1b]0;STOLEN\x07"', b"x" * 2**19, b"[" * 5000):
            file.write_bytes(content)
            assert cli("config", "check")[0] == 2
            assert cli("start", "one", "-p", str(repository))[0] in (1, 2)
            cli.json("trash")


PAR_FIELDS = (
    "worktree_path",
    "repository_path",
    "branch_name",
    "tmux_session_name",
    "checkout_target",
    "created_at",
    "session_type",
    "workspace_root",
)


def test_registries_of_par(deck: Deck, cli: Cli, repository: Path, tmp_path: Path) -> None:
    """Labels and every field of every record; nothing is made of what can't be, and nothing outside is adopted."""
    folder = tmp_path / "par"
    folder.mkdir()
    good: dict[str, Any] = {
        "worktree_path": "/nowhere",
        "repository_path": str(repository),
        "branch_name": "x",
        "tmux_session_name": "x",
    }
    with leaving_nothing(deck, repository):
        for field in PAR_FIELDS:
            records = {f"label{number}": {**good, field: text} for number, text in enumerate(STRINGS)}
            (folder / "global_state.json").write_text(json.dumps({"sessions": records, "workspaces": {}}))
            came = deck.importing.run(str(folder))
            assert came.plans == ()
            assert came.skipped or came.errors
        records = {text: {**good, "worktree_path": f"/nowhere/{number}"} for number, text in enumerate(STRINGS)}
        (folder / "state.json").write_text(json.dumps(dict.fromkeys(STRINGS[::40], records)))
        (folder / "workspaces.json").write_text(
            json.dumps({text: {text: {"repos": [good], "worktree_path": text}} for text in STRINGS})
        )
        cli("import", "par", "--from", str(folder))
        cli.json("import", "par", "--from", str(folder))


def test_odd_labels_of_par_become_ones_that_can_be_used(deck: Deck, cli: Cli, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "src" / "shop")
    records = {}
    for number, text in enumerate(STRINGS[::12]):
        place = tmp_path / "places" / str(number)
        run_git(repository, "worktree", "add", "--quiet", "--detach", str(place))
        records[text] = {
            "worktree_path": str(place),
            "repository_path": str(repository),
            "branch_name": text,
            "tmux_session_name": text,
        }
    folder = tmp_path / "par"
    folder.mkdir()
    (folder / "global_state.json").write_text(json.dumps({"sessions": records}))
    status, report = cli.json("import", "par", "--from", str(folder))
    assert len(report["imported"]) + len(report["errors"]) == len(records), report
    assert status == bool(report["errors"])
    cli("ls")
