"""C36: what a repository brings: branches, tags, remotes, commits, stashes, folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devdeck import looking
from devdeck.deck import Deck
from devdeck.errors import DeckError
from devdeck.git import forge, history, refs, remotes, repository, risks, status, worktrees
from devdeck.git.trash import Where
from devdeck.start.choices import choices
from devdeck.start.targets import parse
from devdeck.workspace import ide
from tests.devdeck.hostile.calling import Cli
from tests.devdeck.hostile.corpus import BRANCHES, ESCAPES, INVISIBLE, MARKUP, NAMES, STRINGS, UNICODE, URLS
from tests.devdeck.hostile.watching import leaving_nothing, refusal
from tests.devdeck.remote_support import publish, push
from tests.git_support import commit, make_repository, run_git

ODD_FOLDERS = tuple(name for name in NAMES if len(os.fsencode(name)) < 200)


def plant(place: Path, kinds: tuple[str, ...] = ("heads", "tags", "remotes/origin")) -> list[str]:
    """Give a repository a reference of every name of the corpus that git can read, as a clone of a hostile one has."""
    oid = run_git(place, "rev-parse", "HEAD").strip()
    made: set[str] = set()
    for name in BRANCHES:
        parts = name.split("/")
        if not any("/".join(parts[:count]) in made for count in range(1, len(parts) + 1)) and not any(
            other.startswith(f"{name}/") for other in made
        ):
            made.add(name)
    lines = sorted(os.fsencode(f"{oid} refs/{kind}/{name}\n") for kind in kinds for name in made)
    with (place / ".git/packed-refs").open("wb") as file:
        file.write(b"# pack-refs with: peeled fully-peeled \n" + b"".join(lines))
    listed = run_git(place, "for-each-ref", "--format=%(refname)").split("\n")
    assert len(listed) > 200
    return sorted(made)


def test_every_branch_of_a_repository(deck: Deck, cli: Cli, repository: Path) -> None:
    """Looked for, chosen from, checked out: a name is a name, also `-x`, `refs/heads/main` and `HEAD`."""
    run_git(repository, "config", "remote.origin.url", str(repository))
    names = plant(repository)
    root = str(repository)
    shown = {choice.name for choice in choices(root)}
    assert {"--upload-pack=canary", "$(canary)"} & shown
    with leaving_nothing(deck, repository):
        for name in names[::5]:
            assert refs.local_branch_exists(root, name) == (not name.startswith("-")), name
            refs.checked_out_at(root, name)
            remotes.upstream_of(root, name)
        for number, name in enumerate(names[::2]):
            target = (name, f"origin/{name}", f"ada:{name}")[number % 3]
            refusal(deck.starting.plan_checkout, target, root, offline=True)
    for name in ("refs/heads/main", "-x", "HEAD", "@", "0" * 40):
        if name in names:
            assert refusal(deck.starting.checkout, name, root, "one", offline=True), name
    for number, name in enumerate(
        ("$(canary)", ";canary;", "#(canary)", "%H", "heads/main", "日本語", "[", "x';canary;'")
    ):
        if name in names:
            session = deck.starting.checkout(name, root, f"label{number}", offline=True)
            assert run_git(session.worktree, "symbolic-ref", "HEAD").strip() == f"refs/heads/{name}"
    for verb in ("ls", "status"):
        cli(verb)
        cli.json(verb)
    for session in deck.store.sessions():
        deck.removing.remove(session, force=True)
        deck.trash.restore(deck.trash.find(session.label))


def test_a_repository_called_as_it_likes(deck: Deck, cli: Cli, tmp_path: Path) -> None:
    """Folders of repositories and of worktrees that others made, in every spelling: found, shown, adopted, removed."""
    source = make_repository(tmp_path / "src" / "shop")
    deck.store.know_repository(str(source), "shop")
    kinds = (
        *ESCAPES,
        *INVISIBLE,
        *UNICODE,
        *MARKUP,
        "$(canary)",
        "-x",
        "--upload-pack=canary",
        "#(canary)",
        "%H",
        "~",
        "..x",
    )
    names = [
        *(name for name in ODD_FOLDERS[::9] if name in kinds),
        "\udcff",
        "a\nb",
        "--upload-pack=canary",
        "\x1b]0;STOLEN\x07",
    ]
    for number, name in enumerate(dict.fromkeys(names)):
        run_git(source, "worktree", "add", "--quiet", "-b", f"branch{number}", str(tmp_path / "places" / name))
        run_git(tmp_path / "places" / name, "checkout", "--quiet", "--detach")
    found = deck.sessions.all()
    assert len(found) == len(dict.fromkeys(names))
    looking.look(deck)
    for verb in ("ls", "status"):
        cli(verb)
        cli.json(verb)
    for number, session in enumerate(found):
        assert deck.removing.plan(session).risks == ()
        cli("status", session.label)
        cli("rm", "--dry-run", session.label)
        cli.json("adopt", session.worktree, "-l", f"adopted{number}")
    adopted = deck.store.sessions()
    assert len(adopted) == len(found)
    for session in adopted[::4]:
        deck.terminals.restore(session)
        job = deck.work.run(session, ["true", session.label])
        deck.work.stop(job)
        deck.removing.remove(session)
        deck.trash.restore(deck.trash.find(session.label))
    cli("trash")
    cli("jobs")
    cli.json("jobs")
    cli("doctor")
    cli.json("doctor")


def test_folders_of_repositories_in_a_workspace(deck: Deck, cli: Cli, tmp_path: Path) -> None:
    names = [
        "-x",
        "--upload-pack=canary",
        "$(canary)",
        "#(canary)",
        "a\nb",
        "\x1b[31mred",
        "日本語",
        "[@click=app.quit]x",
        "a'b",
        "%H",
    ]
    for name in names:
        make_repository(tmp_path / "src" / name)
    session = deck.workspaces.start("all-of-them", str(tmp_path / "src"), windows=True, offline=True)
    assert len(session.members) == len(names)
    assert all(member.worktree.startswith(f"{session.worktree}/") for member in session.members)
    cli("ls")
    cli.json("ls")
    cli("status", "all-of-them")
    for member in session.member_sessions():
        cli("open", member.label)
        assert deck.sessions.find(member.label) == member
    ide.write(session)
    deck.removing.remove(session)
    deck.trash.restore(deck.trash.find("all-of-them"))


def test_commits_stashes_and_files(deck: Deck, cli: Cli, repository: Path) -> None:
    """Subjects, authors, stash messages, file names: read as they are, shown as one line."""
    session = deck.starting.start("one", str(repository), offline=True)
    place = Path(session.worktree)
    subjects = [
        text
        for text in (*ESCAPES, *MARKUP, *INVISIBLE[:20], "$(canary)", "%H", "\udcff")
        if text.strip() and "\0" not in text
    ]
    for text in subjects[::2]:
        (place / "a.py").write_text(text.encode("utf-8", "replace").decode())
        run_git(place, "-c", f"user.name=x{text}", "commit", "--quiet", "-a", "--allow-empty", "-m", f"x{text}")
    for text in ("$(canary)", "\x1b]0;STOLEN\x07", "On one: x", "a\nb"):
        (place / "a.py").write_text(f"stashed {len(text)}\n")
        run_git(place, "stash", "push", "--quiet", "-m", text)
    for name in NAMES:
        (place / name).write_bytes(b"x")
    assert len(history.commits(str(place), 100)) > 20
    changes = status.changes(str(place))
    assert {path for _, path in changes} >= {"--upload-pack=canary", "\udcff", "a\nb"}
    history.diff(str(place))
    risks.stashes(Where(str(place), repository_git_dir(place)), "one")
    assert "untracked" in " ".join(deck.removing.plan(session).risks)
    cli("status", "one")
    cli.json("status", "one")
    cli("rm", "one")
    cli("rm", "--force", "one")
    cli("trash", "show", "one")
    deck.trash.restore(deck.trash.find("one"))
    assert set(os.listdir(place)) >= set(NAMES)


def repository_git_dir(place: Path) -> Path:
    own = repository.git_dir(place)
    assert own is not None
    return own


def test_moved_changes_of_any_name(deck: Deck, repository: Path) -> None:
    """C22: uncommitted files go along by name, never as options or patterns."""
    for name in NAMES:
        (repository / name).write_bytes(os.fsencode(name))
    staged = [name for name in NAMES if name not in ("*", "**", "?")][::3]
    for name in staged:
        run_git(repository, "--literal-pathspecs", "add", "--intent-to-add", "--", name)
    session = deck.starting.start("one", str(repository), with_changes=True, offline=True)
    for name in NAMES:
        assert (Path(session.worktree) / name).read_bytes() == os.fsencode(name)
    assert run_git(repository, "status", "--porcelain").strip() == ""


def test_ignored_files_of_any_name(deck: Deck, repository: Path) -> None:
    """Over the limit they are dropped by name, and what is dropped is told."""
    (deck.paths.config).mkdir(parents=True, exist_ok=True)
    (deck.paths.config / "config.toml").write_text('[trash]\nignored_limit = "10 kB"\n')
    commit(repository, {".gitignore": "big/\n"})
    session = deck.starting.start("one", str(repository), offline=True)
    folder = Path(session.worktree, "big")
    folder.mkdir()
    for name in ("\udcff", "$(canary)", "-x", "a\nb", "\x1b]0;STOLEN\x07"):
        (folder / name).write_bytes(b"x" * 100_000)
    deck.removing.remove(session, force=True)
    entry = deck.trash.find("one")
    assert entry.parts[0].dropped
    deck.trash.restore(entry)


def test_remotes_and_their_urls(deck: Deck, cli: Cli, repository: Path, tmp_path: Path) -> None:
    """W8: what stands in a repository's own configuration is asked as a URL or not at all."""
    bare = publish(repository, tmp_path / "bare")
    push(bare, "refs/heads/there", tmp_path / "scratch", {"b.py": "B\n"})
    urls = [url for url in (*URLS, *(text for text in STRINGS if len(text) < 200)) if "\0" not in url and url.strip()]
    reachable = (
        "http://127.0",
        "https://",
        "ssh://host",
        "host:",
        "git@",
        "http://",
        "github.com",
        "origin/",
        "gh:",
        "ada:",
        "a:b:c",
    )
    config = repository / ".git/config"
    before = config.read_bytes()
    for number, url in enumerate(urls):
        forge.parse_place(url)
        forge.without_secret(url)
        forge.fork_url(url, "bob")
        if number % 9 == 0 and not url.startswith(reachable):
            quoted = "".join(f"\\{sign}" if sign in '"\\' else "\\n" if sign == "\n" else sign for sign in url)
            with config.open("ab") as file:
                file.write(f'[remote "r{number}"]\n\turl = "{quoted}"\n'.encode("utf-8", "surrogateescape"))
    with config.open("ab") as file:
        file.write(
            b'[remote "--upload-pack=canary"]\n\turl = /x\n[remote "-x"]\n\turl = /x\n[remote "$(canary)"]\n\turl = /x\n'
        )
        file.write('[remote "a b"]\n\turl = /x\n[remote "\u202ex"]\n\turl = "ext::sh -c canary"\n'.encode())
    known = {remote.name for remote in remotes.list_remotes(str(repository))}
    assert {"origin", "$(canary)", "a b"} <= known
    assert not {"--upload-pack=canary", "-x"} & known
    plan = deck.starting.plan("there", str(repository))
    assert plan.session.base == run_git(bare, "rev-parse", "there").strip()
    deck.starting.plan("nowhere", str(repository))
    status_, _, _ = cli("start", "nowhere", "-p", str(repository), "--dry-run")
    assert status_ == 0
    config.write_bytes(before)


@pytest.mark.parametrize(
    "url", ["ext::sh -c canary", "ext::canary%20x", "--upload-pack=canary", "ssh://-oProxyCommand=canary/ada/shop"]
)
def test_a_remote_that_is_a_trap(deck: Deck, repository: Path, url: str) -> None:
    """The preferred remote itself: asked, checked out from, fetched, refreshed, and nothing of it is run."""
    run_git(repository, "config", "protocol.ext.allow", "always")
    run_git(repository, "config", "remote.origin.url", url)
    run_git(repository, "config", "branch.main.remote", "origin")
    run_git(repository, "config", "branch.main.merge", "refs/heads/main")
    with leaving_nothing(deck, repository):
        for target in ("pr/7", "origin/x", "bob:x", "https://github.com/ada/shop/pull/7"):
            assert refusal(deck.starting.checkout, target, str(repository))
    refusal(deck.starting.fetch, str(repository))
    session = deck.starting.start("one", str(repository))
    run_git(repository, "config", "branch.one.remote", url)
    run_git(repository, "config", "branch.one.merge", "refs/heads/main")
    assert refusal(deck.starting.refresh, session)


def test_targets(deck: Deck, repository: Path, tmp_path: Path) -> None:
    publish(repository, tmp_path / "bare")
    with leaving_nothing(deck, repository):
        for number, text in enumerate((*URLS, *STRINGS)):
            if refusal(parse, text) is not None or (number > 20 and number % 4):
                continue
            if refusal(deck.starting.plan_checkout, text, str(repository), offline=True) is None:
                assert text in {"origin/main", "main"} or not text, repr(text)


def test_branch_settings_are_kept_as_values(deck: Deck, repository: Path) -> None:
    """Settings of a branch come back from the trash as they were, also those that look like options."""
    session = deck.starting.start("one", str(repository), offline=True)
    values = ["--edit", "-x", "--unset", "a\nb", "$(canary)", "--", "=", ""]
    for number, value in enumerate(values):
        with (repository / ".git/config").open("a") as file:
            escaped = value.replace("\n", "\\n")
            file.write(f'[branch "one"]\n\tkey{number} = "{escaped}"\n')
    before = run_git(repository, "config", "--local", "--get-regexp", "^branch")
    deck.removing.remove(session)
    assert "key0" not in run_git(repository, "config", "--local", "--list")
    deck.trash.restore(deck.trash.find("one"))
    assert run_git(repository, "config", "--local", "--get-regexp", "^branch") == before


def test_pointers_of_git_that_lead_astray(deck: Deck, cli: Cli, repository: Path, tmp_path: Path) -> None:
    """`.git` files, `gitdir`, `commondir` and HEAD with anything in them: read, doubted, never followed outside by acts."""
    session = deck.starting.start("one", str(repository), offline=True)
    own = repository_git_dir(Path(session.worktree))
    kept = {
        file: file.read_bytes()
        for file in (Path(session.worktree, ".git"), own / "gitdir", own / "commondir", own / "HEAD")
    }
    for text in (b"", b"\0", b"gitdir: \0", b"gitdir: /", b"gitdir: ../../..", b"ref: refs/heads/../../../x", b"ref: -x", b"\xff\xfe",
                 b"gitdir: " + b"x" * 70000, b"gitdir: \x1b]0;STOLEN\x07", b"ref: refs/heads/$(canary)"):  # fmt: skip
        for file, content in kept.items():
            file.write_bytes(text)
            refusal(deck.sessions.all)
            refusal(deck.removing.plan, session)
            refusal(worktrees.list_worktrees, str(repository))
            refusal(status.status, session.worktree)
            refusal(deck.managing.plan_adopt, session.worktree)
            cli("ls")
            file.write_bytes(content)
    with pytest.raises(DeckError):
        deck.managing.adopt(str(tmp_path / "outside"))
