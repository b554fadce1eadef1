"""The answers to shells that ask what may come next. Only light modules: this runs at every press of the tab key.

What there is to answer from is `devdeck.cli.words`, which is made from the commands (`make man`), and the functions of
`devdeck.cli.complete`. An answer is a line for each offer: what it is (`plain`, `dir` or `file`, of which the last two
ask the shell for folders or files), the text to insert, quoted as the shell needs it, and a description, with tabs
between them.
"""

from __future__ import annotations

import os
import sys

from devdeck.cli import complete
from devdeck.cli.complete import Offer
from devdeck.cli.words import WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SHELLS = ("bash", "zsh", "fish", "powershell")


def answer(shell: str, arguments: Sequence[str]) -> int:
    """Print what a shell may offer; returns the exit status. What can't be found out is not offered."""
    if shell not in SHELLS or not arguments:
        return 1
    if shell == "bash":
        word = BashWord.parse(arguments[0], os.environ.get("_DEVDECK_BREAKS", " \t\n\"'><=;|&(:"))
        words, incomplete = word.before[1:], word.text
    else:
        words, incomplete = list(arguments[:-1]), arguments[-1]
        if shell == "powershell":
            incomplete = incomplete.removeprefix("=")
    lines = []
    for offer in offers(words, incomplete):
        value = str(offer) if offer.kind == "plain" else ""
        if shell == "bash" and value:
            value = word.inserted(value)
        elif shell == "powershell" and value:
            value = powershell_quoted(value)
        told = "".join(character if character.isprintable() else " " for character in offer.told)[:120]
        lines.append(f"{offer.kind}\t{value}\t{told}\n")
    sys.stdout.buffer.write("".join(lines).encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
    return 0


class Line:
    """Where a command line is when it ends: which command, which of its arguments, or the value of which option.

    Attributes:
        node: The command, as in `WORDS`.
        given: Values of options so far, by their long names without dashes.
        option: The option whose value comes next; `None` when none does.
        positionals: The arguments that the command has been given.
        options: Whether options may still come.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.node: dict[str, Any] = WORDS
        self.given: dict[str, str] = {}
        self.option: dict[str, Any] | None = None
        self.positionals: list[str] = []
        self.options = True
        self.known = True
        for word in words:
            self._read(word)

    def _read(self, word: str) -> None:
        if self.option is not None:
            self.given[self.option["flags"][-1].lstrip("-")] = word
            self.option = None
        elif self.options and word == "--":
            self.options = False
        elif self.options and word.startswith("-") and word != "-":
            name, equals, value = word.partition("=")
            option = self.find(name)
            if option is not None and option["values"] is not None:
                if equals:
                    self.given[option["flags"][-1].lstrip("-")] = value
                else:
                    self.option = option
        elif self.node["commands"]:
            name = self.node["aliases"].get(word, word)
            self.known = self.known and name in self.node["commands"]
            self.node = self.node["commands"].get(name, self.node)
        else:
            self.positionals.append(word)
            self.options = self.options and self.node["interspersed"]

    def find(self, flag: str) -> dict[str, Any] | None:
        """The option of the command that has a flag."""
        return next((option for option in self.node["options"] if flag in option["flags"]), None)


def offers(words: Sequence[str], incomplete: str) -> list[Offer]:
    """What may stand at the end of a command line.

    Args:
        words: The words after `devdeck`, unquoted, without the one that is typed.
        incomplete: That one, as far as it is typed.
    """
    line = Line(words)
    if not line.known:
        return []
    if line.option is not None:
        return _values(line, line.option["values"], incomplete)
    if line.options and incomplete.startswith("-") and incomplete != "-":
        name, equals, typed = incomplete.partition("=")
        if not equals:
            flags = [(flag, option["help"]) for option in line.node["options"] for flag in option["flags"]]
            return _plain(flags, incomplete)
        option = line.find(name)
        found = _values(line, option["values"], typed) if option is not None and option["values"] is not None else []
        return [Offer(f"{name}={offer}", offer.told, offer.kind) for offer in found]
    if line.node["commands"]:
        return _plain([(name, node["help"]) for name, node in line.node["commands"].items()], incomplete)
    arguments = line.node["arguments"]
    if len(line.positionals) < len(arguments):
        return _values(line, arguments[len(line.positionals)]["values"], incomplete)
    return _values(line, arguments[-1]["values"], incomplete) if arguments and arguments[-1]["many"] else []


def _plain(values: Sequence[tuple[str, str]], incomplete: str) -> list[Offer]:
    return [Offer(value, told) for value, told in values if value.startswith(incomplete)]


class _Given:
    """As much of a click context as the functions of `devdeck.cli.complete` look at."""

    def __init__(self, params: dict[str, str], given: Sequence[str]) -> None:
        self.params = params
        self.given = given
        """The arguments before the one that is typed."""


def _values(line: Line, values: str | list[str], incomplete: str) -> list[Offer]:
    """Offers for an argument: one of a list, or what a function of `devdeck.cli.complete` says."""
    if isinstance(values, list):
        return _plain([(value, "") for value in values], incomplete)
    function: Any = getattr(complete, values) if values else complete.nothing
    found = function(_Given(line.given, line.positionals), None, incomplete)
    return [offer if isinstance(offer, Offer) else Offer(offer) for offer in found]


class BashWord:
    """The word at the end of a command line that bash completes, as it was typed, and the words before it.

    bash replaces only what stands behind the last word break (`COMP_WORDBREAKS`, with `:` and `=`) that is not quoted,
    and keeps an opening quote.
    """

    def __init__(self, before: list[str], text: str, quote: str, kept: int) -> None:
        self.before = before
        """The words before it, the program's name first."""
        self.text = text
        """It, unquoted."""
        self.quote = quote
        """`"` or `'` when it ends inside of one, else empty."""
        self._kept = kept
        """How many characters of the unquoted text bash does not replace."""

    @classmethod
    def parse(cls, line: str, breaks: str) -> BashWord:
        """Read a command line up to the cursor, by bash's rules of quoting; expansions are left as they are typed."""
        words: list[str] = []
        text, quote, kept, begun, index = "", "", 0, False, 0
        while index < len(line):
            character = line[index]
            index += 1
            if quote == "'":
                if character == "'":
                    quote = ""
                else:
                    text += character
            elif character == "\\":
                following = line[index : index + 1]
                if quote and following not in ('"', "\\", "$", "`"):
                    text += character
                else:
                    text += following
                    index += 1
                begun = True
            elif quote:
                if character == quote:
                    quote = ""
                else:
                    text += character
            elif character in "'\"":
                quote, begun = character, True
            elif character.isspace():
                if begun:
                    words.append(text)
                text, kept, begun = "", 0, False
            else:
                text, begun = text + character, True
                if character in breaks:
                    kept = len(text)
        return cls(words, text, quote, kept)

    def inserted(self, value: str) -> str:
        """What bash is to insert for a value: without what it keeps, quoted as the word is."""
        value = value[self._kept :]
        if self.quote == "'":
            return value.replace("'", "'\\''")
        if self.quote == '"':
            return "".join(f"\\{c}" if c in '$`"\\' else c for c in value)
        return "".join(c if not c.isascii() or c.isalnum() or c in "_@%+=:,./-" else f"\\{c}" for c in value)


def powershell_quoted(value: str) -> str:
    """A value as PowerShell takes it literally: bare where that is safe, else in single quotes."""
    import re

    if re.fullmatch(r"(--?)?[A-Za-z0-9_./:\\+][A-Za-z0-9_./:\\+-]*", value):
        return value
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value) + "'"
