"""What a repository asks for, and how wrong files are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.configuration.documents import SIZE_LIMIT, ConfigError, parse_toml, parse_yaml
from devdeck.initialization.repo_config import Command, Include, Mode, When, read, words


def wrong(folder: Path, name: str, content: str | bytes) -> str:
    """What is said of a file, without the folder's path."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        read(str(folder))
    assert caught.value.status == 2
    assert caught.value.message.startswith(f"{folder}/{name}:")
    return caught.value.message.removeprefix(f"{folder}/{name}:")


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert read(str(tmp_path)).empty
    assert read(str(tmp_path)).file == ""


def test_par_yaml_is_read_as_par_reads_it(tmp_path: Path) -> None:
    """P3, C18, C19."""
    (tmp_path / ".par.yaml").write_text(
        "initialization:\n"
        "  include:\n    - .env\n    - config/*.json\n"
        "  commands:\n    - npm install\n    - name: Build\n      command: npm run build\n"
    )
    config = read(str(tmp_path))
    assert config.include == (Include(".env"), Include("config/*.json"))
    assert config.commands == (Command("npm install"), Command("npm run build", name="Build"))
    assert config.warnings == ()


def test_par_yaml_takes_a_text_for_a_list_of_one(tmp_path: Path) -> None:
    """C18, C19, W13."""
    (tmp_path / ".par.yaml").write_text("initialization:\n  include: .env\n  commands: echo hi\n")
    config = read(str(tmp_path))
    assert config.include == (Include(".env"),)
    assert config.commands == (Command("echo hi"),)


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "initialization:\n", "initialization:\n  include:\n  commands:\n", "{}"]
)
def test_empty_sections_are_nothing(tmp_path: Path, content: str) -> None:
    """C19, W12."""
    (tmp_path / ".par.yaml").write_text(content)
    assert read(str(tmp_path)).empty


def test_keys_that_par_passes_over_are_told(tmp_path: Path) -> None:
    (tmp_path / ".par.yaml").write_text("initialization:\n  comands: [ls]\nother: 1\n3: x\n")
    config = read(str(tmp_path))
    assert config.empty
    told = [warning.removeprefix(f"{tmp_path}/.par.yaml:") for warning in config.warnings]
    assert told == [
        "2:3: found the unknown key 'comands', did you mean 'commands'?; it is not used",
        "3:1: found the unknown key 'other', expected one of initialization; it is not used",
        "4:1: found the unknown key '3', expected one of initialization; it is not used",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a\n", "1:1: found a list, expected a table"),
        ("text", "1:1: found the text 'text', expected a table"),
        ("initialization: 3\n", "1:17: found the number 3, expected a table or nothing for initialization"),
        ("initialization: [x]\n", "1:17: found a list, expected a table or nothing for initialization"),
        ("initialization:\n  include: [ok, 1]\n", "2:17: found the number 1, expected text for initialization.include[1]"),
        ("initialization:\n  include: [ok,]\n  commands:\n    - {name: x}\n",
         "4:7: found initialization.commands[0] without 'command', which it needs"),
        ("initialization:\n  commands:\n    - command: 3\n",
         "3:16: found the number 3, expected text for initialization.commands[0].command"),
        ("initialization:\n  commands: ['']\n", "2:14: found an empty text, expected a command"),
        ("initialization:\n  commands: [yes]\n",
         "2:14: found true, expected a table or text for initialization.commands[0]"),
        ("initialization:\n  include: ../x\n",
         "2:12: found the text '../x', which leads out of the repository; expected files of the repository"),
        ("initialization:\n  include: [a, /etc/passwd]\n",
         "2:16: found the text '/etc/passwd', which is no relative path; expected files of the repository"),
        ("initialization:\n  include: .\n",
         "2:12: found the text '.', which is the whole repository; expected files of the repository"),
        ("initialization:\n  include: a/.git/config\n",
         "2:12: found the text 'a/.git/config', which is git's own; expected files of the repository"),
        ("initialization: [\n",
         "2:1: no YAML: while parsing a flow node, expected the node content, but found '<stream end>'"),
        ("a: !!python/object/apply:os.system ['true']\n",
         "1:4: found the tag tag:yaml.org,2002:python/object/apply:os.system, expected plain YAML"),
        (b"ok: 1\nbad: \xff\n", "2:6: found the byte 0xff, expected UTF-8 text"),
        ("a: 1\nb: \x07\n", "2:4: found a character that YAML does not allow"),
        ("x: &a [*a]\n", "1:4: found more than 40 levels (an alias counts as all that it stands for)"),
    ],
)  # fmt: skip
def test_wrong_par_yaml_is_told_with_its_place(tmp_path: Path, content: str | bytes, said: str) -> None:
    """C19, P3, W12, W13, W14."""
    assert wrong(tmp_path, ".par.yaml", content) == said


def test_a_small_yaml_file_can_not_become_a_huge_value(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    assert "more than 20000 values" in wrong(tmp_path, ".par.yaml", "\n".join(lines))


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    assert "at most" in wrong(tmp_path, ".par.yaml", "#" * (SIZE_LIMIT + 1))


FULL = """
[init]
include = [
    ".env",   # a text, with a # in a comment
    { pattern = "data/**", mode = "link" },
    { pattern = 'cache', mode = "copy" },
]

[[init.command]]
name = "deps"
run = "npm ci"
timeout = 600
group = "fetch"

[[init.command]]
run = ["make", "db"]
directory = "server"
group = "fetch"
when = { exists = "server/Makefile", missing = ["db.sqlite"], os = ["linux", "macos"], command = "make" }
[init.command.env]
PORT = 8080
NAME = "a b"

[teardown]
command = "make clean"
"""


def test_devdeck_toml_has_all_of_it(tmp_path: Path) -> None:
    (tmp_path / ".devdeck.toml").write_text(FULL)
    (tmp_path / ".par.yaml").write_text("initialization: {commands: [never]}")
    config = read(str(tmp_path))
    assert config.file == f"{tmp_path}/.devdeck.toml"
    assert config.include == (Include(".env"), Include("data/**", Mode.LINK), Include("cache", Mode.COPY))
    assert config.commands == (
        Command("npm ci", name="deps", timeout=600.0, group="fetch"),
        Command(
            ("make", "db"),
            directory="server",
            group="fetch",
            env={"PORT": 8080, "NAME": "a b"},
            when=When("server/Makefile", ("db.sqlite",), ("linux", "macos"), "make"),
        ),
    )
    assert config.teardown == (Command("make clean"),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[init\n", "1:6: no TOML: expected ']' at the end of a table declaration"),
        ("x = '''a\n", "1:9: no TOML: expected \"'''\""),
        ("init = 3\n", "1:8: found the number 3, expected a table for init"),
        ("[inti]\n", "1:2: found the unknown key 'inti', did you mean 'init'?"),
        ("\n[init]\ncomand = 'ls'\n", "3:1: found the unknown key 'comand', did you mean 'command'?"),
        ("[init]\ninclude = ['ok',\n  # not me\n  '''../x''']\n",
         "4:3: found the text '../x', which leads out of the repository; expected files of the repository"),
        ("[init]\ninclude = [{mode = 'link', pattern = '/x'}]\n",
         "2:38: found the text '/x', which is no relative path; expected files of the repository"),
        ("[init]\ninclude = [{pattern = 'x', mode = 'move'}]\n",
         "2:35: found the text 'move', expected one of clone, copy, link for init.include[0].mode"),
        ("[[init.command]]\nrun='a'\n[[init.command]]\nname='x'\n[[init.command]]\nrun='c'\n",
         "3:1: found init.command[1] without 'run', which it needs"),
        ("[[init.command]]\nrun='a'\n[[init.command]]\nrun = 5\n",
         "4:7: found the number 5, expected a list or text for init.command[1].run"),
        ("[[init.command]]\nrun=['a', 5]\n", "2:11: found the number 5, expected text for init.command[0].run[1]"),
        ("[[init.command]]\nrun=[]\n", "2:5: found an empty list, expected a command"),
        ("[[init.command]]\nrun='x'\ntimeout=0\n",
         "3:9: found the number 0, expected a number > 0.0 for init.command[0].timeout"),
        ("[[init.command]]\nrun='x'\ndirectory='a/../..'\n",
         "3:11: found the text 'a/../..', which leads out of the worktree; expected a folder in the worktree"),
        ("[[init.command]]\nrun='x'\n[init.command.env]\nA=1\n\"b c\"=true\n",
         "5:7: found true, expected a whole number or text for init.command[0].env.b c"),
        ("[[init.command]]\nrun='x'\nwhen={os='beos'}\n",
         "3:10: found the text 'beos', expected linux, macos or windows"),
        ("[[init.command]]\nrun='x'\nwhen.exists='/etc'\n",
         "3:13: found the text '/etc', which is no relative path; expected a path in the worktree"),
        ("[teardown]\ncommand=[2026-01-01]\n", "2:10: found the date 2026-01-01, expected a table or text for "
         "teardown.command[0]"),
    ],
)  # fmt: skip
def test_wrong_devdeck_toml_is_told_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    assert wrong(tmp_path, ".devdeck.toml", content) == said


def test_a_configuration_that_is_a_link_to_elsewhere_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password = 'x'\n")
    root = tmp_path / "repository"
    root.mkdir()
    (root / ".devdeck.toml").symlink_to(secret)
    with pytest.raises(ConfigError, match="outside of the repository"):
        read(str(root))
    (root / ".devdeck.toml").unlink()
    (root / "real.toml").write_text("[init]\ninclude = 'a'\n")
    (root / ".devdeck.toml").symlink_to("real.toml")
    assert read(str(root)).include == (Include("a"),)


def test_nothing_of_a_command_is_hidden_in_its_words() -> None:
    command = Command("echo ok" + " " * 5000 + "; evil \x1b[2K\u202e\n rm -rf x", name="n\x07")
    text = words(command)
    assert "; evil" in text
    assert "\\x1b[2K\\u202e ⏎  rm -rf x" in text
    assert text.isprintable()


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["init", "include", "command", "run", "initialization", "commands", "x"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(value=values)
def test_any_yaml_is_a_configuration_or_an_error_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    import yaml

    folder = tmp_path_factory.mktemp("r")
    (folder / ".par.yaml").write_text(yaml.safe_dump(value))
    try:
        read(str(folder))
    except ConfigError as error:
        line, column = error.message.removeprefix(f"{folder}/.par.yaml:").split(":")[:2]
        assert int(line) >= 1
        assert int(column) >= 1


@settings(max_examples=80, deadline=None)
@given(text=st.text(st.sampled_from("a=[]{}'\"\\\n#., 1\t"), max_size=40))
def test_any_text_is_toml_with_places_or_an_error(text: str) -> None:
    try:
        document = parse_toml(text, "f")
    except ConfigError as error:
        line = error.message.removeprefix("f:").partition(":")[0]
        assert 1 <= int(line) <= text.count("\n") + 1
        return

    def check(value: object, path: tuple[str | int, ...]) -> None:
        if path:
            assert path in document.values, path
        if isinstance(value, dict):
            for key, inner in value.items():
                assert (*path, key) in document.keys
                check(inner, (*path, key))
        if isinstance(value, list):
            for index, inner in enumerate(value):
                check(inner, (*path, index))

    check(document.value, ())


def test_yaml_merges_and_aliases_mean_what_they_mean() -> None:
    document = parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4}]}\n", "f")
    assert document.value == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2, "z": 4}}
