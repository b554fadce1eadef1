from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError
from devdeck.model import Fact
from tests.support import auntil
from tests.tui.widgets_support import (
    HOSTILE,
    NOW,
    MiniDeck,
    WidgetApp,
    assert_safe,
    git,
    seen,
    state,
    strips,
    text_of,
)
from tui.widgets import diff
from tui.widgets.git_tab import GitTab, path_rows
from tui.widgets.spans import Tone, plain

DIFF = """diff --git a/shop/cart.py b/shop/cart.py
index 1111111..2222222 100644
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -10,4 +10,5 @@ class Cart:
     def total(self):
-        return sum(self.lines)
+        # never below zero
+        return max(0, sum(self.lines))
     x = 1
     def clear(self):
diff --git a/old name.txt b/new name.txt
similarity index 90%
rename from old name.txt
rename to new name.txt
--- a/old name.txt
+++ b/new name.txt
@@ -1 +1 @@
--- looks like a header
+++ so does this
\\ No newline at end of file
"""


def test_parse_numbers_lines_and_counts() -> None:
    it = diff.parse(DIFF)
    assert [(file.path, file.added, file.removed) for file in it.files] == [
        ("shop/cart.py", 2, 1),
        ("new name.txt", 1, 1),
    ]
    changed = [(row.kind, row.number, row.text) for row in it.rows if row.kind in ("added", "removed")]
    assert changed == [
        ("removed", 11, "        return sum(self.lines)"),
        ("added", 11, "        # never below zero"),
        ("added", 12, "        return max(0, sum(self.lines))"),
        ("removed", 1, "-- looks like a header"),
        ("added", 1, "++ so does this"),
    ]
    assert it.rows[-1] == diff.DiffRow(diff.Kind.NOTE, "No newline at end of file", None, 1)


def test_parse_reads_combined_diffs_of_a_merge() -> None:
    text = "diff --cc a.py\nindex 1,2..0\n--- a/a.py\n+++ b/a.py\n@@@ -1,1 -1,1 +1,3 @@@\n++<<<<<<< ours\n +x = 1\n+ x = 2\n"
    it = diff.parse(text)
    assert it.files[0].path == "a.py"
    assert [row.text for row in it.rows if row.kind == "added"] == ["<<<<<<< ours", "x = 1", "x = 2"]


def test_parse_undoes_quotes_of_paths() -> None:
    it = diff.parse('diff --git "a/\\303\\244.py" "b/\\303\\244.py"\nnew file mode 100644\nBinary files differ\n')
    assert it.files[0].path == "ä.py"


def test_colours_follow_the_language_and_both_sides() -> None:
    it = diff.parse(DIFF)
    coloured = diff.colour(it)
    removed = next(i for i, row in enumerate(it.rows) if row.kind == "removed")
    assert (" return", Tone.KEYWORD) in {(" " + span.text, span.tone) for span in coloured[removed]}
    comment = next(i for i, row in enumerate(it.rows) if "never" in row.text)
    assert coloured[comment][-1].tone is Tone.COMMENT


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=st.sampled_from('+-@ \\ad\n0123,\x1b"x'), max_size=200), name=st.text(max_size=8))
def test_parse_and_colour_never_fail(text: str, name: str) -> None:
    it = diff.parse(f"diff --git a/{name}.py b/{name}.py\n@@ -1,3 +1,3 @@\n{text}")
    coloured = diff.colour(it)
    for index in range(len(it.rows)):
        assert "\x1b" not in plain(diff.row_line(it, index, 80, coloured))


def test_a_huge_diff_is_cut_and_says_so() -> None:
    it = diff.parse("diff --git a/x b/x\n@@ -0,0 +1,99999 @@\n" + "+x\n" * 30_000)
    assert len(it.rows) == diff.MAX_ROWS + 1
    assert it.rows[-1].text == "… 10002 more lines are not shown"


def test_paths_by_kind() -> None:
    rows = path_rows(((" M", "a"), ("M ", "b"), ("MM", "c"), ("??", "d"), ("UU", "e"), ("R ", "f")))
    assert [(row.kind, row.path, row.word) for row in rows] == [
        ("conflicts", "", "1"), ("conflicts", "e", "unmerged"),
        ("staged", "", "3"), ("staged", "b", "modified"), ("staged", "c", "modified"), ("staged", "f", "renamed"),
        ("changed", "", "2"), ("changed", "a", "modified"), ("changed", "c", "modified"),
        ("untracked", "", "1"), ("untracked", "d", "new"),
    ]  # fmt: skip


def deck(text: str = DIFF) -> MiniDeck:
    it = MiniDeck()
    it.diff_answer = text
    it.status_answer = ((" M", "shop/cart.py"), ("R ", "new name.txt"), ("??", "notes.txt"))
    return it


async def test_paths_and_diff_are_shown_with_colours() -> None:
    it, tab = deck(), GitTab()
    async with WidgetApp(tab).run_test(size=(100, 40)):
        tab.set_shown(True)
        tab.update_session(it.live, state(git=git("feature/x", unstaged=1)))
        await auntil(lambda: tab.view.coloured and "feature/x" in text_of(tab))
        text = text_of(tab)
        for words in ("feature/x", "~1 changed", "modified  shop/cart.py", "?1 untracked", "new       notes.txt",
                      "shop/cart.py  +2  -1", "@@ -10,4 +10,5 @@ class Cart:", "11 -         return sum(self.lines)",
                      "12 +         return max(0, sum(self.lines))"):  # fmt: skip
            assert words in text, words
        row = next(strip for strip in strips(tab.view) if "return max" in strip.text)
        keyword = next(segment for segment in row if segment.text == "return")
        sign = next(segment for segment in row if segment.text == " + ")
        assert keyword.style is not None
        assert sign.style is not None
        assert keyword.style.color != sign.style.color
        assert keyword.style.bgcolor == sign.style.bgcolor


async def test_next_and_previous_file_scroll_the_diff() -> None:
    body = "".join(
        f"diff --git a/f{i}.py b/f{i}.py\n@@ -0,0 +1,40 @@\n" + "+x = 1\n" * 40 for i in range(3)
    )  # fmt: skip
    it, tab = deck(body), GitTab()
    it.status_answer = tuple((" M", f"f{i}.py") for i in range(3))
    async with WidgetApp(tab).run_test(size=(100, 30)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: tab.view.diff.rows)
        tab.view.focus()
        await pilot.press("n")
        await auntil(lambda: "f1.py" in strips(tab.view)[0].text)
        await pilot.press("j")
        assert "f1.py" not in strips(tab.view)[0].text
        await pilot.press("n", "p")
        await auntil(lambda: "f1.py" in strips(tab.view)[0].text)
        await pilot.click(tab.paths, offset=(12, 1))
        await auntil(lambda: "f0.py" in strips(tab.view)[0].text)


async def test_a_new_look_of_the_collector_refreshes_and_keeps_the_place() -> None:
    it, tab = deck(), GitTab()
    async with WidgetApp(tab).run_test(size=(60, 16)):
        tab.set_shown(True)
        tab.update_session(it.live, state(git=seen(git().value)))
        await auntil(lambda: tab.view.scroll_offset.y > 4)
        tab.view.scroll_to(y=4, animate=False)
        it.diff_answer = DIFF.replace("never below zero", "at least nothing")
        tab.update_session(it.live, state(git=seen(git().value, at=NOW + 1)))
        await auntil(lambda: any("at least nothing" in row.text for row in tab.view.diff.rows))
        assert tab.view.scroll_offset.y == 4
        assert it.asked.count("diff") == 2


async def test_clean_loading_untracked_and_error_states() -> None:
    it, tab = deck(""), GitTab()
    it.status_answer = ()
    async with WidgetApp(tab).run_test(size=(100, 30)):
        tab.set_shown(True)
        tab.update_session(it.live, state("a"))
        assert "… reading git" in text_of(tab)
        await auntil(lambda: "✓ Clean" in text_of(tab))
        it.status_answer = (("??", "new.txt"),)
        tab.update_session(it.live, state("b"))
        await auntil(lambda: "No diff against HEAD" in text_of(tab))
        it.error = DeckError("git diff failed in /trees/c", "Look at the log.")
        tab.update_session(it.live, state("c", git=Fact(error="git timed out")))
        await auntil(lambda: "✗ git diff failed in /trees/c" in text_of(tab))
        assert "Look at the log." in text_of(tab)
        assert "✗ git timed out" in text_of(tab)
        tab.update_session(it.live, None)
        await auntil(lambda: "No session selected" in text_of(tab))


async def test_hidden_it_asks_nothing() -> None:
    it, tab = deck(), GitTab()
    async with WidgetApp(tab).run_test(size=(100, 30)) as pilot:
        tab.update_session(it.live, state())
        await pilot.pause()
        assert it.asked == []


@pytest.mark.parametrize("size", [(60, 24), (140, 40)])
async def test_hostile_paths_and_lines(size: tuple[int, int]) -> None:
    lines = [text.replace("\n", " ") for text in HOSTILE]
    body = "".join(f"diff --git a/{text} b/{text}\n@@ -1,1 +1,2 @@ {text}\n {text}\n+{text}\n" for text in lines)
    it, tab = deck(body), GitTab()
    it.status_answer = tuple((" M", text) for text in HOSTILE)
    app = WidgetApp(tab)
    async with app.run_test(size=size) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state(git=git(HOSTILE[1], operation=HOSTILE[3])))
        await auntil(lambda: tab.view.coloured)
        for y in range(3, size[1], 4):
            await pilot.click(tab, offset=(20, y))
            await pilot.pause()
            assert_safe(tab)
        tab.view.action_scroll_sideways(8)
        await pilot.pause()
        assert_safe(tab)
        assert not app.belled
