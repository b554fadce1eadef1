"""completion: the scripts that make a shell ask devdeck what to offer. `devdeck.cli.answering` has the answers.

A script calls `devdeck` with `_DEVDECK_COMPLETE` naming the shell and with the words before the cursor as arguments,
the last one being the word that is typed (empty at its start); bash's gives the whole line up to the cursor instead.
"""

from __future__ import annotations

import sys

import click

from devdeck.cli import output

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


@click.command(short_help="Print the script that completes for a shell.")
@click.argument("shell", type=click.Choice(list(SCRIPTS)))
@output.json_option
def completion(shell: str, json: bool) -> None:
    """Print the script that makes a shell complete devdeck's verbs, options, labels, branches and jobs.

    \b
    bash         devdeck completion bash >
                   ~/.local/share/bash-completion/completions/devdeck
    zsh          devdeck completion zsh > ~/.zfunc/_devdeck  (a folder of $fpath)
    fish         devdeck completion fish >
                   ~/.config/fish/completions/devdeck.fish
    PowerShell   devdeck completion powershell >> $PROFILE

    zsh and fish complete an alias as what it stands for; for one in bash, such as par, add `complete -o nosort -F
    _devdeck_completion par` to ~/.bashrc, behind a line that sources the script.
    """  # noqa: D301  click's mark for lines that stay as they are is a backspace
    if json:
        output.document({"shell": shell, "script": SCRIPTS[shell], "install": PLACES[shell]})
        return
    output.own_text(SCRIPTS[shell].rstrip("\n"))
    if sys.stdout.isatty():
        output.note(f"devdeck: to use it: {PLACES[shell]}")
