"""Random acts, some of them killed half-way: every byte of work stays within reach, and the deck stays in order.

Work is made of tokens, words that are written nowhere else: into files that are untracked, staged, committed, changed
or ignored. A token is within reach while it is in a file of a worktree or of the trash, or in an object that git keeps.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from devdeck import doctor
from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound
from devdeck.git.repository import git_dir
from devdeck.model import Session, SessionKind
from tests.devdeck.killing import POINTS, run_killed
from tests.git_support import run_git

ACTS = 20


class Game:
    """One deck over one repository, and all the work that was ever done in it."""

    def __init__(self, deck: Deck, repository: Path, seed: int) -> None:
        self.deck = deck
        self.repository = repository
        self.random = random.Random(seed)
        self.tokens: dict[str, str] = {}
        """Token → how it was written."""
        self.labels = 0
        self.log: list[str] = []

    def sessions(self) -> list[Session]:
        return [it for it in self.deck.sessions.all() if it.managed and it.parent is None]

    def work(self) -> None:
        """Write a token somewhere in a session's worktree."""
        # In a worktree that a killed act left half-way, git does not work until `doctor --fix`.
        places = [place for it in self.sessions() for place in it.places if git_dir(place.worktree) is not None]
        if not places:
            return
        place = self.random.choice(places)
        token = f"token-{len(self.tokens)}-{self.random.getrandbits(64):x}"
        how = self.random.choice(
            ("untracked", "staged", "staged-then-changed", "committed", "changed", "ignored", "amended")
        )
        worktree = Path(place.worktree)
        file = worktree / {"ignored": f"{token[:8]}.ignored", "changed": "README.md"}.get(
            how, f"f{len(self.tokens)}.txt"
        )
        before = file.read_text() if file.exists() else ""
        file.write_text(f"{before}{token}\n")
        self.tokens[token] = f"{how} in {place.worktree}"
        if how in ("staged", "staged-then-changed", "committed", "amended"):
            run_git(worktree, "add", "--", file.name)
        if how == "staged-then-changed":
            file.write_text("something else\n")
        if how in ("committed", "amended"):
            run_git(worktree, "commit", "-q", "-m", token)
        if how == "amended":
            run_git(worktree, "commit", "-q", "--amend", "-m", "amended")
        self.log.append(f"{how} {token} in {place.branch}")

    def act(self) -> None:
        """Let the deck do something, in one piece or killed half-way."""
        labels = [session.label for session in self.sessions()]
        self.labels += 1
        repository = repr(str(self.repository))
        choices = [f"deck.starting.start('s{self.labels}', {repository})", "deck.history.undo(force=True)"]
        if labels:
            label = self.random.choice(labels)
            choices += [f"deck.removing.remove(deck.sessions.find({label!r}), force=True)"] * 3
            choices += [f"deck.managing.rename(deck.sessions.find({label!r}), 'r{self.labels}')"]
        trashed = [entry.id for entry in self.deck.trash.entries()]
        if trashed:
            id_ = self.random.choice(trashed)
            choices += [f"deck.trash.restore(deck.trash.find({id_!r}))"] * 2
        code = self.random.choice(choices)
        if self.random.random() < 0.6:
            point, number = self.random.choice(POINTS[1:]), self.random.randrange(10)
            killed = run_killed(
                f"from devdeck.errors import DeckError\ntry: {code}\nexcept DeckError: pass", point, number
            )
            self.log.append(f"{code}, killed: {killed} ({point} {number})")
            if self.random.random() < 0.7:
                self.log.append(f"fixed: {doctor.fix(self.deck)}")
            return
        try:
            exec(code, {"deck": self.deck})
            self.log.append(code)
        except DeckError as error:
            self.log.append(f"{code}: {error}")

    def lost(self) -> list[str]:
        """Tokens that are nowhere."""
        kept = b"".join(self._files())
        objects = run_git(self.repository, "rev-list", "--objects", "--all", "--indexed-objects", "--reflog").split(
            "\n"
        )
        blobs = "\n".join(line.split(" ")[0] for line in objects if line)
        kept += run_git_input(self.repository, blobs)
        return [f"{token} ({how})" for token, how in self.tokens.items() if token.encode() not in kept]

    def _files(self) -> list[bytes]:
        found = []
        for root in (self.deck.paths.data / "worktrees", self.deck.paths.data / "trash"):
            if root.is_dir():
                found += [path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        return found


def run_git_input(repository: Path, names: str) -> bytes:
    import subprocess

    done = subprocess.run(
        ("git", "cat-file", "--batch"),
        cwd=repository,
        input=names.encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("seed", range(5))
def test_random_acts_with_kills_lose_nothing(deck: Deck, repository: Path, seed: int) -> None:
    """C15."""
    (repository / ".gitignore").write_text("*.ignored\n")
    run_git(repository, "add", "-A")
    run_git(repository, "commit", "-q", "-m", "ignore")
    game = Game(deck, repository, seed)
    deck.starting.start("first", str(repository))
    for _ in range(ACTS):
        step: Callable[[], None] = game.random.choice((game.work, game.act, game.act))
        step()
        assert not game.lost(), "\n".join(game.log)
    doctor.fix(deck)
    run_git(repository, "gc", "-q", "--prune=now")
    assert not game.lost(), "\n".join(game.log)
    run_git(repository, "fsck", "--connectivity-only")
    in_order(deck, repository, game)


def in_order(deck: Deck, repository: Path, game: Game) -> None:
    """What the deck says is what there is: sessions, worktrees, terminals, nothing under way, nothing to fix."""
    assert deck.transactions.cut_off() == (), "\n".join(game.log)
    assert deck.store.half_made() == ()
    assert not [found for found in doctor.examine(deck) if found.fixable], "\n".join(game.log)
    made = [session for session in deck.sessions.all() if session.managed]
    listed = run_git(repository, "worktree", "list", "--porcelain")
    for session in made:
        assert session.kind is not SessionKind.WORKSPACE
        assert f"worktree {session.worktree}\n" in listed, "\n".join(game.log)
        assert Path(session.worktree).is_dir(), "\n".join(game.log)
    for entry in deck.trash.entries():
        try:
            deck.sessions.find(entry.session.label)
        except NotFound:
            restored = deck.trash.restore(entry)
            assert Path(restored.worktree).is_dir(), "\n".join(game.log)
    assert not game.lost(), "\n".join(game.log)
