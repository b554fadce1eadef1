from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from devdeck import owner
from devdeck.errors import DeckError, NotFound
from devdeck.model import Job, JobKind, JobState, OperationState, RunState, Session, TestRun
from devdeck.store import SCHEMA_VERSION, LabelTaken, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "deck.sqlite3")
    yield store
    store.close()


def session(label: str) -> Session:
    return Session(id=f"id-{label}", label=label, repository="r", repository_path="/r", worktree=f"/w/{label}")


def job(id_: str, session_id: str = "s", at: float = 1.0, state: JobState = JobState.RUNNING) -> Job:
    return Job(
        id=id_,
        session_id=session_id,
        kind=JobKind.RUN,
        argv=("true",),
        cwd="/",
        directory=f"/jobs/{id_}",
        created_at=at,
        state=state,
    )


def test_a_reserved_session_counts_only_when_it_is_made(store: Store) -> None:
    store.reserve(session("one"))
    assert store.sessions() == ()
    assert store.session("one") is None
    assert store.half_made() == ((session("one"), owner.me()),)
    store.save_session(session("one"))
    assert store.sessions() == (session("one"),)
    assert store.half_made() == ()


def test_a_label_is_taken_once(store: Store) -> None:
    store.reserve(session("one"))
    other = msgspec.structs.replace(session("one"), id="other")
    with pytest.raises(LabelTaken) as caught:
        store.reserve(other)
    assert "one" in caught.value.hint
    assert [known.id for known, _ in store.half_made()] == ["id-one"]


def test_labels_are_exact(store: Store) -> None:
    for label in ("fix", "fix-login", "Fix"):
        store.save_session(session(label))
    found = store.session("fix")
    assert found is not None
    assert found.id == "id-fix"
    assert store.session("fi") is None
    assert store.session("f%") is None


def test_forgetting_a_session_keeps_its_operations(store: Store) -> None:
    store.save_session(session("one"))
    store.visit("id-one")
    operation = store.begin("remove", session_id="id-one", label="one", detail="plan")
    assert store.unfinished() == ((operation, owner.me()),)
    store.forget_session("id-one")
    done = store.finish(operation, OperationState.DONE, "plan", "kept as x")
    assert store.sessions() == ()
    assert store.visited() == ()
    assert store.operations("id-one") == (done,)
    assert store.unfinished() == ()


def test_an_ended_job_never_runs_again(store: Store) -> None:
    ended = msgspec.structs.replace(job("a"), state=JobState.ENDED, exit_status=3)
    store.save_job(job("a"))
    store.save_job(ended)
    store.save_job(job("a"))  # a slower observer
    assert store.job("a") == ended
    assert store.running_jobs() == ()


def test_jobs_come_newest_first_and_bounded_per_session(store: Store) -> None:
    for number in range(6):
        store.save_job(job(f"a{number}", "s", float(number)))
        store.save_job(job(f"b{number}", "t", float(number)))
    assert [found.id for found in store.jobs("s", limit=2)] == ["a5", "a4"]
    assert [found.id for found in store.recent_jobs(1)] == ["b5", "a5"]
    store.forget_jobs(("a5",))
    with pytest.raises(NotFound):
        store.job("a5")


def test_jobs_that_set_up_are_found_behind_newer_ones(store: Store) -> None:
    for number in range(4):
        store.save_job(msgspec.structs.replace(job(f"i{number}", "s", float(number)), kind=JobKind.INIT))
        store.save_job(job(f"r{number}", "s", 10.0 + number))
    store.save_job(msgspec.structs.replace(job("t", "t", 9.0), kind=JobKind.INIT))
    assert [found.id for found in store.setup_jobs(2)] == ["t", "i3", "i2"]


def test_the_last_run_of_each_session(store: Store) -> None:
    def run(job_id: str, state: RunState) -> TestRun:
        return TestRun(job_id=job_id, session_id="s", runner="pytest", environment="e", state=state)

    store.save_run(run("new", RunState.RUNNING), 2.0)
    store.save_run(run("old", RunState.PASSED), 1.0)
    store.save_run(run("new", RunState.FAILED), 2.0)
    assert store.last_runs() == {"s": run("new", RunState.FAILED)}


def test_visits_come_last_first_each_once(store: Store) -> None:
    for id_ in ("a", "b", "a", "c", "a"):
        store.visit(id_)
    assert store.visited() == ("a", "c", "b")


def test_another_process_is_noticed(store: Store) -> None:
    before = store.change_count()
    assert store.change_count() == before
    other = Store(store.path)
    other.know_repository("/r", "r")
    other.close()
    assert store.change_count() != before
    assert store.repositories() == (("r", "/r"),)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "deck.sqlite3"
    path.write_bytes(b"precious notes" * 100)
    with pytest.raises(DeckError) as caught:
        Store(path)
    assert str(path) in caught.value.message
    assert path.read_bytes() == b"precious notes" * 100


def test_a_file_that_takes_the_place_of_the_open_one_is_followed(store: Store, tmp_path: Path) -> None:
    """C16: whoever is at work while `doctor --fix` moves a broken store aside goes on in the one that is brought back."""
    store.save_session(session("old"))
    before = store.change_count()
    for ending in ("", "-wal", "-shm"):
        store.path.with_name(store.path.name + ending).rename(tmp_path / f"aside{ending}")
    for _ in range(2):
        with pytest.raises(DeckError, match="is gone") as caught:
            store.save_session(session("lost"))
        assert caught.value.code == "store"
    assert not store.path.exists()
    store.path.write_bytes(b"x" * 100)
    with pytest.raises(DeckError, match="no database"):
        store.sessions()
    store.path.unlink()
    with closing(Store(store.path)) as other:
        other.save_session(session("new"))
        assert [found.label for found in store.sessions()] == ["new"]
        assert store.change_count() != before
        store.save_session(session("newer"))
        assert {found.label for found in other.sessions()} == {"new", "newer"}
    with closing(sqlite3.connect(tmp_path / "aside")) as aside:
        assert aside.execute("SELECT label FROM sessions").fetchall() == [("old",)]


def test_a_newer_schema_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "deck.sqlite3"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(DeckError, match="newer devdeck"):
        Store(path)


def test_the_store_is_private(store: Store) -> None:
    assert store.path.stat().st_mode & 0o777 == 0o600


WRITER = """
import sys
from pathlib import Path
from devdeck.store import Store
from devdeck.model import Session
name = sys.argv[2]
store = Store(Path(sys.argv[1]))
for number in range(10):
    label = f"{name}-{number}"
    session = Session(id=label, label=label, repository="r", repository_path="/r", worktree="/w")
    store.reserve(session)
    operation = store.begin("start", session_id=label, label=label, detail="")
    store.save_session(session)
    store.finish(operation, "done", "")
store.close()
"""


def test_twenty_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deck.sqlite3"

    def write(number: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WRITER, str(path), f"w{number}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=110)

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(write, range(20)))
    assert [result.stderr for result in results if result.returncode] == []
    store = Store(path)
    assert len(store.sessions()) == 200
    assert len(store.operations(limit=1000)) == 200
    assert store.unfinished() == ()
    store.close()
