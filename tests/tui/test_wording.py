"""Hints of the deck, said in keys."""

from __future__ import annotations

import pytest

from devdeck.cli.main import VERBS
from tui.actions import ACTIONS
from tui.wording import KEYS, in_keys


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("wait until it has ended, or type it all the same with --force", "or type it all the same with F"),
        (
            "commit and push it, or use `devdeck rm fix --force`; `devdeck undo` brings it back",
            "commit and push it, or use x and then F; U brings it back",
        ),
        ("`devdeck open 'a b'` shows it", "⏎ shows it"),
        ("`devdeck ls` lists what there is", "the list shows what there is"),
        ("name another one with --label", "name another one in the field Label"),
        ("finish or abort it, or use --keep-branch", "or use `devdeck rename --keep-branch`"),
        ("`--keep-branch` leaves branches alone", "`devdeck rename --keep-branch` leaves branches alone"),
        ("`devdeck init fix --trust` does it all the same", "I does it all the same"),
        ("`devdeck doctor --fix` settles it", "`devdeck doctor --fix` settles it"),
        ("`devdeck trash drop` takes it off the list", "`devdeck trash drop` takes it off the list"),
        ("`git stash --include-untracked`, then again", "`git stash --include-untracked`, then again"),
        ("", ""),
    ],
)
def test_commands_and_options_become_keys_where_there_are_some(hint: str, said: str) -> None:
    assert in_keys(hint).endswith(said)


def test_every_verb_and_action_is_one() -> None:
    assert KEYS.keys() <= VERBS.keys()
    assert set(KEYS.values()) <= {action.id for action in ACTIONS}
