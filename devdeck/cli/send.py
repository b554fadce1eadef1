"""send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, output
from devdeck.errors import DeckError, Refused, UsageError
from devdeck.live import Delivery

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.model import Session

WAIT = 600.0
"""Seconds that `--wait` waits when it is not told how long."""


class _SendCommand(click.Command):
    """`--wait` with or without a number after it, which click would otherwise take from the next argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give every bare `--wait` before `--` its value."""
        end = args.index("--") if "--" in args else len(args)
        given = []
        index = 0
        while index < end:
            word = args[index]
            if word == "--wait":
                following = args[index + 1] if index + 1 < end else ""
                number = re.fullmatch(r"\d+(\.\d+)?", following)
                given.append(f"--wait={following if number else WAIT}")
                index += 2 if number else 1
            else:
                given.append(word)
                index += 1
        return super().parse_args(ctx, [*given, *args[end:]])


@click.command(
    cls=_SendCommand,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    short_help="Type a command into the terminals of sessions.",
)
@click.argument("target", metavar="LABEL[,LABEL]...|all", shell_complete=complete.several_labels_or_all)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--force", is_flag=True, help="Type it also where no shell reads it.")
@click.option(
    "--wait",
    metavar="[SECONDS]",
    type=click.FloatRange(min=0, max=86400),
    help="Wait for the end, and print exit status and output; 600 seconds at most, or as many as told.",
)
@output.dry_run_option
@output.json_option
@output.with_deck
def send(
    deck: Deck, target: str, command: tuple[str, ...], force: bool, wait: float | None, dry_run: bool, json: bool
) -> None:
    """Type COMMAND and Enter into a session's terminal, into those of several (`one,two`), or into `all`.

    The text is typed as it is: nothing in it is a key name or a tmux command. A terminal that is not at a shell
    refuses it, unless forced. Put `--` before a COMMAND that has options which are also options of this verb.
    """
    text = " ".join(command)
    sessions = _targets(deck, target)
    if dry_run:
        report = tuple(Delivery(session_id=s.id, label=s.label, sent=False, confirmed=False) for s in sessions)
    else:
        report = deck.terminals.send_many(sessions, text, force=force, wait=wait)
    if json:
        if not (len(report) == 1 and report[0].error and not report[0].sent):  # that is an error as of any other verb
            output.document({"text": text, "dry_run": dry_run, "targets": [_view(each) for each in report]})
    else:
        _print(report, dry_run=dry_run, waited=wait is not None)
    if not dry_run:
        _fail(report, json=json)


def _targets(deck: Deck, target: str) -> tuple[Session, ...]:
    """The sessions that are meant; a label may itself hold a comma.

    Raises:
        NotFound: One of them is not there; nothing is sent to the others then.
    """
    if target.lower() == "all":
        return tuple(s for s in deck.sessions.all() if s.managed and s.parent is None)
    if "," not in target or any(session.label == target for session in deck.sessions.all()):
        return (deck.sessions.find(target),)
    labels = [label.strip() for label in target.split(",")]
    if not all(labels):
        raise UsageError(f"an empty label in {target!r}", "separate labels by single commas")
    return tuple({session.id: session for session in map(deck.sessions.find, labels)}.values())


def _view(each: Delivery) -> dict[str, object]:
    return {
        "label": each.label,
        "sent": each.sent,
        "confirmed": each.confirmed,
        "exit_status": each.exit_status,
        "output": each.output if each.exit_status is not None or each.output else None,
        "error": each.error or None,
        "code": each.code or None,
        "hint": each.hint or None,
    }


def _print(report: tuple[Delivery, ...], *, dry_run: bool, waited: bool) -> None:
    for each in report:
        if not each.sent and not dry_run:
            if len(report) > 1:
                output.say(f"not sent to {each.label}: {each.error}")
            continue
        if waited and not dry_run:
            _print_waited(each, alone=len(report) == 1)
        elif dry_run:
            output.say(f"would send to {each.label}")
        else:
            output.say(f"sent to {each.label}" + ("" if each.confirmed else ", not confirmed: nothing has read it yet"))
    if not report:
        output.say("no sessions")


def _print_waited(each: Delivery, *, alone: bool) -> None:
    """What the command printed, as it would be without devdeck; for several with a heading each."""
    if not alone:
        verdict = each.error or f"exit {each.exit_status}"
        output.say(output.styled(f"── {each.label}: {verdict}", "bold"))
    for line in each.output.splitlines():
        output.say(line)
    if each.hint and not each.error:
        output.note(f"devdeck: {each.hint}")


def _fail(report: tuple[Delivery, ...], *, json: bool) -> None:
    """End with the status of the contract: 0 when all were sent (and, waited for, ended well), 4 when all were refused.

    Raises:
        DeckError: Something was not sent, did not end, or failed.
    """
    unsent = [each for each in report if not each.sent]
    if len(report) == 1 and unsent:
        raise _as_error(unsent[0])
    if unsent and len(unsent) == len(report) and all(each.code == Refused.code for each in unsent):
        raise Refused(f"not sent to {_labels(unsent)}: none of them is at a shell", "--force types it all the same")
    if unsent:
        busy = all(each.code == Refused.code for each in unsent)
        hint = (
            "--force types it also where no shell reads it" if busy else "`devdeck ls` shows which terminals are alive"
        )
        raise DeckError(f"not sent to {_labels(unsent)}", hint)
    for each in report:
        if each.error:
            raise DeckError(f"{each.label}: {each.error}", each.hint, code=each.code)
    failed = [each for each in report if each.exit_status]
    if failed:
        if json:
            raise click.exceptions.Exit(1)
        words = ", ".join(f"exit {each.exit_status} in {each.label}" for each in failed)
        raise DeckError(words, code="exit-status")


def _as_error(each: Delivery) -> DeckError:
    from devdeck.errors import Missing, NotFound

    kinds: dict[str, type[DeckError]] = {"gone": NotFound}
    for kind in (Refused, NotFound, Missing, UsageError):
        kinds[kind.code] = kind
    return kinds.get(each.code, DeckError)(each.error, each.hint, code=each.code)


def _labels(deliveries: list[Delivery]) -> str:
    return ", ".join(each.label for each in deliveries)
