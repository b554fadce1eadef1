"""What must be so whatever strings come: nothing ran, nothing outside was touched, nothing was left of a refusal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec

import pytest

from devdeck.deck import Deck
from devdeck.errors import DeckError
from tests.devdeck.hostile.recorder import Recorder
from tests.devdeck.removal.removal_support import tree
from tests.git_support import run_git

P = ParamSpec("P")
SECRET = "the secret of somebody else\n"


class Watch:
    """Looks at a test's folder from its beginning to its end.

    Attributes:
        outside: A folder beside everything that the deck has to do with. Nothing in it may change.
        cwd: Where the test runs, an empty folder.
    """

    def __init__(self, place: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
        self._place = place
        self._recorder = recorder
        self.outside = place / "outside"
        self.outside.mkdir()
        (self.outside / "secret").write_text(SECRET)
        self.cwd = place / "cwd"
        self.cwd.mkdir()
        self.temporary = place / "tmp"
        self.temporary.mkdir()
        monkeypatch.chdir(self.cwd)
        monkeypatch.setenv("TMPDIR", str(self.temporary))
        monkeypatch.setattr(tempfile, "tempdir", None)
        self._before = tree(self.outside)

    def ends(self) -> None:
        """Fail when something happened that must not."""
        assert self._recorder.sung == "", self._recorder.sung
        wrong = self._recorder.wrong()
        assert not wrong, "\n".join(wrong[:10])
        assert tree(self.outside) == self._before
        assert os.listdir(self.cwd) == []
        assert not [path for path in _below(self._place) if path.name in ("left-behind", "X")]


def _below(folder: Path) -> Iterator[Path]:
    for top, folders, files in os.walk(folder):
        yield from (Path(top, name) for name in (*folders, *files))


def facts(deck: Deck, *repositories: Path) -> dict[str, object]:
    """What there is: sessions, half-made ones, trash, terminals, and of repositories everything that git knows."""
    found: dict[str, object] = {
        "sessions": deck.store.sessions(),
        "half made": deck.store.half_made(),
        "unfinished": deck.store.unfinished(),
        "trash": deck.store.trash(),
        "terminals": [(it.id, it.name, it.devdeck_id, [pane.id for pane in it.panes]) for it in deck.terminals.all()],
        "worktrees": sorted(str(path) for path in deck.paths.worktrees.rglob("*")),
        "jobs": sorted(os.listdir(deck.paths.jobs)),
    }
    for repository in repositories:
        found[f"references of {repository}"] = run_git(repository, "for-each-ref")
        found[f"settings of {repository}"] = run_git(repository, "config", "--local", "--list")
        found[f"worktrees of {repository}"] = run_git(repository, "worktree", "list", "--porcelain")
    return found


@contextmanager
def leaving_nothing(deck: Deck, *repositories: Path) -> Iterator[None]:
    """Fail when the block changed anything that `facts` tells."""
    before = facts(deck, *repositories)
    yield
    now = facts(deck, *repositories)
    changed = [f"{name}:\n  {before[name]}\n  {now[name]}" for name in now if now[name] != before[name]]
    assert not changed, "\n".join(changed)


def refusal(act: Callable[P, object], *arguments: P.args, **options: P.kwargs) -> DeckError | None:
    """Call something; the deck's error when it refuses, `None` when it does not. Any other exception is a failure."""
    told: DeckError | None = None
    try:
        act(*arguments, **options)
    except DeckError as error:
        told = error
    if told is not None:
        assert told.message
        assert told.status in (1, 2, 3, 4, 5)
    return told
