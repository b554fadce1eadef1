"""completion: the scripts that make a shell ask devdeck what to offer, and the answers.

A script calls `devdeck` with `_DEVDECK_COMPLETE` naming the shell and with the words before the cursor as arguments,
the last one being the word that is typed (empty at its start). The answer is a line for each offer: what it is
(`plain`, `dir` or `file`, of which the last two ask the shell for folders or files), the text to insert, quoted as the
shell needs it, and a description, with tabs between them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from devdeck.cli import output

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

BASH = r"""# devdeck completion for bash 4.4 and later
_devdeck_completion() {
    local -a lines
    local line kind value
    mapfile -t lines < <(_DEVDECK_COMPLETE=bash _DEVDECK_BREAKS="$COMP_WORDBREAKS" \
        command devdeck "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=()
    for line in "${lines[@]}"; do
        IFS=$'\t' read -r kind value _ <<< "$line"
        case $kind in
            plain) COMPREPLY+=("$value") ;;
            dir) compopt -o filenames -o plusdirs ;;
            file) compopt -o default ;;
        esac
    done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
    return 0
}
complete -o nosort -F _devdeck_completion devdeck
"""

ZSH = r"""#compdef devdeck
# devdeck completion for zsh
_devdeck() {
    local -a lines values told
    local line kind value text
    lines=("${(@f)$(_DEVDECK_COMPLETE=zsh command devdeck "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    for line in "${lines[@]}"; do
        kind=${line%%$'\t'*}
        line=${line#*$'\t'}
        value=${line%%$'\t'*}
        text=${line#*$'\t'}
        case $kind in
            plain) values+=("$value"); told+=("${value}${text:+  -- $text}") ;;
            dir) _path_files -/ ;;
            file) _path_files ;;
        esac
    done
    (( $#values )) && compadd -l -V devdeck -d told -- "${values[@]}"
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _devdeck "$@"
else
    compdef _devdeck devdeck
fi
"""

FISH = r"""# devdeck completion for fish
function __devdeck_completion
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l plain (string unescape -- "$current")
    test -n "$plain"; and set current $plain
    for line in (_DEVDECK_COMPLETE=fish command devdeck $words[2..-1] "$current" 2>/dev/null)
        set -l parts (string split \t -- $line)
        switch $parts[1]
            case plain
                printf '%s\t%s\n' $parts[2] $parts[3]
            case dir
                __fish_complete_directories $current
            case file
                __fish_complete_path $current
        end
    end
end
complete --no-files --keep-order --command devdeck --arguments '(__devdeck_completion)'
"""

POWERSHELL = r"""# devdeck completion for PowerShell 5.1 and later
Register-ArgumentCompleter -Native -CommandName devdeck -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($null -ne $_.Value) { [string]$_.Value } else { $_.Extent.Text } })
    $before = $env:_DEVDECK_COMPLETE
    $env:_DEVDECK_COMPLETE = 'powershell'
    try {
        # An empty argument would be lost on the way to a program, so the word is marked by a leading '='.
        $lines = & devdeck @words "=$wordToComplete" 2>$null
    } finally {
        $env:_DEVDECK_COMPLETE = $before
    }
    foreach ($line in $lines) {
        $kind, $value, $text = $line -split "`t", 3
        if ($kind -ne 'plain') { continue }
        if (-not $text) { $text = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $text)
    }
}
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL}

PLACES = {
    "bash": "devdeck completion bash > ~/.local/share/bash-completion/completions/devdeck   (and open a new shell)",
    "zsh": "devdeck completion zsh > ~/.zfunc/_devdeck   (a folder of $fpath, set before compinit runs)",
    "fish": "devdeck completion fish > ~/.config/fish/completions/devdeck.fish",
    "powershell": "devdeck completion powershell >> $PROFILE",
}
"""Where each script is put."""


@click.command()
@click.argument("shell", type=click.Choice(list(SCRIPTS)))
@output.json_option
def completion(shell: str, json: bool) -> None:
    r"""Print the script that makes a shell complete devdeck's verbs, options, labels, branches and jobs.

    \b
    bash:        devdeck completion bash > ~/.local/share/bash-completion/completions/devdeck
    zsh:         devdeck completion zsh > ~/.zfunc/_devdeck    (a folder of $fpath)
    fish:        devdeck completion fish > ~/.config/fish/completions/devdeck.fish
    PowerShell:  devdeck completion powershell >> $PROFILE
    """
    if json:
        output.document({"shell": shell, "script": SCRIPTS[shell], "install": PLACES[shell]})
        return
    output.say(SCRIPTS[shell].rstrip("\n"))
    if sys.stdout.isatty():
        output.note(f"devdeck: to use it: {PLACES[shell]}")


def answer(shell: str, arguments: Sequence[str]) -> int:
    """Print what a shell may offer; returns the exit status. What can't be found out is not offered."""
    if shell not in SCRIPTS or not arguments:
        return 1
    if shell == "bash":
        word = BashWord.parse(arguments[0], os.environ.get("_DEVDECK_BREAKS", " \t\n\"'><=;|&(:"))
        words, incomplete = word.before[1:], word.text
    else:
        words, incomplete = list(arguments[:-1]), arguments[-1]
        if shell == "powershell":
            incomplete = incomplete.removeprefix("=")
    lines = []
    for item in offers(words, incomplete):
        value = str(item.value)
        if item.type == "plain":
            if not value.isprintable():
                continue
            if shell == "bash":
                value = word.inserted(value)
            elif shell == "powershell":
                value = powershell_quoted(value)
        else:
            value = ""
        told = "".join(character if character.isprintable() else " " for character in item.help or "")[:120]
        lines.append(f"{item.type}\t{value}\t{told}\n")
    sys.stdout.buffer.write("".join(lines).encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
    return 0


def offers(words: list[str], incomplete: str) -> list[CompletionItem]:
    """What may stand at the end of a command line.

    Args:
        words: The words after `devdeck`, unquoted, without the one that is typed.
        incomplete: That one, as far as it is typed.
    """
    from click.shell_completion import ShellComplete

    from devdeck.cli.group import cli

    try:
        return ShellComplete(cli, {}, "devdeck", "_DEVDECK_COMPLETE").get_completions(words, incomplete)
    except click.ClickException:
        return []  # a line that devdeck would refuse


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
            return re.sub(r'([$`"\\])', r"\\\1", value)
        return "".join(c if not c.isascii() or c.isalnum() or c in "_@%+=:,./-" else f"\\{c}" for c in value)


def powershell_quoted(value: str) -> str:
    """A value as PowerShell takes it literally: bare where that is safe, else in single quotes."""
    if re.fullmatch(r"(--?)?[A-Za-z0-9_./:\\+][A-Za-z0-9_./:\\+-]*", value):
        return value
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value) + "'"
