"""What the documents say agrees with the program."""

from __future__ import annotations

import re
from pathlib import Path

from devdeck.cli.main import VERBS
from tui.keys import document

ROOT = Path(__file__).parent.parent


def test_the_key_table_is_up_to_date() -> None:
    assert (ROOT / "docs" / "keys.md").read_text() == document(), "run `make keys`"


def test_the_readme_names_every_verb_of_the_first_steps() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^    devdeck ([a-z]+)|`devdeck ([a-z]+)", readme, re.MULTILINE))
    verbs = {one or other for one, other in named}
    assert {"start", "test", "run", "logs", "open", "rm", "doctor"} <= verbs
    assert verbs <= set(VERBS)


def test_links_and_pictures_exist() -> None:
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/keys.md"):
        page = ROOT / name
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{name} points at {target}"


def test_the_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE))
        assert named
        assert named <= targets, name
