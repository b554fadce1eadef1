from __future__ import annotations

from pathlib import Path

from devdeck.git.scratch import ignored
from devdeck.git.trash import Where
from devdeck.removal import ignored as ignoring
from tests.git_support import make_repository, write


def test_a_folder_that_ignores_itself_counts_once(tmp_path: Path) -> None:
    """As pytest, mypy and ruff make their caches: with a .gitignore in them that names everything."""
    place = make_repository(tmp_path / "shop", files={".gitignore": "*.log\n"})
    write(
        place,
        {
            ".pytest_cache/.gitignore": "*\n",
            ".pytest_cache/v/lastfailed": "{}\n",
            ".pytest_cache.log": "beside\n",
            "half/.gitignore": "*\n!work\n",
            "half/work": "nowhere else\n",
            "half/deep/gone": "g\n",
            "x.log": "x\n",
        },
    )
    assert ignored(str(place)) == (".pytest_cache.log", ".pytest_cache/", "half/.gitignore", "half/deep/", "x.log")
    found = ignoring.look(Where(str(place), place / ".git"))
    assert {item.path: item.size for item in found}[".pytest_cache/"] == len("*\n") + len("{}\n")
