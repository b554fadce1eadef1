"""The test runners that devdeck knows, and the choice among them."""

from __future__ import annotations

from pathlib import Path

from devdeck.errors import NotFound
from devdeck.testing.adapter import Evidence, TestAdapter
from devdeck.testing.pytest_adapter import PytestAdapter

_ADAPTERS: tuple[TestAdapter, ...] = (PytestAdapter(),)


def adapter_named(name: str) -> TestAdapter:
    """The adapter of a recorded name.

    Raises:
        NotFound: There is none of that name.
    """
    for adapter in _ADAPTERS:
        if adapter.name == name:
            return adapter
    known = ", ".join(adapter.name for adapter in _ADAPTERS)
    raise NotFound(f"no test runner is called {name!r}", f"known: {known}")


def choose(worktree: Path, name: str | None = None) -> tuple[TestAdapter, Evidence]:
    """The runner that a repository uses.

    Args:
        worktree: Root of the worktree, absolute.
        name: Take this one whatever the repository says.

    Returns:
        The adapter with the strongest evidence, and that evidence; of equals the one that is listed first.

    Raises:
        NotFound: Nothing in the worktree says which runner it uses, or there is none of that name.
    """
    if name is not None:
        adapter = adapter_named(name)
        return adapter, adapter.detect(worktree) or Evidence(reason="it was asked for", confidence=1.0)
    found = [(adapter, evidence) for adapter in _ADAPTERS if (evidence := adapter.detect(worktree)) is not None]
    if not found:
        signs = "; ".join(f"for {adapter.name}: {adapter.signs}" for adapter in _ADAPTERS)
        raise NotFound(f"no tests that devdeck can run were found in {worktree}", f"looked {signs}")
    return max(found, key=lambda pair: pair[1].confidence)
