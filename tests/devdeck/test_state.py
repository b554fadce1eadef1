from __future__ import annotations

from devdeck.model import Fact, GitFacts, Health, Session
from devdeck.state import Changes, StateHub


def session(id_: str, label: str = "x") -> Session:
    return Session(id=id_, label=label, repository="r", repository_path="/r", worktree=f"/w/{id_}")


def listening(hub: StateHub) -> list[Changes]:
    heard: list[Changes] = []
    hub.subscribe(heard.append)
    return heard


def test_no_sessions_is_news_once() -> None:
    hub = StateHub()
    heard = listening(hub)
    loaded = [hub.state.loaded]
    hub.set_sessions({})
    hub.set_sessions({})
    loaded.append(hub.state.loaded)
    assert loaded == [False, True]
    assert heard == [Changes(membership=True)]


def test_facts_survive_a_new_record_of_the_session() -> None:
    hub = StateHub()
    hub.set_sessions({"a": session("a")})
    fact = Fact(value=GitFacts(branch="main", head=None), at=1.0)
    hub.update({"a": {"git": fact}})
    heard = listening(hub)
    hub.set_sessions({"a": session("a", "renamed"), "b": session("b")})
    assert hub.state.sessions["a"].git == fact
    assert hub.state.sessions["a"].session.label == "renamed"
    assert heard == [Changes(frozenset({"a", "b"}), membership=True)]


def test_equal_values_and_unknown_sessions_are_no_news() -> None:
    hub = StateHub()
    hub.set_sessions({"a": session("a")})
    hub.update({"a": {"jobs": ()}, "gone": {"jobs": ()}})
    version = hub.state.version
    heard = listening(hub)
    hub.update({"a": {"jobs": ()}})
    assert heard == []
    assert hub.state.version == version


def test_what_is_confirmed_is_younger_and_no_news() -> None:
    hub = StateHub()
    hub.set_sessions({"a": session("a")})
    facts = GitFacts(branch="main", head=None)
    hub.update({"a": {"git": Fact(value=facts, at=1.0)}})
    heard, before = listening(hub), hub.state
    hub.confirm({"a": {"git": Fact(value=facts, at=9.0)}, "gone": {"git": Fact(value=facts, at=9.0)}})
    assert (before.sessions["a"].git.at, hub.state.sessions["a"].git.at, heard) == (1.0, 9.0, [])


def test_health_is_told_when_its_words_change() -> None:
    hub = StateHub()
    heard = listening(hub)
    hub.set_health("git", Health(state="ok", at=1.0))
    hub.set_health("git", Health(state="ok", at=2.0))
    hub.set_health("git", Health(state="error", message="git is missing", at=3.0))
    assert len(heard) == 2
    assert hub.state.collectors["git"].at == 3.0


def test_a_snapshot_never_changes() -> None:
    hub = StateHub()
    hub.set_sessions({"a": session("a")})
    before = hub.state
    hub.set_sessions({})
    assert set(before.sessions) == {"a"}


def test_a_broken_listener_stops_nobody() -> None:
    hub = StateHub()

    def broken(changes: Changes) -> None:
        raise RuntimeError("listener")

    hub.subscribe(broken)
    heard = listening(hub)
    hub.set_sessions({"a": session("a")})
    assert len(heard) == 1


def test_unsubscribing_ends_it() -> None:
    hub = StateHub()
    heard: list[Changes] = []
    stop = hub.subscribe(heard.append)
    stop()
    stop()
    hub.set_sessions({"a": session("a")})
    assert heard == []
