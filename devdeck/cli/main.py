"""The command `devdeck`: the dashboard without a verb, and the verbs, each loaded when it is used."""

from __future__ import annotations

import gc
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

VERBS = {
    "start": "devdeck.cli.sessions:start",
    "checkout": "devdeck.cli.checkout:checkout",
    "refresh": "devdeck.cli.checkout:refresh",
    "ls": "devdeck.cli.ls:ls",
    "status": "devdeck.cli.status:status",
    "workspace": "devdeck.cli.workspace:workspace",
    "open": "devdeck.cli.terminals:open_",
    "send": "devdeck.cli.send:send",
    "rm": "devdeck.cli.removing:rm",
    "undo": "devdeck.cli.removing:undo",
    "trash": "devdeck.cli.removing:trash",
    "run": "devdeck.cli.jobs:run",
    "test": "devdeck.cli.tests:test",
    "logs": "devdeck.cli.logs:logs",
    "jobs": "devdeck.cli.jobs:jobs",
    "stop": "devdeck.cli.jobs:stop",
    "rename": "devdeck.cli.managing:rename",
    "adopt": "devdeck.cli.managing:adopt",
    "import": "devdeck.cli.managing:import_",
    "init": "devdeck.cli.config:init",
    "config": "devdeck.cli.config:config",
    "doctor": "devdeck.cli.doctor:doctor",
    "completion": "devdeck.cli.completion:completion",
    "help": "devdeck.cli.help:help_",
    "restore": "devdeck.cli.terminals:restore",
    "control-center": "devdeck.cli.terminals:control_center",
    "demo": "devdeck.cli.demo:demo",
}
"""Verb → where its command is, in the order of the help."""

YOUNG = 50_000
"""New objects after which garbage is looked for: by default 700, which is a dozen times while a verb is loaded."""

ALIASES = {"create": "start", "o": "open", "list": "ls"}
"""Other spellings."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the contract's status (design, section 5)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if shell := os.environ.pop("_DEVDECK_COMPLETE", ""):
        from devdeck.cli import answering

        sys.exit(answering.answer(shell, arguments))
    if arguments in (["--version"], ["-v"]):  # without the half of the time that click's import would take
        from devdeck import __version__

        sys.stdout.write(f"devdeck {__version__}\n")
        sys.exit(0)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale without our glyphs is no reason to end in the middle
            stream.reconfigure(errors="replace")
    before_positionals = arguments[: arguments.index("--")] if "--" in arguments else arguments
    json = "--json" in before_positionals
    try:
        status = _carry_out(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the boundary: told, or raised again
        status = _told(error, json=json)
    return status if isinstance(status, int) else 0


def _carry_out(arguments: list[str]) -> object:
    if not arguments:
        return _dashboard()
    if ALIASES.get(arguments[0], arguments[0]) == "ls" and set(arguments[1:]) <= {"--json", "--no-git"}:
        _list(git="--no-git" not in arguments, json="--json" in arguments)
        return 0
    return _verb(arguments)


def _verb(arguments: list[str]) -> object:
    gc.set_threshold(YOUNG, 20, 20)
    from devdeck.cli.group import cli

    return cli.main(arguments, prog_name="devdeck", standalone_mode=False)


def _dashboard() -> int:
    """The dashboard without click, whose import takes some 30 ms of CPU."""
    from devdeck.cli.dashboard import show

    return show(read_only=False)


def _list(*, git: bool, json: bool) -> None:
    """`ls` without click, and with the garbage collector at rest: scripts and status bars ask for it all the time."""
    gc.disable()
    try:
        _load_records()
        from devdeck.cli import listing
        from devdeck.deck import Deck

        deck = Deck.open()
        try:
            listing.list_all(deck, git=git, json=json)
        finally:
            deck.close()
    finally:
        gc.enable()


def _load_records() -> None:
    """Load msgspec without `typing_extensions`: that takes 10 ms of CPU, and msgspec does as well with `typing`.

    For where click, which loads most of the same, is not loaded either, and before there are threads.
    """
    modules: dict[str, Any] = sys.modules
    if "typing_extensions" in modules:
        return
    modules["typing_extensions"] = None  # what makes its import fail
    try:
        import msgspec  # noqa: F401
    finally:
        del modules["typing_extensions"]


def _told(problem: BaseException, *, json: bool) -> int:
    """Say what went wrong; returns the exit status. What is nobody's fault but ours is raised again."""
    import click

    from devdeck.cli import output
    from devdeck.errors import DeckError

    try:
        raise problem
    except click.exceptions.Exit as error:
        status = error.exit_code
    except click.UsageError as error:
        usage = "" if error.ctx is None else error.ctx.get_usage()
        path = error.ctx.command_path if error.ctx is not None else "devdeck"
        told = _plain(error.format_message())
        output.error("usage", told, f"`{path} --help` says more", json=json, usage=usage)
        status = 2
    except (click.Abort, KeyboardInterrupt):
        if sys.stderr.isatty() and not json:
            sys.stderr.write("\n")  # behind the ^C that the terminal shows
        output.error("interrupted", "interrupted", "", json=json)
        status = 130
    except DeckError as error:
        output.error(error.code, error.message, error.hint, json=json)
        status = error.status
    except BrokenPipeError:
        # The reader has gone (`devdeck logs x | head`): leave quietly, and keep the interpreter from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        output.error("system", f"{where}{error.strerror or error}", "check permissions and free space", json=json)
        status = 1
    return status


def _plain(words: str) -> str:
    """What click says of wrong usage, in the manner of devdeck's own messages: one line, no capital, no stop."""
    words = " ".join(words.split()).removesuffix(".").replace(". Choose from:", ": choose from")
    words = words.replace("is not a valid integer range", "is no whole number")
    words = words.replace("is not a valid float range", "is no number")
    return words[:1].lower() + words[1:]
