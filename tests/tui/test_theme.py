from __future__ import annotations

import math
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme
from textual.widgets import Static

from tui.theme import (
    ANSI_NAMES,
    DEFAULT_THEME,
    TOKENS,
    DeckTheme,
    ThemeProblem,
    ansi_palette,
    first_theme,
    load_themes,
    parse_theme,
    token_defaults,
)

SHIPPED, PROBLEMS = load_themes()
ROOT = Path(__file__).parents[2]
TEXT = [token for token in TOKENS if token not in ("deck-selection", "deck-border", "deck-border-focus", "deck-match")]
GROUNDS = ("background", "surface", "panel", "deck-selection")
MINIMAL = (ROOT / "themes/devdeck-dark.toml").read_text().partition("[variables]")[0]

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
DEFICIENCIES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: Color) -> tuple[float, float, float]:
    def channel(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    return channel(colour.r), channel(colour.g), channel(colour.b)


def contrast(one: Color, other: Color) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""

    def luminance(colour: Color) -> float:
        r, g, b = linear(colour)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """Linear sRGB to CIE Lab, D65."""
    r, g, b = (min(1.0, max(0.0, part)) for part in rgb)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883

    def root(value: float) -> float:
        return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116

    return 116 * root(y) - 16, 500 * (root(x) - root(y)), 200 * (root(y) - root(z))


def distance(one: Color, other: Color, deficiency: str) -> float:
    matrix = DEFICIENCIES[deficiency]

    def seen(colour: Color) -> tuple[float, float, float]:
        r, g, b = linear(colour)
        x, y, z = (row[0] * r + row[1] * g + row[2] * b for row in matrix)
        return lab((x, y, z))

    return math.dist(seen(one), seen(other))


def value(theme: DeckTheme, name: str) -> Color:
    variables = {**theme.textual.to_color_system().generate(), **theme.textual.variables}
    return Color.parse(variables[name])


def test_the_shipped_themes_are_sound() -> None:
    assert PROBLEMS == ()
    assert {DEFAULT_THEME, "devdeck-light", "devdeck-contrast", "devdeck-cvd"} <= SHIPPED.keys()
    for name, theme in SHIPPED.items():
        assert theme.name == theme.textual.name == name
        assert theme.source.endswith(f"{name}.toml")
    assert not SHIPPED["devdeck-light"].textual.dark
    assert SHIPPED[DEFAULT_THEME].textual.dark


def test_the_measures_themselves() -> None:
    black, white = Color.parse("black"), Color.parse("white")
    assert contrast(black, white) == pytest.approx(21.0)
    assert distance(black, white, "protanopia") == pytest.approx(100.0, abs=0.5)
    nord = BUILTIN_THEMES["nord"]
    assert nord.success is not None
    assert nord.error is not None
    green, red = Color.parse(nord.success), Color.parse(nord.error)
    assert min(distance(green, red, name) for name in ("protanopia", "deuteranopia")) == pytest.approx(19, abs=1.5)


@pytest.mark.parametrize("name", SHIPPED)
def test_text_reads_on_every_ground(name: str) -> None:
    theme = SHIPPED[name]
    least = 7.0 if name == "devdeck-contrast" else 4.5
    poor = {
        (token, ground): round(ratio, 2)
        for token in (*TEXT, "foreground")
        for ground in GROUNDS
        if (ratio := contrast(value(theme, token), value(theme, ground))) < least
    }
    assert poor == {}
    assert contrast(value(theme, "block-cursor-foreground"), value(theme, "block-cursor-background")) >= least
    assert contrast(value(theme, "deck-label"), value(theme, "deck-match")) >= 4.5


@pytest.mark.parametrize("name", SHIPPED)
def test_terminal_colours_read(name: str) -> None:
    theme = SHIPPED[name]
    ground = value(theme, "background")
    poor = {
        colour: round(ratio, 2)
        for colour, code in zip(ANSI_NAMES, theme.ansi, strict=True)
        if colour != "black" and (ratio := contrast(Color.parse(code), ground)) < 4.5
    }
    assert poor == {}


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_passed_and_failed_differ_for_colour_blind_eyes(name: str, deficiency: str) -> None:
    theme = SHIPPED[name]
    least = 40 if name == "devdeck-cvd" and deficiency != "tritanopia" else 25
    for good, bad in (("deck-passed", "deck-failed"), ("deck-added", "deck-removed"), ("success", "error")):
        assert distance(value(theme, good), value(theme, bad), deficiency) >= least, (good, bad)


class Probe(App[None]):
    """An app whose style sheet uses every token, in each way that a token is used."""

    CSS = "\n".join(
        f"#{token} {{ color: ${token}; background: ${token} 12%; border: solid ${token}; }}" for token in TOKENS
    )

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.register_theme(theme)
        self.theme = theme.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return token_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        for token in TOKENS:
            yield Static(token, id=token)


EVERY = {**BUILTIN_THEMES, **{name: theme.textual for name, theme in SHIPPED.items()}}


@pytest.mark.parametrize("name", EVERY)
async def test_every_theme_has_every_token(name: str) -> None:
    app = Probe(EVERY[name])
    async with app.run_test(size=(40, 10)):
        for token in TOKENS:
            colour = app.query_one(f"#{token}").styles.color
            if name in SHIPPED:
                assert colour.hex6 == value(SHIPPED[name], token).hex6
            elif not EVERY[name].ansi:
                assert colour.a == 1.0


async def test_switching_themes_moves_the_tokens() -> None:
    app = Probe(SHIPPED["devdeck-dark"].textual)
    async with app.run_test(size=(40, 10)) as pilot:
        for name in ("devdeck-light", "nord", "devdeck-cvd"):
            app.register_theme(EVERY[name])
            app.theme = name
            await pilot.pause()
            expected = EVERY[name].variables.get("deck-passed") or token_defaults(EVERY[name])["deck-passed"]
            assert app.query_one("#deck-passed").styles.color.hex == Color.parse(expected).hex


def test_terminal_theme() -> None:
    theme = SHIPPED["devdeck-dark"]
    assert len(theme.ansi) == 16
    assert theme.terminal.background_color == tuple(value(theme, "background").rgb)
    assert theme.terminal.ansi_colors[9] == tuple(Color.parse(theme.ansi[9]).rgb)


def test_every_theme_has_terminal_colours() -> None:
    assert ansi_palette(SHIPPED["devdeck-cvd"].textual, SHIPPED) == SHIPPED["devdeck-cvd"].ansi
    assert ansi_palette(BUILTIN_THEMES["nord"], SHIPPED) == SHIPPED["devdeck-dark"].ansi
    assert ansi_palette(BUILTIN_THEMES["textual-light"], SHIPPED) == SHIPPED["devdeck-light"].ansi


def read(text: str | bytes) -> tuple[DeckTheme | None, list[ThemeProblem]]:
    problems: list[ThemeProblem] = []
    content = text.encode() if isinstance(text, str) else text
    return parse_theme(content, "x.toml", problems), problems


def test_a_small_theme_gets_the_rest_from_its_colours() -> None:
    theme, problems = read(MINIMAL)
    assert problems == []
    assert theme is not None
    assert value(theme, "deck-label") == value(theme, "foreground")
    assert theme.ansi[1] == value(theme, "error").hex.lower()
    assert theme.ansi[9] == theme.ansi[1]


def test_references_and_transparency_are_worked_out() -> None:
    theme, problems = read(
        MINIMAL
        + '[variables]\ndeck-cpu = "$primary"\ndeck-match = "$error 50%"\nlink-style = "bold not italic"\n'
        + '[syntax]\nkeyword = "red"\n'
    )
    assert problems == []
    assert theme is not None
    assert theme.textual.variables["deck-cpu"] == value(theme, "primary").hex.lower()
    assert value(theme, "deck-match").a == pytest.approx(0.5, abs=0.01)
    assert theme.textual.variables["deck-keyword"] == "#ff0000"
    assert theme.textual.variables["link-style"] == "bold not italic"


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        (("#7cb7ff", "#7cb7fg"), "colours.primary", "a colour"),
        (("#7cb7ff", "#7cb7ff80"), "colours.primary", "not transparent"),
        (("#7cb7ff", "ansi_red"), "colours.primary", "a colour"),
        (("#7cb7ff", "$accent"), "colours.primary", "a colour"),
        (('primary = "#7cb7ff"', ""), "colours.primary", "a colour"),
        (('primary = "#7cb7ff"', "primary = 7"), "colours.primary", "a colour"),
        (("primary", "primry"), "colours.primry", "'primary'"),
        (("dark = true", 'dark = "yes"'), "dark", "true or false"),
        (('name = "devdeck-dark"', 'name = "Dark Side"'), "name", "lower-case"),
        (('name = "devdeck-dark"', ""), "name", "lower-case"),
        (("[colours]", "[colors]"), "colors", "'colours'"),
        (("[colours]", "syntax = 3\n[colours]"), "syntax", "a table"),
        (("[colours]", '[variables]\ndeck-cpuu = "red"\n[colours]'), "variables.deck-cpuu", "'deck-cpu'"),
        (("[colours]", '[variables]\ndeck-cpu = "$nothing"\n[colours]'), "variables.deck-cpu", "$name"),
        (("[colours]", '[variables]\ndeck-cpu = "red 140%"\n[colours]'), "variables.deck-cpu", "40%"),
        (("[colours]", '[variables]\nlink-style = "blink; } * {"\n[colours]'), "variables.link-style", "text style"),
        (("[colours]", '[ansi]\nred = "$primary 50%"\n[colours]'), "ansi.red", "not transparent"),
        (("[colours]", "[colours"), "", "TOML"),
    ],
)
def test_what_is_wrong_is_said(change: tuple[str, str], key: str, expected: str) -> None:
    assert change[0] in MINIMAL
    theme, problems = read(MINIMAL.replace(*change, 1))
    assert theme is None
    found = {problem.key: problem for problem in problems}
    assert expected in found[key].expected
    assert str(found[key]).startswith("x.toml: ")


def test_all_problems_of_a_file_are_told_at_once() -> None:
    _, problems = read('name = "x"\ndark = 1\n[colours]\nprimary = "nope"\n')
    assert {"dark", "colours.primary", "colours.error"} <= {problem.key for problem in problems}


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80)
    | st.sampled_from(["#fff", "$primary", "rgb(" + "9" * 45 + ",0,0)", "red 1e999%", "red nan%", "auto 20%", "\x1b]0;x\x07"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def toml(value: Any) -> str:
    """TOML of a value, inline; what TOML can't say becomes a string."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    text = str(value).encode("utf-8", "replace").decode()
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'


KEYS = ["name", "title", "dark", "colours.primary", "colours.boost", "variables.deck-cpu", "variables.link-style",
        "variables.text", "syntax.string", "ansi.red", "colours", "variables", "ansi", "extra"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), hostile, min_size=1, max_size=4))
@settings(max_examples=120, deadline=None)
def test_hostile_values_give_a_theme_or_a_problem(values: dict[str, Any]) -> None:
    document = tomllib.loads(MINIMAL)
    lines: dict[str, Any] = {}
    for table, inner in document.items():
        lines.update(
            {f"{table}.{key}": item for key, item in inner.items()} if isinstance(inner, dict) else {table: inner}
        )
    for key, item in values.items():
        lines = {old: kept for old, kept in lines.items() if not old.startswith(f"{key}.") and old != key}
        if not any(old.startswith(f"{key}.") or key.startswith(f"{old}.") for old in lines):
            lines[key] = item
    theme, problems = read("\n".join(f"{key} = {toml(item)}" for key, item in lines.items()))
    assert (theme is None) == bool(problems)
    if theme is not None:
        generated = {**theme.textual.to_color_system().generate(), **theme.textual.variables}
        assert all(Color.parse(generated[token]) for token in TOKENS)
        assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in theme.ansi)
    for problem in problems:
        assert "\x1b" not in str(problem)
        assert len(str(problem)) < 1000


@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_garbage_is_a_problem(content: bytes) -> None:
    theme, problems = read(content)
    assert theme is None
    assert problems


def test_deep_nesting_is_a_problem() -> None:
    theme, problems = read("x = " + "[" * 30_000)
    assert theme is None
    assert problems


def test_the_first_paint_needs_one_theme(tmp_path: Path) -> None:
    """One that is shipped and that no theme of the user's can replace."""
    assert {name: first_theme(name, tmp_path) for name in SHIPPED} == SHIPPED
    assert [first_theme(name, tmp_path) for name in ("textual-dark", "", "../themes/devdeck-dark", "a/b")] == [None] * 4
    (tmp_path / "mine.toml").write_text(MINIMAL)
    assert first_theme("devdeck-dark", tmp_path) is None


def test_the_users_folder(tmp_path: Path) -> None:
    assert load_themes(tmp_path / "missing") == load_themes()
    (tmp_path / "mine.toml").write_text(MINIMAL.replace("devdeck-dark", "mine"))
    (tmp_path / "over.toml").write_text(MINIMAL.replace("#7cb7ff", "#123456"))
    (tmp_path / "second.toml").write_text(MINIMAL.replace("devdeck-dark", "mine"))
    (tmp_path / "broken.toml").write_text("name =")
    (tmp_path / "notes.txt").write_text("not a theme")
    (tmp_path / "large.toml").write_bytes(b"#" * 70_000)
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    themes, problems = load_themes(tmp_path)
    assert themes.keys() == SHIPPED.keys() | {"mine"}
    assert value(themes["devdeck-dark"], "primary") == Color.parse("#123456")
    assert themes["mine"].source == str(tmp_path / "mine.toml")
    names = {Path(problem.file).name: problem for problem in problems}
    assert names.keys() == {"broken.toml", "second.toml", "large.toml", "folder.toml", "pipe.toml"}
    assert "mine.toml" in names["second.toml"].what


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        themes, problems = load_themes(tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert themes.keys() == SHIPPED.keys()
    assert problems[0].file == str(tmp_path)


def test_a_file_in_place_of_the_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "themes").write_text("")
    themes, problems = load_themes(tmp_path / "themes")
    assert themes.keys() == SHIPPED.keys()
    assert len(problems) == 1


HEX = re.compile(r"#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b(?!\w|-)|\brgba?\(\s*\d")


@pytest.mark.parametrize("path", sorted((ROOT / "tui").rglob("*.py")) + sorted((ROOT / "tui").rglob("*.tcss")), ids=str)
def test_no_colour_is_written_outside_the_themes(path: Path) -> None:
    found = [
        line for line in path.read_text().splitlines() if any(not match.isdecimal() for match in HEX.findall(line))
    ]
    assert found == []
