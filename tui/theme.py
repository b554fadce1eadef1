"""Themes: the colours of the dashboard, read from TOML files, each checked when it is read.

A theme file has a `name`, a `title`, `dark`, and the tables `[colours]` (what Textual makes its shades from),
`[variables]` (the deck's own tokens and any Textual variable), `[syntax]` (source code) and `[ansi]` (the sixteen
colours of terminals). Everything but `name`, `dark` and `[colours]` may be left out. `themes/devdeck-dark.toml` shows
all of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from rich.terminal_theme import TerminalTheme
from textual.color import Color, ColorParseError
from textual.theme import Theme

from devdeck.text import one_line

DEFAULT_THEME = "devdeck-dark"
DEFAULT_LIGHT = "devdeck-light"

TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "deck-running": "text-primary",
        "deck-passed": "text-success",
        "deck-failed": "text-error",
        "deck-error": "text-error",
        "deck-stale": "foreground-muted",
        "deck-muted": "foreground-muted",
        "deck-dirty": "text-warning",
        "deck-ahead": "text-success",
        "deck-behind": "text-warning",
        "deck-conflict": "text-error",
        "deck-branch": "text-secondary",
        "deck-label": "foreground",
        "deck-group": "text-accent",
        "deck-cpu": "text-primary",
        "deck-memory": "text-secondary",
        "deck-host": "text-accent",
        "deck-selection": "block-cursor-blurred-background",
        "deck-border": "primary-muted",
        "deck-border-focus": "border",
        "deck-added": "text-success",
        "deck-removed": "text-error",
        "deck-hunk": "text-secondary",
        "deck-match": "warning-muted",
        "deck-keyword": "text-primary",
        "deck-string": "text-success",
        "deck-number": "text-warning",
        "deck-comment": "foreground-muted",
        "deck-identifier": "text-accent",
    }
)
"""The deck's own CSS variables, each with the standard Textual variable that gives its value where a theme does not."""

ANSI_NAMES = tuple(
    prefix + name
    for prefix in ("", "bright-")
    for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
)
"""Keys of `[ansi]`, in the order of the SGR codes 30 to 37 and 90 to 97."""

_ANSI_FROM = ("panel", "error", "success", "warning", "primary", "secondary", "accent", "foreground")
_COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel",
    "success", "warning", "error", "boost",
)  # fmt: skip
_OPTIONAL = ("boost",)
_SYNTAX = ("keyword", "string", "number", "comment", "identifier")
_TABLES = ("colours", "variables", "syntax", "ansi")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_STYLES = frozenset(("none", "bold", "dim", "italic", "underline", "reverse", "strike", "not"))
_COLOUR_WORDS = "a colour: #rrggbb, rgb(…), hsl(…) or a CSS name"
_LONGEST_VALUE = 64
_LARGEST_FILE = 65_536
_MOST_FILES = 200


class ThemeProblem(msgspec.Struct, frozen=True):
    """Why a theme file, or one key of it, can't be used."""

    file: str
    """Path of the file, or its name when it came with the program."""
    key: str
    """Where in the file, such as `colours.primary`; empty when the whole file is meant."""
    what: str
    """What was found."""
    expected: str
    """What should be there."""

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        return one_line(f"{where}: {self.what}; expected {self.expected}")


class DeckTheme(msgspec.Struct, frozen=True, kw_only=True):
    """One theme, checked: every colour in it is known to parse."""

    name: str
    title: str
    """For people; foreign text when the theme is the user's own."""
    textual: Theme
    """To be registered with the app. Its `variables` hold every token of `TOKENS`."""
    ansi: tuple[str, ...]
    """Sixteen colours `#rrggbb` for terminal panes and logs, in the order of `ANSI_NAMES`."""
    source: str
    """Where it was read from."""

    @property
    def terminal(self) -> TerminalTheme:
        """The same colours as Rich and `App.ansi_theme_dark` take them."""
        colours = [Color.parse(colour).rgb for colour in self.ansi]
        background, foreground = self.textual.background, self.textual.foreground
        assert background is not None
        assert foreground is not None
        return TerminalTheme(Color.parse(background).rgb, Color.parse(foreground).rgb, colours[:8], colours[8:])


def token_defaults(theme: Theme) -> dict[str, str]:
    """Values of `TOKENS` that suit any theme, Textual's own included.

    `App.get_theme_variable_defaults` returns this for the current theme: a variable given there must be
    a plain value, because Textual does not follow references in it.
    """
    return _defaults(theme.to_color_system().generate())


def _defaults(standard: Mapping[str, str]) -> dict[str, str]:
    return {token: _opaque(standard[source], standard["background"]) for token, source in TOKENS.items()}


def _opaque(value: str, ground: str) -> str:
    """A colour laid on the background, because component styles ignore transparency. ANSI values stay as they are."""
    try:
        colour, background = Color.parse(value), Color.parse(ground)
    except ColorParseError:
        return value
    if colour.ansi is not None or background.ansi is not None or colour.a >= 1.0:
        return value
    return background.blend(colour, colour.a, alpha=1.0).hex


def ansi_palette(theme: Theme, themes: Mapping[str, DeckTheme]) -> tuple[str, ...]:
    """Sixteen colours for terminals under any theme.

    Args:
        theme: The app's current theme, ours or one of Textual's.
        themes: What `load_themes` gave.

    Returns:
        The colours of the theme's own file, or those of the default dark or light theme when it has none.
    """
    own = themes.get(theme.name) or themes[DEFAULT_THEME if theme.dark else DEFAULT_LIGHT]
    return own.ansi


def load_themes(user_folder: Path | None = None) -> tuple[dict[str, DeckTheme], tuple[ThemeProblem, ...]]:
    """Read the themes that come with devdeck, then the user's own, which may replace them by name.

    Args:
        user_folder: Folder of `*.toml` files; it need not exist.

    Returns:
        Themes by name, the shipped ones first, and what was wrong with the files that were passed over. It never raises
        for what is in a file.
    """
    problems: list[ThemeProblem] = []
    themes: dict[str, DeckTheme] = {}
    shipped = (file for file in resources.files("themes").iterdir() if file.name.endswith(".toml"))
    for group in (shipped, _user_files(user_folder, problems) if user_folder else ()):
        group_names: dict[str, str] = {}
        for file in sorted(group, key=lambda file: file.name):
            theme = _read(file, problems)
            if theme is None:
                continue
            if theme.name in group_names:
                what = f"{theme.name!r} is in {group_names[theme.name]} too"
                problems.append(ThemeProblem(theme.source, "name", what, "a name of its own"))
                continue
            group_names[theme.name] = file.name
            themes[theme.name] = theme
    return themes, tuple(problems)


def first_theme(name: str, user_folder: Path) -> DeckTheme | None:
    """A shipped theme without reading the others, which cost more than they are worth before the first paint.

    Args:
        name: Its name.
        user_folder: As for `load_themes`.

    Returns:
        The theme; `None` where only `load_themes` can tell: the user has themes, which may replace it, or it is none of
        the shipped ones.
    """
    problems: list[ThemeProblem] = []
    if not name.replace("-", "").isalnum() or _user_files(user_folder, problems) or problems:
        return None
    file = resources.files("themes") / f"{name}.toml"
    theme = _read(file, problems) if file.is_file() else None
    return theme if theme is not None and theme.name == name else None


def _user_files(folder: Path, problems: list[ThemeProblem]) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if file.name.endswith(".toml"))
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(ThemeProblem(str(folder), "", error.strerror or str(error), "a folder that can be read"))
        return []
    if len(files) > _MOST_FILES:
        problems.append(ThemeProblem(str(folder), "", f"{len(files)} themes", f"at most {_MOST_FILES}"))
    return files[:_MOST_FILES]


def _read(file: Traversable, problems: list[ThemeProblem]) -> DeckTheme | None:
    source = str(file)
    try:
        if not file.is_file():  # opening a named pipe would wait for ever
            problems.append(ThemeProblem(source, "", "not a regular file", "a TOML file"))
            return None
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        problems.append(ThemeProblem(source, "", error.strerror or str(error), "a file that can be read"))
        return None
    if len(content) > _LARGEST_FILE:
        problems.append(ThemeProblem(source, "", f"more than {_LARGEST_FILE} bytes", "a smaller file"))
        return None
    return parse_theme(content, source, problems)


def parse_theme(content: bytes, source: str, problems: list[ThemeProblem]) -> DeckTheme | None:
    """Read one theme from the bytes of its file.

    Args:
        content: Any bytes.
        source: Path or name of the file, for problems.
        problems: What is wrong is added here.

    Returns:
        The theme, or `None` when anything at all is wrong with it.
    """
    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        problems.append(ThemeProblem(source, "", f"no TOML: {error}", "a TOML file in UTF-8"))
        return None
    reader = _Reader(source, document)
    theme = reader.theme()
    problems.extend(reader.problems)
    return theme


class _Reader:
    """Reads one document, remembering everything that is wrong with it."""

    def __init__(self, source: str, document: Mapping[str, Any]) -> None:
        self.source = source
        self.document = document
        self.problems: list[ThemeProblem] = []

    def theme(self) -> DeckTheme | None:
        self._known("", self.document, ("name", "title", "dark", *_TABLES))
        name = self.document.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._wrong("name", name, "a name of at most 40 lower-case letters, digits and dashes")
        title = self.document.get("title", name)
        if not isinstance(title, str) or not 0 < len(title) <= _LONGEST_VALUE:
            self._wrong("title", title, f"a text of at most {_LONGEST_VALUE} characters")
        dark = self.document.get("dark")
        if not isinstance(dark, bool):
            self._wrong("dark", dark, "true or false")
        colours = self._palette()
        if self.problems:
            return None
        textual = Theme(name=str(name), dark=bool(dark), **colours)  # type: ignore[arg-type]
        standard = textual.to_color_system().generate()
        variables = _defaults(standard)
        variables.update(self._syntax(standard))
        variables.update(self._variables(standard))
        ansi = self._ansi(standard)
        if self.problems:
            return None
        textual.variables = variables
        return DeckTheme(name=str(name), title=str(title), textual=textual, ansi=ansi, source=self.source)

    def _palette(self) -> dict[str, str]:
        table = self._table("colours", _COLOURS)
        palette: dict[str, str] = {}
        for name in _COLOURS:
            if name in table:
                colour = self._colour(f"colours.{name}", table[name], {}, opaque=name not in _OPTIONAL)
                if colour is not None:
                    palette[name] = colour
            elif name not in _OPTIONAL:
                self._wrong(f"colours.{name}", None, _COLOUR_WORDS)
        return palette

    def _syntax(self, standard: Mapping[str, str]) -> dict[str, str]:
        table = self._table("syntax", _SYNTAX)
        found = {f"deck-{key}": self._colour(f"syntax.{key}", value, standard) for key, value in table.items()}
        return {token: colour for token, colour in found.items() if colour is not None}

    def _variables(self, standard: Mapping[str, str]) -> dict[str, str]:
        table = self._table("variables", (*TOKENS, *standard))
        variables: dict[str, str] = {}
        for name, value in table.items():
            key = f"variables.{name}"
            if name.endswith("-style"):
                if (
                    isinstance(value, str)
                    and value
                    and len(value) <= _LONGEST_VALUE
                    and _STYLES.issuperset(value.split())
                ):
                    variables[name] = value
                else:
                    self._wrong(key, value, "a text style such as bold, or none")
            else:
                colour = self._colour(key, value, standard)
                if colour is not None:
                    variables[name] = colour
        return variables

    def _ansi(self, standard: Mapping[str, str]) -> tuple[str, ...]:
        table = self._table("ansi", ANSI_NAMES)
        colours: list[str] = []
        for index, name in enumerate(ANSI_NAMES):
            value = table.get(name, f"${_ANSI_FROM[index % 8]}")
            colours.append(self._colour(f"ansi.{name}", value, standard, opaque=True) or "")
        return tuple(colours)

    def _table(self, name: str, keys: Iterable[str]) -> Mapping[str, object]:
        table = self.document.get(name, {})
        if not isinstance(table, dict):
            self._wrong(name, table, "a table")
            return {}
        return self._known(name, table, tuple(keys))

    def _known(self, name: str, table: Mapping[str, object], keys: tuple[str, ...]) -> Mapping[str, object]:
        """The known keys of a table; every other one is a problem."""
        for key in table.keys() - set(keys):
            near = get_close_matches(key[:_LONGEST_VALUE], keys, n=1)
            expected = repr(near[0]) if near else "one of " + ", ".join(keys[:20])
            where = f"{name}.{key}" if name else key
            self.problems.append(ThemeProblem(self.source, where[:_LONGEST_VALUE], "no such key", expected))
        return {key: value for key, value in table.items() if key in keys}

    def _colour(self, key: str, value: object, standard: Mapping[str, str], *, opaque: bool = False) -> str | None:
        """`#rrggbb`, or `#rrggbbaa` where it may be transparent; `$name` and `… 40%` are worked out here."""
        colour = _parse_colour(value, standard)
        if colour is None or (opaque and colour.a < 1.0):
            words = _COLOUR_WORDS + (", $name of a colour, and 40% after it for transparency" if standard else "")
            self._wrong(key, value, words + (", not transparent" if opaque else ""))
            return None
        return colour.hex.lower()

    def _wrong(self, key: str, value: object, expected: str) -> None:
        found = "nothing" if value is None else repr(value)
        if len(found) > _LONGEST_VALUE:
            found = found[: _LONGEST_VALUE - 1] + "…"
        self.problems.append(ThemeProblem(self.source, key, found, expected))


def _parse_colour(value: object, standard: Mapping[str, str]) -> Color | None:
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
        return None
    text, _, percent = value.strip().rpartition(" ")
    if not percent.endswith("%") or not text:
        text, percent = value.strip(), ""
    if text.startswith("$"):
        text = standard.get(text[1:], "")
    if text.startswith(("ansi_", "auto")):  # no colours yet: the terminal, or the background, decides
        return None
    try:
        colour = Color.parse(text)
        return colour.multiply_alpha(_alpha(percent)) if percent else colour
    except (ColorParseError, ValueError, OverflowError):
        return None


def _alpha(percent: str) -> float:
    alpha = float(percent[:-1]) / 100
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(percent)
    return alpha
