"""C36: labels, folders and bases of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from devdeck.deck import Deck
from devdeck.errors import UsageError
from devdeck.git import refs
from devdeck.labels import free_label, mend, why_not_label
from tests.devdeck.hostile.corpus import EMPTY, PATHS, STRINGS, git_takes, hostile
from tests.devdeck.hostile.watching import leaving_nothing, refusal
from tests.git_support import make_repository, run_git

ALLOWED = tuple(dict.fromkeys(text for text in STRINGS if not why_not_label(text)))
"""Labels that are odd and can be used."""


def test_the_corpus_has_both_kinds() -> None:
    assert {"$(canary)", "`canary`", ";canary;", "#(canary)", "%H", "日本語", "🙂"} <= set(ALLOWED)
    for text in (
        "--upload-pack=touch X",
        "-",
        "all",
        "..",
        "a\u3000b",
        "a\u202eb",
        "x.lock",
        "\udcff",
        "\x1b[31mred",
        "@{-1}",
    ):
        assert why_not_label(text), text


def test_refused_labels_leave_nothing(deck: Deck, repository: Path) -> None:
    """C36, W8, W9."""
    with leaving_nothing(deck, repository):
        for text in STRINGS:
            if text in ALLOWED:
                continue
            for told in (
                refusal(deck.starting.start, text, str(repository), offline=True),
                refusal(deck.workspaces.start, text, str(repository.parent), offline=True),
                refusal(deck.starting.checkout, "main", str(repository), text, offline=True),
            ):
                assert isinstance(told, UsageError), repr(text)


LIVED = ("$(canary)", ";canary;", "x';canary;'", "#(canary)", "%H", "{x.__class__}", "heads/main", "日本語", "x" * 120)


def test_what_is_allowed_can_be_made(deck: Deck, repository: Path) -> None:
    for label in ALLOWED[::2]:
        if label != "main":  # which is checked out already
            plan = deck.starting.plan(label, str(repository), offline=True)
            assert Path(plan.session.worktree).parent.parent == deck.paths.worktrees, label
            assert git_takes(label)
            assert refs.check_branch_name(label) == ""


@pytest.mark.parametrize("label", LIVED)
def test_odd_labels_go_through_a_whole_life(deck: Deck, repository: Path, label: str) -> None:
    """W9, W10: made, found, typed into, renamed, removed and brought back, it is nothing but a name."""
    session = deck.starting.start(label, str(repository), offline=True)
    assert run_git(session.worktree, "symbolic-ref", "--short", "HEAD").strip() == label.replace(
        "heads/main", "heads/heads/main"
    )
    assert deck.sessions.find(label) == session
    deck.terminals.send(session, "true")
    session = deck.managing.rename(session, "other")
    session = deck.managing.rename(session, label)
    deck.removing.remove(session)
    session = deck.trash.restore(deck.trash.find(label))
    assert deck.terminals.own(session) is not None
    deck.removing.remove(session, force=True)
    deck.trash.drop(deck.trash.find(label))
    assert deck.store.sessions() == ()
    assert deck.store.trash() == ()
    assert run_git(repository, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]


def test_names_to_find_change_nothing(deck: Deck, repository: Path) -> None:
    deck.starting.start("one", str(repository), offline=True)
    session = deck.sessions.find("one")
    with leaving_nothing(deck, repository):
        for text in STRINGS[::3]:
            for act in (deck.sessions.find, deck.trash.find, deck.work.job, deck.managing.plan_adopt):
                assert refusal(act, text), repr(text)
            assert refusal(deck.managing.plan_adopt, session, text), repr(text)
            if text not in ALLOWED or text == "main":
                assert refusal(deck.managing.rename, session, text), repr(text)


def test_folders(deck: Deck, repository: Path) -> None:
    """Paths that a user gives: a repository's, a workspace's folder, its repositories."""
    with leaving_nothing(deck, repository):
        for text in STRINGS:
            if text in ("/", "//x") or text in EMPTY:
                continue
            assert refusal(deck.starting.start, "one", text, offline=True), repr(text)
            if text not in PATHS:
                assert refusal(deck.workspaces.start, "one", text, offline=True), repr(text)
            assert refusal(deck.workspaces.start, "one", str(repository.parent), [text], offline=True), repr(text)


def test_bases(deck: Deck, repository: Path) -> None:
    """W8: a base is a revision, and no option, format or path."""
    oid = run_git(repository, "rev-parse", "HEAD").strip()
    meant = {"~", "HEAD", "@", ":/x", "^main", "main", "refs/heads/main", "heads/main"}
    for text in STRINGS:
        assert refusal(refs.resolve_commit, str(repository), text) or text in meant, repr(text)
    with leaving_nothing(deck, repository):
        for text in (
            "--upload-pack=canary",
            "-x",
            "$(canary)",
            "a\0b",
            "\ud800",
            "\udcff",
            "..",
            "main..main",
            "\n",
            "x" * 5000,
        ):
            assert refusal(deck.starting.start, "one", str(repository), text, offline=True), repr(text)
    assert deck.starting.plan("one", str(repository), "@", offline=True).session.base == oid


def test_workspaces_over_odd_labels(deck: Deck, tmp_path: Path) -> None:
    for name in ("api", "web"):
        make_repository(tmp_path / "src" / name)
    for label in ("#(canary)$(canary)",):
        session = deck.workspaces.start(label, str(tmp_path / "src"), windows=True, offline=True)
        file = deck.workspaces.ide_file(session)
        assert file.parent == Path(session.worktree)
        session = deck.managing.rename(session, "other")
        deck.workspaces.ide_file(session)
        deck.removing.remove(session, force=True)
        deck.trash.restore(deck.trash.find("other"), label)
        deck.removing.remove(deck.sessions.find(label), force=True)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(hostile())
def test_what_a_label_can_be(text: str) -> None:
    if not why_not_label(text):
        text.encode()
        assert text.isprintable()
        assert not text.startswith(("-", "/", "."))
        assert not {"..", "@{", "//"} & {text[at : at + 2] for at in range(len(text))}
        assert not set(" :~^?*[\\") & set(text)
    assert not why_not_label(mend(text))
    assert not why_not_label(free_label(text, "shop", {mend(text)})[0])


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(hostile())
def test_git_takes_every_label(deck: Deck, repository: Path, text: str) -> None:
    def check() -> None:
        plan = deck.starting.plan(text, str(repository), offline=True)
        run_git(repository, "check-ref-format", "--branch", plan.session.branch or "")

    refusal(check)


@pytest.mark.parametrize(
    "name", ["$(canary)", "#(canary)", "%H", "a\nb", "x\ty", "日本語", "-x", "\x1b[31mred", "{a,b}", "a'b\"c"]
)
def test_repositories_of_any_name(deck: Deck, tmp_path: Path, name: str) -> None:
    repository = make_repository(tmp_path / "src" / name)
    session = deck.starting.start("one", str(repository), offline=True)
    terminal = deck.terminals.own(session)
    assert terminal is not None
    assert terminal.path == session.worktree
    job = deck.work.run(session, ["true"])
    deck.work.stop(job)
    deck.removing.remove(session)
    session = deck.trash.restore(deck.trash.find("one"))
    deck.removing.remove(session)
