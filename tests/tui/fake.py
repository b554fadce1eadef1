"""An in-memory deck that obeys `devdeck.live.LiveDeck`: deterministic data, a still clock, recorded calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from devdeck.errors import DeckError, NotFound, Refused
from devdeck.labels import why_not_label
from devdeck.live import BranchChoice, Delivery, Handoff, RemovalPlan, Setup, SourceView, Start
from devdeck.model import (
    Commit,
    DiffPart,
    Fact,
    Frame,
    GitFacts,
    Health,
    HostSample,
    Job,
    JobKind,
    JobState,
    Member,
    Operation,
    OperationState,
    Outcome,
    Pane,
    RunState,
    Sample,
    Session,
    SessionKind,
    SessionState,
    Terminal,
    TestResult,
    TestRun,
    TrashEntry,
    TrashPart,
)
from devdeck.paths import Paths
from devdeck.state import DeckState, StateHub, Subscriber

NOW = 1_760_000_000.0
"""What the clock of a new fake deck says."""

REPOSITORIES = (("api", "/home/dev/src/api"), ("web", "/home/dev/src/web"), ("docs", "/home/dev/src/docs"))

BRANCHES = (
    BranchChoice(name="main", kind="local", at=NOW - 3600, subject="Start of the cart", worktree="/home/dev/src/web"),
    BranchChoice(name="fix-login", kind="local", at=NOW - 7200, subject="Login keeps the session"),
    BranchChoice(name="origin/feature/tax", kind="remote", at=NOW - 86400, subject="Taxes by country"),
    BranchChoice(name="v1.0", kind="tag", at=NOW - 864000, subject="Release 1.0"),
)

LABELS = ("fix-login", "checkout-flow", "rate-limits", "dark-mode", "search-index", "docs-nav", "upgrade-deps")

PASSING_LOG = b"""\x1b[1m============================= test session starts ==============================\x1b[0m
collected 42 items

tests/test_cart.py \x1b[32m..............\x1b[0m                                          [ 33%]
tests/test_login.py \x1b[32m............................\x1b[0m                           [100%]

\x1b[32m============================== 42 passed in 3.21s ==============================\x1b[0m
"""

FAILING_LOG = b"""\x1b[1m============================= test session starts ==============================\x1b[0m
collected 42 items

tests/test_cart.py \x1b[32m.............\x1b[31mF\x1b[0m                                          [ 33%]
tests/test_login.py \x1b[32m............................\x1b[0m                           [100%]

=================================== FAILURES ===================================
_______________________________ test_total_of_two ______________________________

    def test_total_of_two() -> None:
        cart = Cart()
        cart.add("apple", 2, price=150)
>       assert cart.total() == 300
E       assert 150 == 300
E        +  where 150 = total()

tests/test_cart.py:31: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total_of_two - assert 150 == 300
\x1b[31m========================= 1 failed, 41 passed in 3.21s =========================\x1b[0m
"""


DIFFS = {
    "shop/cart.py": (
        (
            "changed",
            "diff --git a/shop/cart.py b/shop/cart.py\nindex 1111111..2222222 100644\n--- a/shop/cart.py\n"
            "+++ b/shop/cart.py\n@@ -8,5 +8,5 @@ class Cart:\n     def total(self) -> int:\n"
            "-        return sum(self.prices)\n+        return sum(price * count for price, count in self.lines)\n"
            "     def clear(self) -> None:\n         self.lines = []\n",
        ),
    ),
    "shop/login.py": (
        (
            "staged",
            "diff --git a/shop/login.py b/shop/login.py\n--- a/shop/login.py\n+++ b/shop/login.py\n"
            "@@ -3,3 +3,4 @@ def login(user: User) -> None:\n     check(user)\n+    remember(user)\n     greet(user)\n",
        ),
        (
            "changed",
            "diff --git a/shop/login.py b/shop/login.py\n--- a/shop/login.py\n+++ b/shop/login.py\n"
            "@@ -4,3 +4,3 @@ def login(user: User) -> None:\n     remember(user)\n-    greet(user)\n"
            "+    greet(user.name)\n",
        ),
    ),
    "shop/prices.py": (
        (
            "conflicts",
            "diff --git a/shop/prices.py b/shop/prices.py\n--- a/shop/prices.py\n+++ b/shop/prices.py\n"
            "@@ -1,1 +1,5 @@\n+<<<<<<< HEAD\n TAX = 19\n+=======\n+TAX = 21\n+>>>>>>> main\n",
        ),
    ),
    "notes.md": (
        (
            "untracked",
            "diff --git a/notes.md b/notes.md\nnew file mode 100644\n--- /dev/null\n+++ b/notes.md\n"
            "@@ -0,0 +1,2 @@\n+- ask for the tax rules\n+- one more test\n",
        ),
    ),
}
"""What differs, by path: kind and diff of each part."""


class FakeDeck:
    """See `devdeck.live.LiveDeck`.

    Attributes:
        calls: Name and arguments of every call that a test may want to know of, in order.
        failures: Name of a coroutine method → the error that it raises instead of doing anything.
        gates: Name of a coroutine method → something to await first, such as `asyncio.Event().wait`.
    """

    def __init__(self, root: Path, *, read_only: bool = False, clock: float = NOW) -> None:
        self.paths = Paths(data=root / "data", config=root / "config", state=root / "state")
        self.paths.ensure()
        self.read_only = read_only
        self.clock = clock
        self.on_notice: Callable[[str], None] = lambda text: None
        self.calls: list[tuple[Any, ...]] = []
        self.failures: dict[str, DeckError] = {}
        self.gates: dict[str, Callable[[], Any]] = {}
        self.hub = StateHub()
        self.known_repositories: tuple[tuple[str, str], ...] = REPOSITORIES
        self.plans: dict[str, RemovalPlan] = {}
        self.test_results: dict[str, tuple[TestResult, ...]] = {}
        self.screens: dict[str, tuple[str, ...]] = {}
        self.handoff = Handoff(())
        self.known_branches: tuple[BranchChoice, ...] = BRANCHES
        self.setups: dict[str, Setup] = {}
        self.trusted_for: list[str | None] = []
        """The sessions that configurations were trusted for."""
        self.trashed: list[TrashEntry] = []
        self.not_at_a_shell: set[str] = set()
        self.started = self.stopped = False
        self.active: list[bool] = []
        self._jobs = 0

    # Control by tests

    @property
    def state(self) -> DeckState:
        return self.hub.state

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """Recorded calls of a method."""
        return [call[1:] for call in self.calls if call[0] == name]

    def put(self, states: Sequence[SessionState]) -> None:
        """Make exactly these sessions the known ones."""
        self.hub.set_sessions({state.session.id: state.session for state in states})
        fields = ("git", "terminal", "jobs", "run", "sample")
        self.hub.update({state.session.id: {name: getattr(state, name) for name in fields} for state in states})

    def patch(self, session_id: str, **fields: Any) -> None:
        """Change facts of one session, as a collector would."""
        self.hub.update({session_id: fields})

    def add(self, *states: SessionState) -> None:
        """Make these known too."""
        self.put([*self.state.sessions.values(), *states])

    def id_of(self, label: str) -> str:
        """The id of a session by its label."""
        return next(id_ for id_, state in self.state.sessions.items() if state.session.label == label)

    def healths(self, healths: Mapping[str, Health]) -> None:
        for name, health in healths.items():
            self.hub.set_health(name, health)

    async def _called(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        if name in self.gates:
            await self.gates[name]()
        if name in self.failures:
            raise self.failures[name]

    async def _intent(self, name: str, *arguments: Any) -> None:
        if self.read_only:
            raise Refused("this dashboard is read-only", "start devdeck without --read-only")
        await self._called(name, *arguments)

    def _known(self, session_id: str) -> SessionState:
        state = self.state.sessions.get(session_id)
        if state is None:
            raise NotFound("that session is gone", "it was removed elsewhere")
        return state

    # LiveDeck

    def now(self) -> float:
        return self.clock

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        return self.hub.subscribe(subscriber)

    async def start(self) -> None:
        await self._called("start")
        self.started = True

    async def stop(self) -> None:
        self.stopped = True
        await self._called("stop")

    def look_at(self, selected: str | None, visible: Sequence[str]) -> None:
        self.calls.append(("look_at", selected, tuple(visible)))

    def set_active(self, active: bool) -> None:
        self.active.append(active)

    async def commits(self, session_id: str, limit: int = 10) -> tuple[Commit, ...]:
        await self._called("commits", session_id, limit)
        subjects = ("Total counts every item", "Cart: one line an item", "Start of the cart")
        return tuple(
            Commit(oid=f"{number + 1:x}" * 40, subject=subject, author="Ada", at=NOW - 3600 * (number + 1))
            for number, subject in enumerate(subjects[:limit])
        )

    async def diff(self, session_id: str, path: str) -> tuple[DiffPart, ...]:
        await self._called("diff", session_id, path)
        return tuple(DiffPart(kind=kind, text=text) for kind, text in DIFFS.get(path, ()))

    async def status_lines(self, session_id: str) -> tuple[tuple[str, str], ...]:
        await self._called("status_lines", session_id)
        git = self._known(session_id).git.value
        if git is None or not git.dirty:
            return ()
        found = [("UU", "shop/prices.py")] * bool(git.conflicts) + [("MM", "shop/login.py")] * bool(git.staged)
        return (*found, (" M", "shop/cart.py"), ("??", "notes.md"))

    async def operations(self, session_id: str | None, limit: int = 10) -> tuple[Operation, ...]:
        await self._called("operations", session_id, limit)
        return (
            Operation(
                id="op-1",
                verb="start",
                session_id=session_id,
                label="it",
                state=OperationState.DONE,
                detail="branch, worktree and terminal made",
                started_at=NOW - 7200,
                ended_at=NOW - 7199,
            ),
        )

    async def results(self, job_id: str) -> tuple[TestResult, ...]:
        await self._called("results", job_id)
        return self.test_results.get(job_id, ())

    async def source(self, session_id: str, path: str, line: int, context: int = 8) -> SourceView | None:
        await self._called("source", session_id, path, line)
        text = (
            "def test_total_of_two() -> None:",
            "    cart = Cart()",
            '    cart.add("apple", 2, price=150)',
            "    assert cart.total() == 300",
        )
        return SourceView(path=path, first_line=max(1, line - 3), line=line, lines=text)

    async def capture(self, session_id: str) -> tuple[str, ...]:
        await self._called("capture", session_id)
        return self.screens.get(session_id, ())

    def samples(self, session_id: str) -> Sequence[Sample]:
        state = self.state.sessions.get(session_id)
        if state is None or state.sample is None:
            return ()
        last = state.sample
        return [
            Sample(last.at - 598 + 2 * step, wave(step, last.cpu), int(last.memory * (0.6 + step / 750)), 3)
            for step in range(299)
        ] + [last]

    def host_samples(self) -> Sequence[HostSample]:
        last = self.state.host
        if last is None:
            return ()
        return [
            HostSample(
                last.at - 598 + 2 * step, wave(step, last.cpu), int(last.memory_used * 0.95), last.memory_total, 1.0
            )
            for step in range(299)
        ] + [last]

    async def start_session(self, wanted: Start) -> Session:
        await self._intent("start_session", wanted)
        return self._made(wanted.label, wanted.path)

    def _made(self, label: str, path: str, **fields: Any) -> Session:
        name = next((name for name, known in self.known_repositories if known == path), Path(path).name)
        made = session(f"made-{label}", label, (name, path), created_at=self.clock)
        return self._added(msgspec.structs.replace(made, **fields))

    def _added(self, *made: Session) -> Session:
        sessions = {id_: state.session for id_, state in self.state.sessions.items()}
        self.hub.set_sessions({**sessions, **{it.id: it for it in made}})
        return made[0]

    async def checkout(self, target: str, path: str, label: str | None = None, *, trust: bool = False) -> Session:
        await self._intent("checkout", target, path, label, trust)
        if not target.strip():
            raise NotFound("no target", "name a branch or a pull request")
        derived = label or target.removeprefix("origin/").replace("#", "pr-").replace("pr/", "pr-")
        return self._made(derived, path, kind=SessionKind.CHECKOUT, target=target)

    async def start_workspace(
        self, label: str, folder: str, repositories: Sequence[str] = (), base: str | None = None, *, trust: bool = False
    ) -> Session:
        await self._intent("start_workspace", label, folder, tuple(repositories), base, trust)
        made = workspace(f"made-{label}", label, folder, repositories or ("api", "web"))
        return self._added(made, *made.member_sessions())

    async def branches(self, path: str) -> tuple[BranchChoice, ...]:
        await self._called("branches", path)
        return self.known_branches

    async def find_commit(self, path: str, name: str) -> str:
        await self._called("find_commit", path, name)
        known = name.startswith("HEAD") or any(it.name == name for it in self.known_branches)
        return "c0ffee" + "0" * 34 if known else ""

    async def fetch(self, path: str) -> None:
        await self._called("fetch", path)

    async def setup(self, path: str, session_id: str | None = None) -> Setup:
        await self._called("setup", path)
        return self.setups.get(path, Setup(file="", trusted=True))

    async def trust(self, path: str, digest: str, session_id: str | None = None) -> None:
        await self._intent("trust", path, digest)
        self.trusted_for.append(session_id)
        if self.setups[path].digest != digest:
            raise Refused("the configuration has changed since it was shown", "look at it again")
        self.setups[path] = msgspec.structs.replace(self.setups[path], trusted=True)

    async def initialize(self, session_id: str, *, trust: bool = False) -> tuple[Job, ...]:
        await self._intent("initialize", session_id, trust)
        setup = self.setups.get(self._known(session_id).session.repository_path, Setup(file="", trusted=True))
        if not setup.trusted and not trust:
            raise Refused(f"{setup.file} is not trusted", "read it, then trust it")
        return tuple(self._job(session_id, ("sh", "-c", line), JobKind.INIT) for line in setup.commands)

    async def rename(self, session_id: str, label: str) -> Session:
        await self._intent("rename", session_id, label)
        if why := self.check_label(label):
            raise DeckError(why, "choose another label")
        renamed = msgspec.structs.replace(self._known(session_id).session, label=label)
        return self._added(renamed)

    async def adopt(self, session_id: str, label: str | None = None) -> Session:
        await self._intent("adopt", session_id, label)
        known = self._known(session_id).session
        return self._added(msgspec.structs.replace(known, label=label or known.label, managed=True))

    async def refresh(self, session_id: str) -> str:
        await self._intent("refresh", session_id)
        return "2 new commits from origin"

    async def restore_terminals(self, session_ids: Sequence[str]) -> tuple[str, ...]:
        await self._intent("restore_terminals", tuple(session_ids))
        return tuple(self._known(id_).session.label for id_ in session_ids)

    async def trash(self) -> tuple[TrashEntry, ...]:
        await self._called("trash")
        return tuple(self.trashed)

    async def restore(self, entry_id: str, label: str | None = None) -> Session:
        await self._intent("restore", entry_id, label)
        entry = self._entry(entry_id)
        self.trashed.remove(entry)
        return self._added(msgspec.structs.replace(entry.session, label=label or entry.session.label))

    async def drop(self, entry_id: str) -> None:
        await self._intent("drop", entry_id)
        self.trashed.remove(self._entry(entry_id))

    def _entry(self, entry_id: str) -> TrashEntry:
        for entry in self.trashed:
            if entry.id == entry_id:
                return entry
        raise NotFound("that is not in the trash any more", "it was restored or deleted elsewhere")

    async def undo(self) -> Operation:
        await self._intent("undo")
        if not self.trashed:
            raise NotFound("there is nothing to take back", "")
        entry = self.trashed[0]
        await self.restore(entry.id)
        return Operation(
            id=entry.id,
            verb="remove",
            session_id=entry.session.id,
            label=entry.session.label,
            state=OperationState.UNDONE,
            started_at=self.clock,
            ended_at=self.clock,
        )

    def repositories(self) -> tuple[tuple[str, str], ...]:
        return self.known_repositories

    def check_label(self, label: str) -> str:
        taken = any(state.session.label == label for state in self.state.sessions.values())
        return why_not_label(label) or (f"{label!r} is in use" if taken else "")

    async def plan_removal(self, session_id: str) -> RemovalPlan:
        await self._called("plan_removal", session_id)
        known = self._known(session_id)
        steps = ("end its terminal", f"remove the worktree {known.session.worktree}", "delete the branch")
        return self.plans.get(session_id) or RemovalPlan(session=known.session, steps=steps, risks=())

    async def remove_session(self, session_id: str, force: bool = False) -> Operation:
        await self._intent("remove_session", session_id, force)
        known = self._known(session_id)
        plan = await self.plan_removal(session_id)
        if plan.risks and not force:
            raise Refused(f"{known.session.label} holds work that is nowhere else", plan.risks[0])
        kept = {
            id_: it.session for id_, it in self.state.sessions.items() if session_id not in (id_, it.session.parent)
        }
        self.hub.set_sessions(kept)
        self.trashed.insert(0, TrashEntry(id=f"trash-{session_id}", session=known.session, at=self.clock, size=48_000))
        return Operation(
            id="op-2",
            verb="remove",
            session_id=session_id,
            label=known.session.label,
            state=OperationState.DONE,
            undo="devdeck trash keeps it",
            started_at=self.clock,
            ended_at=self.clock,
        )

    def _job(self, session_id: str, argv: Sequence[str], kind: JobKind) -> Job:
        known = self._known(session_id)
        self._jobs += 1
        made = self.job(session_id, f"new-{self._jobs}", argv=tuple(argv), kind=kind, log=b"started\n")
        self.patch(session_id, jobs=(made, *known.jobs))
        return made

    async def run(self, session_id: str, argv: Sequence[str], kind: JobKind = JobKind.RUN) -> Job:
        await self._intent("run", session_id, tuple(argv), kind)
        return self._job(session_id, argv, kind)

    async def run_shell(self, session_id: str, line: str, kind: JobKind = JobKind.SHELL) -> Job:
        await self._intent("run_shell", session_id, line, kind)
        return self._job(session_id, ("sh", "-c", line), kind)

    async def run_task(self, session_id: str, kind: JobKind) -> Job:
        await self._intent("run_task", session_id, kind)
        return self._job(session_id, (str(kind),), kind)

    async def test(self, session_id: str, selection: Sequence[str] = ()) -> Job:
        await self._intent("test", session_id, tuple(selection))
        return self._job(session_id, ("pytest", *selection), JobKind.TEST)

    async def stop_job(self, job_id: str) -> None:
        await self._intent("stop_job", job_id)
        for id_, state in self.state.sessions.items():
            if any(job.id == job_id for job in state.jobs):
                ended = {"state": JobState.ENDED, "stopped": True, "ended_at": self.clock}
                jobs = tuple(msgspec.structs.replace(it, **ended) if it.id == job_id else it for it in state.jobs)
                self.patch(id_, jobs=jobs)

    async def send(self, session_ids: Sequence[str], text: str, *, force: bool = False) -> tuple[Delivery, ...]:
        await self._intent("send", tuple(session_ids), text, force)
        return tuple(
            Delivery(
                session_id=id_,
                label=self._known(id_).session.label,
                sent=force or id_ not in self.not_at_a_shell,
                error="" if force or id_ not in self.not_at_a_shell else "vim runs in its pane",
                hint="" if force or id_ not in self.not_at_a_shell else "send it anyway with force",
                may_force=not force and id_ in self.not_at_a_shell,
            )
            for id_ in session_ids
        )

    async def hand_off(self, session_id: str) -> Handoff:
        await self._intent("hand_off", session_id)
        return self.handoff

    # Data

    def job(
        self,
        session_id: str,
        job_id: str,
        *,
        argv: tuple[str, ...] = ("pytest",),
        kind: JobKind = JobKind.TEST,
        state: JobState = JobState.RUNNING,
        exit_status: int | None = None,
        log: bytes = b"",
        age: float = 60.0,
    ) -> Job:
        """A job with a real log file."""
        folder = self.paths.jobs / job_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "output.log").write_bytes(log)
        ended = None if state is JobState.RUNNING else self.clock - age + 3.21
        return Job(
            id=job_id,
            session_id=session_id,
            kind=kind,
            argv=argv,
            cwd="/home/dev/src/api",
            directory=str(folder),
            created_at=self.clock - age,
            started_at=self.clock - age,
            ended_at=ended,
            state=state,
            exit_status=exit_status,
        )


def wave(step: int, peak: float) -> float:
    """A curve that looks alive and is the same each time."""
    return peak * (0.35 + 0.3 * ((step * 7) % 30) / 30 + 0.35 * (step // 25 % 2))


def workspace(id_: str, label: str, folder: str, repositories: Sequence[str]) -> Session:
    """A workspace over repositories that lie in one folder."""
    place = f"/home/dev/.local/share/devdeck/worktrees/{Path(folder).name}-12345678/{label}"
    return Session(
        id=id_,
        label=label,
        kind=SessionKind.WORKSPACE,
        repository=Path(folder).name,
        repository_path=folder,
        worktree=place,
        branch=label,
        created_at=NOW - 3600,
        members=tuple(
            Member(
                repository=Path(name).name,
                repository_path=f"{folder}/{Path(name).name}",
                worktree=f"{place}/{Path(name).name}",
                branch=label,
                managed_branch=True,
            )
            for name in repositories
        ),
    )


def session(id_: str, label: str, repository: tuple[str, str] = REPOSITORIES[0], **fields: Any) -> Session:
    """A session of a repository."""
    name, path = repository
    fields = {"worktree": f"/home/dev/wt/{name}/{label}", "branch": label, "created_at": NOW - 86400, **fields}
    return Session(id=id_, label=label, repository=name, repository_path=path, **fields)


def terminal(command: str = "bash", tmux_id: str = "$1") -> Terminal:
    """A tmux session with one pane."""
    pane = Pane(
        id=f"%{tmux_id[1:]}",
        window_id=f"@{tmux_id[1:]}",
        window_index=1,
        window_name=command,
        active=True,
        dead=False,
        pid=4242,
        command=command,
        path="/home/dev/src",
        title="",
        width=120,
        height=40,
    )
    return Terminal(id=tmux_id, name="it", path="/home/dev", panes=(pane,), activity_at=NOW - 30, created_at=NOW - 7200)


def run_of(job: Job, state: RunState, **counts: Any) -> TestRun:
    """A test run of a job."""
    return TestRun(
        job_id=job.id,
        session_id=job.session_id,
        runner="pytest",
        environment=".venv, Python 3.12",
        state=state,
        started_at=job.started_at,
        ended_at=job.ended_at,
        **counts,
    )


def varied(deck: FakeDeck, number: int) -> SessionState:
    """The `number`-th of a cycle of seven different states."""
    kind = number % 7
    label = LABELS[kind] if number < 7 else f"{LABELS[kind]}-{number}"
    it = session(f"s{number:03}", label, REPOSITORIES[kind % 3])
    facts: dict[str, Any] = {
        "git": Fact(value=GitFacts(branch=label, head="a" * 40, upstream=f"origin/{label}", ahead=0, behind=0), at=NOW),
        "terminal": Fact(value=terminal(tmux_id=f"${number + 1}"), at=NOW),
        "sample": Sample(NOW - 1, 0.4, 64_000_000, 2),
    }
    if kind == 0:
        job = deck.job(it.id, f"{number}-fail", state=JobState.ENDED, exit_status=1, log=FAILING_LOG, age=120.0)
        facts |= {
            "jobs": (job,),
            "run": run_of(job, RunState.FAILED, passed=41, failed=1, total=42, reason="exit 1, 1 failed"),
        }
        deck.test_results[job.id] = results()
        facts["sample"] = Sample(NOW - 1, 12.0, 180_000_000, 4)
    elif kind == 1:
        job = deck.job(it.id, f"{number}-run", log=PASSING_LOG[:220], age=14.0)
        facts |= {"jobs": (job,), "run": run_of(job, RunState.RUNNING, passed=14, total=42)}
        facts["sample"] = Sample(NOW - 1, 87.0, 412_000_000, 6)
    elif kind == 2:
        git = GitFacts(
            branch=label,
            head="b" * 40,
            ahead=2,
            behind=1,
            upstream=f"origin/{label}",
            staged=1,
            unstaged=3,
            untracked=2,
        )
        facts["git"] = Fact(value=git, at=NOW)
    elif kind == 3:
        git = GitFacts(branch=label, head="c" * 40, conflicts=2, operation="merge", unstaged=2)
        facts["git"] = Fact(value=git, at=NOW)
    elif kind == 4:
        job = deck.job(it.id, f"{number}-pass", state=JobState.ENDED, exit_status=0, log=PASSING_LOG, age=600.0)
        facts |= {"jobs": (job,), "run": run_of(job, RunState.PASSED, passed=42, total=42, reason="exit 0")}
    elif kind == 5:
        facts["terminal"] = Fact(value=None, at=NOW)
    else:
        facts["git"] = Fact(value=facts["git"].value, at=NOW - 400, error="git status took longer than 10 s")
    return SessionState(session=it, **facts)


def results() -> tuple[TestResult, ...]:
    """41 tests that pass and one that fails."""
    passed = [
        TestResult(
            id=f"tests/test_cart.py::test_price[{number}]",
            outcome=Outcome.PASSED,
            duration=0.01,
            path="tests/test_cart.py",
        )
        for number in range(13)
    ]
    failed = TestResult(
        id="tests/test_cart.py::test_total_of_two",
        outcome=Outcome.FAILED,
        duration=0.12,
        path="tests/test_cart.py",
        line=31,
        message="assert 150 == 300",
        frames=(Frame(path="tests/test_cart.py", line=31, message="AssertionError"),),
        detail="E       assert 150 == 300",
    )
    login = [
        TestResult(
            id=f"tests/test_login.py::test_user[{number}]",
            outcome=Outcome.PASSED,
            duration=0.02,
            path="tests/test_login.py",
        )
        for number in range(28)
    ]
    return (*passed, failed, *login)


def deck_with(root: Path, sessions: int, *, read_only: bool = False) -> FakeDeck:
    """A deck with so many sessions in varied states, a host, and collectors that are well."""
    deck = FakeDeck(root, read_only=read_only)
    deck.put([varied(deck, number) for number in range(sessions)])
    deck.hub.set_host(HostSample(NOW - 1, 34.0, 6_200_000_000, 16_000_000_000, 1.4))
    deck.healths({name: Health(state="ok", at=NOW) for name in ("store", "git", "tmux", "jobs", "metrics")})
    for number, (id_, state) in enumerate(deck.state.sessions.items()):
        label = state.session.label
        deck.screens[id_] = (
            f"\x1b[32mdev@box\x1b[0m:\x1b[34m~/wt/{label}\x1b[0m$ git log --oneline -{number + 1}",
            "1111111 Total counts every item",
            "\x1b[32mdev@box\x1b[0m:\x1b[34m~\x1b[0m$ ",
        )
    return deck


def workspace_of_three(deck: FakeDeck) -> tuple[SessionState, ...]:
    """The workspace `tax-rules` and its members, as collectors would have them: one changed, one failed, one elsewhere."""
    whole = workspace("w1", "tax-rules", "/home/dev/src", ("api", "web", "docs"))
    api, web, docs = whole.member_sessions()
    passed = deck.job(api.id, "w-pass", state=JobState.ENDED, exit_status=0, log=PASSING_LOG, age=300.0)
    failed = deck.job(web.id, "w-fail", state=JobState.ENDED, exit_status=1, log=FAILING_LOG, age=200.0)
    counts = {"passed": 41, "failed": 1, "total": 42, "reason": "exit 1, 1 failed"}
    green, red = run_of(passed, RunState.PASSED, passed=42, total=42), run_of(failed, RunState.FAILED, **counts)
    here = Fact(value=terminal(tmux_id="$90"), at=NOW)

    def git(branch: str | None, **fields: Any) -> Fact[GitFacts]:
        return Fact(value=GitFacts(branch=branch, head="a" * 40 if branch else None, **fields), at=NOW)

    return (
        SessionState(
            session=whole, git=git("tax-rules", unstaged=3, untracked=1, ahead=2), terminal=here,
            jobs=(failed, passed), run=red, sample=Sample(NOW - 1, 21.0, 300_000_000, 6),
        ),
        SessionState(session=api, git=git("tax-rules", unstaged=3, ahead=2), terminal=here, jobs=(passed,), run=green),
        SessionState(session=web, git=git("tax-rules"), terminal=here, jobs=(failed,), run=red),
        SessionState(session=docs, git=git("spike", untracked=1), terminal=here),
    )  # fmt: skip


def not_set_up(deck: FakeDeck) -> SessionState:
    """A session that could not be set up."""
    made = session("s-init", "new-search", REPOSITORIES[1])
    job = deck.job(
        made.id, "init-fail", argv=("sh", "-c", "npm ci"), kind=JobKind.INIT, state=JobState.ENDED, exit_status=1,
        log=b"npm error network\n", age=90.0,
    )  # fmt: skip
    git = GitFacts(branch="new-search", head="a" * 40)
    here = Fact(value=terminal(tmux_id="$91"), at=NOW)
    return SessionState(session=made, git=Fact(value=git, at=NOW), terminal=here, jobs=(job,))


def removed_before(deck: FakeDeck) -> None:
    """Put three sessions into the trash; the label of the second is in use, the third is a workspace."""
    day = 86400
    large = Member(repository="web", repository_path="/home/dev/src/web", worktree="/home/dev/wt/web/x")
    deck.trashed = [
        TrashEntry(id="t1", session=session("o1", "old-idea"), at=NOW - 7200, size=48_000_000, expires_at=NOW + 29 * day),
        TrashEntry(
            id="t2", session=session("o2", "fix-login", REPOSITORIES[1]), at=NOW - 3 * day, size=1_200_000,
            expires_at=NOW + 27 * day, parts=(TrashPart(member=large, dropped=("node_modules", "dist/assets")),),
        ),
        TrashEntry(
            id="t3", session=workspace("o3", "spring-clean", "/home/dev/src", ("api", "web")), at=NOW - 9 * day,
            size=3_400_000_000, expires_at=NOW + 21 * day,
        ),
    ]  # fmt: skip
