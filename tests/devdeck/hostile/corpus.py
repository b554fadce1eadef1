"""Strings that a user or a repository could bring, each of which some tool of this kind fell for.

`canary` is a program on the PATH of these tests that writes down that it ran (`tests.devdeck.hostile.recorder`): whoever
runs a part of a string as a command is caught, wherever that happens.
"""

from __future__ import annotations

from hypothesis import strategies as st

OPTIONS = (
    "-", "--", "-h", "--help", "-x", "-oProxyCommand=canary", "--upload-pack=canary", "--upload-pack=touch X",
    "--exec=canary", "--output=left-behind", "--template=/etc", "--end-of-options", "-c", "-cevil.x=1", "--git-dir=/",
    "--force", "--all", "--json", "-t", "-d;canary", "+x",
)  # fmt: skip
"""What would be an option, or a switch to another meaning."""

SHELL = (
    "$(canary)", "`canary`", ";canary", ";canary;", "x;canary;", "|canary", "&canary&", "a&&canary", ">left-behind",
    "$(canary${IFS}x)", "${IFS}canary", "x';canary;'", 'x";canary;"', "x\\", "\\$(canary)", "!canary", "!!", "~", "~root",
    "$HOME", "%00", "{a,b}", "<(canary)", "x$(canary)y", "a'b\"c", "()", "x=1", "%PATH%", "^canary", "#canary", "x #y",
)  # fmt: skip
"""What a shell would act on."""

FORMATS = (
    "#{pane_id}", "#(canary)", "#{l:x}", "##{x}", "#[fg=red]x", "#S", "#{?1,#(canary),}", "#{E:x}", "%H", "%n", "%%",
    "%(refname)", "%x00", "%1$s", "{0}", "{x.__class__}", "{{x}}", "${x}", "%s%s%s", "%d",
)  # fmt: skip
"""What tmux, strftime, git or Python would expand."""

REVISIONS = (
    "@{-1}", "@", "@{u}", "HEAD", "FETCH_HEAD", "refs/heads/main", "refs/x", ":/x", ":0:a.py", "^main", "main..main",
    "main^{tree}", "x~1", "x^", "x@{1}", "all", "ALL", "x.lock", ".x", "x/.y", "x//y", "/x", "x/", "x.", "x..y", "a:b",
    "main:README.md", "1", "0" * 40, "deadbeef", "origin/main", "x?y", "x*y", "x[a]", "[a]", "*", "**", "?",
    ":(top)x", ":!x", ":^x", "main", "stash@{0}", "-1", "#7", "pr/0", "!", "refs", "heads/main",
)  # fmt: skip
"""What git would take for something else than a name."""

PATHS = (
    "..", ".", "../x", "../../left-behind", "x/../../left-behind", "/", "/etc/passwd", "/tmp/../etc", "~/x", "~root/x",
    ".git", ".git/config", "x/.git/hooks/post-checkout", ".GIT/x", "a/b/c", "//x", "./x", "x/./y", "C:\\x", "\\\\host\\x",
    "file:///etc/passwd", "con", "nul", ".ssh/authorized_keys", "/proc/self/environ", "/dev/stdin", "%2e%2e%2fx",
)  # fmt: skip
"""What would leave the place where it belongs."""

MARKUP = (
    "[@click=app.quit]x[/]", "[@click='app.bell()']x[/]", "[/oops]", "[red]x[/red]", "[link=file:///x]y[/link]", "\\[x]",
    "[", "]", "[]", "[/]", "<b>x</b>", "<script>", "&amp;", "*x*", "__x__", "feat/[/x]",
)  # fmt: skip
"""What the dashboard's markup would act on."""

ESCAPES = (
    "\x1b[31mred", "\x1b[2J\x1b[H", "\x1b[8mhidden", "\x1b]0;STOLEN\x07", "\x1b]2;STOLEN\x1b\\", "\x1b]52;c;c3RvbGVu\x07",
    "\x1b]8;;http://x\x1b\\x\x1b]8;;\x1b\\", "\x1bPtmux;\x1b\x1b]0;x\x07\x1b\\", "\x1b[6n", "\x1b[21t", "\x1b[?1049l",
    "\x1bcx", "\x9b31mx", "\x9d0;x\x9c", "\x0e\x0f", "\x07\x08\x7f", "x\x1b", "\x1b", "\x1b[", "\x1b]0;x", "\x1b[1;31",
    "\x85x", "\x90x\x9c", "\x1bk x\x1b\\", "\x1b[5;5HSTOLEN",
)  # fmt: skip
"""What a terminal would act on."""

INVISIBLE = (
    " ", " x", "x ", "a b", "\t", "a\tb", "\n", "a\nb", "a\r\nb", "a\rb", "\x00", "a\x00b", "\x0b\x0c", "\x1c\x1d\x1e\x1f",
    "a\u3000b", "a\u00a0b", "\u200b", "a\u200bb", "\u200e", "a\u202eb", "\u202egnp.exe", "\u2066x\u2069", "\u061cx",
    "\ufeffx", "a\u00adb", "a\u2028b", "a\u2029b", "\u2060x", "\u180ex", "\U000e0041x", "\ufff9x", "\ufe0fx", "\u3164x",
    "\u115fx", "a\u2063b", "\ue000x", "\U0010ffff", "\u034fx",
)  # fmt: skip
"""What can't be seen, or makes a line look otherwise than it is."""

UNICODE = (
    "ünï", "日本語", "שלום", "مرحبا", "🙂", "👩\u200d💻", "e\u0301", "x" + "\u0301" * 40, "ﬁ", "Ａ", "ı", "ß", "\u212a",
    "\udcff", "a\udc80b", "\ud800", "\udfff", "\U0001f1e9\U0001f1ea", "ｅ", "ⅷ", "．．",
)  # fmt: skip
"""What is longer in bytes, wider in cells, or no text at all."""

LONG = ("x" * 121, "x" * 255, "x" * 5000, "ü" * 200, "a/" * 100 + "b", "-" * 300, "\n" * 300, "$(canary)" * 100)
"""What fits nowhere."""

EMPTY = ("", " ", "\u3000")

STRINGS = (
    *OPTIONS, *SHELL, *FORMATS, *REVISIONS, *PATHS, *MARKUP, *ESCAPES, *INVISIBLE, *UNICODE, *LONG, *EMPTY,
)  # fmt: skip
"""All of them."""

URLS = (
    "ext::sh -c canary", "ext::sh -c touch%20X", "ext::canary%20x", "fd::17", "file:///etc", "file://../../x",
    "--upload-pack=canary", "-oProxyCommand=canary", "ssh://-oProxyCommand=canary/ada/shop",
    "ssh://-oProxyCommand=canary@host/ada/shop.git", "git@-oProxyCommand=canary:ada/shop.git", "-oProxyCommand=canary:a/b",
    "ssh://host/--upload-pack=canary", "host:--upload-pack=canary", "git://-x:1/y", "https://-x/ada/shop/pull/1",
    "https://user:secret@github.com/ada/shop/pull/7", "https://github.com/ada/shop/pull/7;canary",
    "https://github.com/ada/shop/pull/-7", "https://github.com/ada/shop/tree/--upload-pack=canary",
    "https://github.com/ada/shop/tree/$(canary)", "https://github.com/--upload-pack=canary/shop/pull/7",
    "https://github.com/../../pull/7", "https://github.com/ada/shop/tree/..%2f..%2fx", "https://github.com/a%00b/c/pull/1",
    "https://github.com/a%0ab/c/pull/1", "https://[::1/pull/1", "https://host:99999/a/b/pull/1", "http://\u202e.com/a/b/pull/1",
    "javascript:canary", "data:x", "://", "https://", "https:///pull/7", "https://x/pull/99999999999999999999999",
    "http://127.0.0.1:1/ada/shop/pull/7", "git+ssh://-x/a/b", "::", "a::b", "transport::canary", "canary://x/y",
    "github.com/ada/shop/pull/7\n--upload-pack=canary", "gh:ada/shop", "ada:--upload-pack=canary", "--x:main", "a/../b:main",
    "ada:$(canary)", "ada:@{-1}", "ada:..", "..:x", "-:x", "a:b:c", "ada:refs/heads/x", "origin/--upload-pack=canary",
    "origin/$(canary)", "origin/..", "origin/", "/origin", "origin//x", "origin/HEAD", "pr/-1", "pr/7;canary", "pr/\u0667",
    "#\u0667", "#$(canary)", "mr/../x", "\uff03" + "7",
)  # fmt: skip
"""What could be given as the target of a checkout, or as the URL of a remote."""


def git_takes(name: str) -> bool:
    """Whether a string can be the name of a branch for git itself (git-check-ref-format(1))."""
    parts = name.split("/")
    return (
        bool(name)
        and name != "@"
        and not any(sign in name for sign in ("..", "@{", "\\", " ", "~", "^", ":", "?", "*", "[", "//"))
        and not any(ord(character) < 32 or ord(character) == 127 for character in name)
        and not any(0xD800 <= ord(character) < 0xDC80 or 0xDD00 <= ord(character) < 0xE000 for character in name)
        and all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
        and all(len(part.encode("utf-8", "surrogateescape")) < 200 for part in parts)
        and len(name) < 1000
        and not name.endswith(".")
    )


def file_takes(name: str) -> bool:
    """Whether a string can be the name of a file or folder here."""
    try:
        data = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return bool(name) and name not in (".", "..", ".git") and not {"/", "\0"} & set(name) and len(data) < 256


BRANCHES = tuple(dict.fromkeys(name for name in STRINGS if git_takes(name)))
"""Names that a branch, tag or remote branch can have, made by plumbing where `git branch` refuses."""

NAMES = tuple(dict.fromkeys(name for name in STRINGS if file_takes(name)))
"""Names that a file or folder can have."""

_PIECES = st.sampled_from((*OPTIONS, *SHELL, *FORMATS, *REVISIONS, *PATHS, *MARKUP, *ESCAPES, *INVISIBLE, *UNICODE))


def hostile() -> st.SearchStrategy[str]:
    """Pieces of the corpus put together, with any text between them."""
    return st.lists(st.one_of(_PIECES, st.text(max_size=5)), min_size=1, max_size=4).map("".join)
