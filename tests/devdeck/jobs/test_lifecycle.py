from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.jobs.files import read_spec
from devdeck.jobs.lifecycle import is_alive, new_job_id, prepare, refresh
from devdeck.jobs.processes import process_facts
from devdeck.model import Job, JobKind, JobState


def make(root: Path, *argv: str, **more: object) -> Job:
    arguments = {"session_id": "s", "kind": JobKind.RUN, "argv": argv, "cwd": root, "env": None, "title": "", **more}
    return prepare(root / "jobs", **arguments)  # type: ignore[arg-type]


def test_ids_sort_by_time_and_are_safe_names() -> None:
    ids = [new_job_id() for _ in range(2000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{6}", id_) for id_ in ids)


def test_ids_differ_between_threads_and_processes() -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(new_job_id() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source = "from devdeck.jobs.lifecycle import new_job_id\nfor _ in range(500): print(new_job_id())"
    others = [subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for other in others:
        found += other.communicate(timeout=60)[0].split()
    assert len(found) == len(set(found)) == 3000


def test_prepare_makes_a_private_folder_and_a_complete_spec(tmp_path: Path) -> None:
    job = make(tmp_path, "echo", "a b", env={"A": "1", "B": None}, title="Say it")
    folder = Path(job.directory)
    assert folder == tmp_path / "jobs" / job.id
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["spec.json"]
    spec = read_spec(folder)
    assert spec is not None
    assert (spec.id, spec.argv, spec.cwd, spec.set, spec.unset) == (
        job.id, ("echo", "a b"), str(tmp_path), {"A": "1"}, ("B",),
    )  # fmt: skip
    assert (job.state, job.argv, job.title, job.session_id) == (JobState.STARTING, ("echo", "a b"), "Say it", "s")
    assert job.created_at == spec.created_at


def test_a_title_is_made_from_the_command_and_safe_to_show(tmp_path: Path) -> None:
    assert make(tmp_path, "echo", "a b").title == "echo 'a b'"
    assert make(tmp_path, "echo", "x\x1b]0;y\x07\nz").title == "echo 'x z'"
    assert len(make(tmp_path, "echo", "x" * 5000).title) == 200


def test_a_record_can_be_stored_whatever_the_bytes(tmp_path: Path) -> None:
    bad = os.fsdecode(b"\xff")
    (tmp_path / bad).mkdir()
    job = make(tmp_path, "ls", bad, cwd=tmp_path / bad, title=bad)
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job
    spec = read_spec(Path(job.directory))
    assert spec is not None
    assert spec.argv == ("ls", bad)
    assert spec.cwd == str(tmp_path / bad)


@pytest.mark.parametrize(
    "arguments",
    [
        {"argv": ()},
        {"argv": ("",)},
        {"argv": ("a\0b",)},
        {"argv": ("\ud800",)},
        {"argv": ("a",), "env": {"": "x"}},
        {"argv": ("a",), "env": {"A=B": "x"}},
        {"argv": ("a",), "env": {"A": "x\0"}},
    ],
)
def test_what_no_process_can_be_given_is_refused(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        make(tmp_path, **arguments)
    assert not (tmp_path / "jobs").exists()


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gone"):
        make(tmp_path, "true", cwd=tmp_path / "gone")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("in the way")
    with pytest.raises(DeckError, match="can't be made"):
        make(tmp_path, "true")


def test_a_full_disk_leaves_no_half_made_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeckError, match="No space left"):
        make(tmp_path, "true")
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_job_that_nobody_starts_is_lost_after_a_while(tmp_path: Path) -> None:
    job = make(tmp_path, "true")
    assert refresh(job) == job
    old = msgspec.structs.replace(job, created_at=time.time() - 31)
    assert refresh(old, window_alive=True) == old
    lost = refresh(old, window_alive=False)
    assert (lost.state, lost.reason) == (JobState.LOST, "its runner did not start within 30 s")
    assert refresh(old).state is JobState.LOST


def test_a_job_whose_folder_is_gone_is_lost(tmp_path: Path) -> None:
    job = make(tmp_path, "true")
    (Path(job.directory) / "spec.json").unlink()
    Path(job.directory).rmdir()
    assert refresh(job).reason == "its folder is gone"


def test_records_that_are_garbage_lose_the_job_without_a_crash(tmp_path: Path) -> None:
    job = make(tmp_path, "true")
    (Path(job.directory) / "started.json").write_bytes(b"\0" * 100)
    (Path(job.directory) / "result.json").write_bytes(b'{"exit_')
    assert refresh(job).state is JobState.STARTING
    assert refresh(msgspec.structs.replace(job, created_at=0.0)).state is JobState.LOST


def test_alive_means_this_very_process() -> None:
    facts = process_facts(os.getpid())
    assert facts is not None
    assert is_alive(os.getpid(), facts[3])
    assert is_alive(os.getpid(), None)
    assert not is_alive(os.getpid(), facts[3] + 1)
    assert not is_alive(0, None)
    assert not is_alive(-1, None)
    child = subprocess.Popen(["true"])
    while (process_facts(child.pid) or "Z")[0] != "Z":
        time.sleep(0.001)
    assert not is_alive(child.pid, None)
    child.wait()
    assert not is_alive(child.pid, None)
