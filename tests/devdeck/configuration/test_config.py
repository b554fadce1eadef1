"""The user's settings, and the published schemas."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devdeck.configuration.config import Config, size_in_bytes
from devdeck.configuration.documents import ConfigError
from devdeck.configuration.schema import NAMES, generate, published
from devdeck.errors import DeckError
from devdeck.initialization.repo_config import read
from devdeck.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "config").mkdir()
    return Paths(data=tmp_path / "data", config=tmp_path / "config", state=tmp_path / "state")


def test_without_a_file_everything_has_its_default(paths: Paths) -> None:
    config = Config.load(paths)
    assert config == Config()
    assert (config.trash.keep_days, config.trash_size, config.ignored_limit) == (30.0, 10 * 2**30, 512 * 2**20)
    assert (config.start.fetch_timeout, config.start.offline) == (5.0, False)
    assert {setting.source for setting in config.settings()} == {"default"}
    assert all(setting.description for setting in config.settings())


def test_every_setting_says_where_it_comes_from(paths: Paths) -> None:
    (paths.config / "config.toml").write_text(
        "start.offline = true\n\n[trash]\nkeep_days = 7\nmax_size = '500 MB'\n[init]\nmax_size = 1000\n"
    )
    config = Config.load(paths)
    found = {setting.name: (setting.value, setting.source) for setting in config.settings()}
    file = paths.config / "config.toml"
    assert found["start.offline"] == (True, f"{file}:1")
    assert found["trash.keep_days"] == (7.0, f"{file}:4")
    assert found["trash.max_size"] == ("500 MB", f"{file}:5")
    assert found["init.max_size"] == (1000, f"{file}:7")
    assert found["trash.ignored_limit"] == ("512 MiB", "default")
    assert (config.trash_size, config.include_size) == (500_000_000, 1000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[trash]\nkeep_days = 'x'\n", "2:13: found the text 'x', expected a number for trash.keep_days"),
        ("[trash]\nkeep_days = -1\n", "2:13: found the number -1, expected a number >= 0.0 for trash.keep_days"),
        ("[trash]\nmax_size = '7 apples'\n", "2:12: found the text '7 apples', expected a size such as '500 MiB'"),
        ("[trsh]\n", "1:2: found the unknown key 'trsh', did you mean 'trash'?"),
        ("start = {\n", "1:10: no TOML: "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(paths: Paths, content: str, said: str) -> None:
    (paths.config / "config.toml").write_text(content)
    with pytest.raises(ConfigError) as caught:
        Config.load(paths)
    assert caught.value.message.startswith(f"{paths.config}/config.toml:{said}")
    assert caught.value.status == 2


def test_a_file_that_can_not_be_read_is_told(paths: Paths) -> None:
    (paths.config / "config.toml").mkdir()
    with pytest.raises(DeckError, match="can't read"):
        Config.load(paths)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("10", 10), ("1k", 1024), ("1 KiB", 1024), ("1kB", 1000), ("1.5M", 1572864), ("2 GB", 2 * 10**9),
     ("1T", 2**40), ("7B", 7), (5, 5), ("", None), ("x", None), ("1 XB", None), ("-1", None)],
)  # fmt: skip
def test_sizes(text: str | int, size: int | None) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("name", NAMES)
def test_the_published_schema_is_in_date(name: str) -> None:
    """Otherwise: `python -m devdeck.configuration.schema`."""
    assert published(name) == generate(name)


def test_the_schema_knows_every_key() -> None:
    schema: dict[str, Any] = msgspec.json.decode(published("devdeck"))
    definitions = schema["$defs"]
    assert set(definitions["Command"]["properties"]) == {
        "run", "name", "directory", "env", "timeout", "when", "group"
    }  # fmt: skip
    assert all(
        field.get("description") for each in definitions.values() for field in each.get("properties", {}).values()
    )
    assert definitions["Command"]["additionalProperties"] is False
    assert definitions["Mode"]["enum"] == ["clone", "copy", "link"]


def test_loading_without_a_file_loads_no_parser(paths: Paths) -> None:
    code = (
        "import sys; from devdeck.paths import Paths; from devdeck.configuration.config import Config; from pathlib import Path\n"
        f"Config.load(Paths(Path({str(paths.data)!r}), Path({str(paths.config)!r}), Path({str(paths.state)!r})))\n"
        "print(sorted({'tomllib', 'yaml', 'devdeck.configuration.documents', 'devdeck.initialization.repo_config'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_documents_name_every_setting_with_its_default() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \|", page, re.MULTILINE))
    assert rows.keys() == {setting.name for setting in Config().settings()}
    for setting in Config().settings():
        value = tomllib.loads(f"x = {rows[setting.name]}")["x"]
        assert value == setting.value, setting.name


def test_the_example_of_the_documents_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    example = re.search(r"(?:^    .*\n|^\n)+", page[page.index("    [init]") :], re.MULTILINE)
    assert example is not None
    (tmp_path / ".devdeck.toml").write_text(textwrap.dedent(example[0]))
    config = read(str(tmp_path))
    assert (len(config.include), len(config.commands), len(config.teardown)) == (3, 2, 1)
