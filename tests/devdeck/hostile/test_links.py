"""Links planted where the deck writes, and who may read what it writes."""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

import pytest

from devdeck import backups
from devdeck.backups import Backup
from devdeck.deck import Deck
from devdeck.initialization import including
from devdeck.initialization.repo_config import Include
from devdeck.jobs import lifecycle
from devdeck.jobs.files import JobSpec, write_spec
from devdeck.model import JobKind, JobState, Session
from devdeck.store import Store
from devdeck.workspace import ide
from tests.devdeck.hostile.calling import Cli
from tests.devdeck.hostile.watching import SECRET, Watch, refusal
from tests.git_support import commit, make_repository, write
from tests.support import until


@pytest.fixture
def session(deck: Deck, repository: Path) -> Session:
    return deck.starting.start("one", str(repository), offline=True)


def everything(folder: Path) -> list[Path]:
    return [Path(top, name) for top, folders, files in os.walk(folder) for name in (*folders, *files)]


def test_what_devdeck_writes_is_its_users_alone(deck: Deck, session: Session, repository: Path) -> None:
    """Folders 0700, files 0600: store, copies, jobs, logs, trash; worktrees lie below a folder that nobody else enters."""
    old = os.umask(0)
    try:
        deck.work.stop(deck.work.run(session, ["true"]))
        other = deck.starting.start("two", str(repository), offline=True)
        write(Path(other.worktree), {"new": "x"})
        deck.removing.remove(other, force=True)
        backups.make(deck.paths.database)
        deck.store.visit(session.id)
    finally:
        os.umask(old)
    for folder in (deck.paths.data, deck.paths.state, deck.paths.worktrees, deck.paths.trash, deck.paths.jobs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for path in everything(deck.paths.data) + everything(deck.paths.state):
        if path.is_relative_to(deck.paths.worktrees) or {"worktree", "admin", "branch.log"} & set(path.parts):
            continue  # the user's own files, as they are
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode & 0o077 == 0, (path, oct(mode))
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))


def test_a_worktree_that_became_a_link(deck: Deck, session: Session, watch: Watch) -> None:
    """Removing moves the link, and never what it leads to."""
    shutil.rmtree(session.worktree)
    Path(session.worktree).symlink_to(watch.outside)
    refusal(deck.removing.remove, session, force=True)
    for entry in deck.trash.entries():
        refusal(deck.trash.restore, entry)
    for found in deck.store.sessions():
        refusal(deck.removing.remove, found, force=True)
    for entry in deck.trash.entries():
        deck.trash.drop(entry)
    assert (watch.outside / "secret").read_text() == SECRET


def test_links_in_a_worktree_are_moved_as_links(deck: Deck, session: Session, repository: Path, watch: Watch) -> None:
    place = Path(session.worktree)
    commit(place, {".gitignore": "ignored\nfolder/\n"})
    (place / "link").symlink_to(watch.outside)
    (place / "ignored").symlink_to(watch.outside)
    (place / "folder").mkdir()
    (place / "folder" / "deep").symlink_to(watch.outside / "secret")
    deck.removing.remove(session, force=True)
    session = deck.trash.restore(deck.trash.find("one"))
    assert os.readlink(place / "ignored") == os.readlink(place / "link") == str(watch.outside)
    assert os.readlink(place / "folder" / "deep") == str(watch.outside / "secret")
    deck.removing.remove(session, force=True)
    deck.trash.drop(deck.trash.find("one"))
    assert not everything(deck.paths.trash)


def test_a_link_where_a_session_comes_back(deck: Deck, session: Session, watch: Watch) -> None:
    deck.removing.remove(session)
    Path(session.worktree).symlink_to(watch.outside)
    assert refusal(deck.trash.restore, deck.trash.find("one"))
    restored = deck.trash.restore(deck.trash.find("one"), "other")
    assert Path(restored.worktree).resolve() == Path(restored.worktree)


def test_a_link_where_a_session_is_made(deck: Deck, session: Session, repository: Path, watch: Watch) -> None:
    (Path(session.worktree).parent / "two").symlink_to(watch.outside)
    made = deck.starting.start("two", str(repository), offline=True)
    assert made.worktree.endswith("two~2")


def test_trash_that_leads_elsewhere(deck: Deck, cli: Cli, session: Session, watch: Watch) -> None:
    deck.paths.trash.symlink_to(watch.outside / "gone")
    assert cli("rm", "one")[0] in (1, 4)
    assert deck.sessions.find("one") == session
    assert Path(session.worktree, "README.md").exists()


def test_trash_entries_of_others_are_not_followed(deck: Deck, session: Session, watch: Watch) -> None:
    """What stands in the trash folder of a removal is deleted as it is, links as links."""
    deck.removing.remove(session)
    entry = deck.trash.find("one")
    (deck.paths.trash / entry.id / "planted").symlink_to(watch.outside)
    deck.trash.drop(entry)
    assert not (deck.paths.trash / entry.id).exists()


def test_links_to_include(deck: Deck, session: Session, repository: Path, watch: Watch) -> None:
    """W14: neither a link in the main worktree nor one in the new one brings anything across."""
    write(repository, {"in/file": "x\n"})
    place = Path(session.worktree)
    (repository / "in" / "out").symlink_to(watch.outside / "secret")
    assert refusal(including.include, str(repository), str(place), (Include("in"),), key="1")
    (repository / "in" / "out").unlink()
    (place / "in").symlink_to(watch.outside) if not (place / "in").exists() else None
    including.include(str(repository), str(place), (Include("in"),), key="2")
    assert sorted(os.listdir(watch.outside)) == ["secret"]


def test_files_for_editors(deck: Deck, tmp_path: Path, watch: Watch) -> None:
    """A link, a pipe or a folder where the workspace's file goes: replaced or refused, never written through or waited for."""
    for name in ("api", "web"):
        make_repository(tmp_path / "src" / name)
    session = deck.workspaces.start("ws", str(tmp_path / "src"), offline=True)
    file = ide.workspace_file(session)
    file.unlink()
    file.symlink_to(watch.outside / "secret")
    refusal(ide.write, session)
    assert (watch.outside / "secret").read_text() == SECRET
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    refusal(ide.write, session)
    with suppress(FileNotFoundError):
        file.unlink()
    file.mkdir()
    assert refusal(ide.write, session)
    file.rmdir()
    assert ide.write(session).is_file()
    ide.discard(session)


def test_job_folders(deck: Deck, session: Session, watch: Watch) -> None:
    """A link in a job's folder gets nothing written through it; one in place of the log makes the job fail."""
    job = lifecycle.prepare(
        deck.paths.jobs, session_id=session.id, kind=JobKind.RUN, argv=["true"], cwd=session.worktree
    )
    folder = Path(job.directory)
    for name in ("output.log", "started.json", "result.json"):
        (folder / name).symlink_to(watch.outside / "secret")
    (folder / "spec.json").unlink()
    (folder / "spec.json").symlink_to(watch.outside / "secret")
    (folder / f".spec.json.{os.getpid()}.tmp").symlink_to(watch.outside / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        write_spec(folder, JobSpec(id=job.id, argv=("true",), cwd=session.worktree))
    write_spec(folder, JobSpec(id=job.id, argv=("true",), cwd=session.worktree))
    assert not (folder / "spec.json").is_symlink()
    from devdeck.jobs.files import runner_argv

    deck.terminals.tmux.new_window(
        deck.terminals.ensure(session).id, name="x", cwd=session.worktree, argv=runner_argv(folder), job_id=job.id
    )
    until(
        lambda: [
            pane for terminal in deck.terminals.all() for pane in terminal.panes if pane.job_id == job.id and pane.dead
        ]
    )
    assert lifecycle.refresh(job).state is not JobState.RUNNING
    assert (watch.outside / "secret").read_text() == SECRET


def test_copies_of_the_store(deck: Deck, session: Session, watch: Watch) -> None:
    """Links where a copy is made, or put back through: the store comes back as a file, and nothing else is written."""
    store = deck.paths.database
    folder = backups.folder_of(store)
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for name in (f"deck-{stamp}.partial", "deck-x.partial", f"deck-{stamp}.sqlite3"):
        (folder / name).symlink_to(watch.outside / ("secret" if "x" in name else "gone"))
    backups.make(store)
    for path in folder.iterdir():
        path.unlink()
    copy = backups.make(store)
    assert copy is not None
    deck.store.close()
    store.unlink()
    store.with_name(f"{store.name}.restored").symlink_to(watch.outside / "secret")
    backups.put_back(Backup(copy, 0.0), store)
    assert not store.is_symlink()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    again = Store(store)
    assert [it.label for it in again.sessions()] == ["one"]
    again.close()


def test_par_registries_that_are_no_files(deck: Deck, cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "par"
    folder.mkdir()
    os.mkfifo(folder / "global_state.json")
    assert cli("import", "par", "--from", str(folder))[0] == 3
