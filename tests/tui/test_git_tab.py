from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError
from devdeck.model import DiffPart, Fact
from tests.tui.rest import auntil
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


def test_diffs_are_joined_with_what_they_are_and_what_is_left_out() -> None:
    one, two = diff.parse(DIFF), diff.parse("diff --git a/x b/x\nBinary files a/x and b/x differ\n")
    it = diff.joined((("staged", one, ""), ("not staged", two, "cut after 2 MB")))
    assert [(file.part, file.path) for file in it.files] == [
        ("staged", "shop/cart.py"), ("staged", "new name.txt"), ("not staged", "x"),
    ]  # fmt: skip
    assert [it.rows[file.row].text for file in it.files] == ["shop/cart.py", "new name.txt", "x"]
    assert [row.text for row in it.rows[-2:]] == ["binary: there are no lines to show", "… cut after 2 MB"]
    assert all(it.files[row.file].row <= index for index, row in enumerate(it.rows))
    assert "staged  shop/cart.py  +2  -1" in plain(diff.row_line(it, 0, 80, {}))


def changed(path: str, kind: str = "changed", body: str = "-old\n+new\n") -> DiffPart:
    added, removed = body.count("\n+") + body.startswith("+"), body.count("\n-") + body.startswith("-")
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{removed} +1,{added} @@\n"
    return DiffPart(kind=kind, text=head + body)


def deck() -> MiniDeck:
    it = MiniDeck()
    it.diff_answer = {
        "shop/cart.py": (
            changed("shop/cart.py", "staged", "+import this\n"),
            changed("shop/cart.py", body="-        return sum(self.lines)\n+        return max(0, sum(self.lines))\n"),
        ),
        "notes.txt": (changed("notes.txt", "untracked", "+first\n+last\n"),),
    }
    it.status_answer = (("MM", "shop/cart.py"), ("??", "notes.txt"))
    return it


async def test_the_diff_is_of_the_path_under_the_cursor_its_parts_apart() -> None:
    it, tab = deck(), GitTab()
    async with WidgetApp(tab).run_test(size=(100, 40)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state(git=git("feature/x", unstaged=1)))
        await auntil(lambda: tab.view.coloured and "feature/x" in text_of(tab))
        text = text_of(tab)
        for words in ("feature/x", "~1 changed", "modified  shop/cart.py", "?1 untracked", "new       notes.txt",
                      "1 +         return max(0, sum(self.lines))"):  # fmt: skip
            assert words in text, words
        shown = [strip.text.strip() for strip in strips(tab.view)]
        assert shown.index("staged  shop/cart.py  +1") < shown.index("not staged  shop/cart.py  +1  -1")
        assert "notes.txt" not in "".join(shown)
        row = next(strip for strip in strips(tab.view) if "return max" in strip.text)
        keyword = next(segment for segment in row if segment.text == "return")
        sign = next(segment for segment in row if segment.text == " + ")
        assert keyword.style is not None
        assert sign.style is not None
        assert keyword.style.color != sign.style.color
        assert keyword.style.bgcolor == sign.style.bgcolor
        tab.paths.focus()
        await pilot.press("j")  # the same path, as it is changed
        await auntil(lambda: strips(tab.view)[0].text.startswith(" not staged  shop/cart.py"))
        await pilot.press("j")
        await auntil(lambda: "new  notes.txt  +2" in strips(tab.view)[0].text)
        assert "last" in text_of(tab.view)


async def test_lines_longer_than_the_view_say_so_until_they_are_scrolled_to_their_end() -> None:
    it, tab = MiniDeck(), GitTab()
    it.status_answer = ((" M", "a.py"),)
    it.diff_answer = {"a.py": (changed("a.py", body=f"+{'x' * 100}y\n+漢字{'字' * 60}\n"),)}
    async with WidgetApp(tab).run_test(size=(60, 24)):
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: tab.view.diff.rows)
        assert [strip.text[-1] for strip in strips(tab.view)[2:4]] == ["…", "…"]
        assert {strip.cell_length for strip in strips(tab.view)} == {60}
        tab.view.scroll_to(x=tab.view.max_scroll_x, animate=False)
        await auntil(lambda: strips(tab.view)[2].text.rstrip().endswith("y"))


async def test_next_and_previous_file_from_the_diff_and_a_click() -> None:
    it, tab = MiniDeck(), GitTab()
    it.status_answer = tuple((" M", f"f{i}.py") for i in range(3))
    it.diff_answer = {f"f{i}.py": (changed(f"f{i}.py", body="+x = 1\n" * 90),) for i in range(3)}
    async with WidgetApp(tab).run_test(size=(100, 30)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: tab.view.diff.rows)
        tab.view.focus()
        await pilot.press("n")
        await auntil(lambda: "f1.py" in strips(tab.view)[0].text)
        await pilot.press("j")
        assert "f1.py" not in strips(tab.view)[0].text
        await pilot.press("n")
        await auntil(lambda: "f2.py" in strips(tab.view)[0].text)
        await pilot.press("p")
        await auntil(lambda: "f1.py" in strips(tab.view)[0].text)
        await pilot.click(tab.paths, offset=(12, 1))
        await auntil(lambda: "f0.py" in strips(tab.view)[0].text)


async def test_while_a_diff_is_read_the_one_before_stays_and_only_the_last_one_asked_for_counts() -> None:
    it, tab = MiniDeck(), GitTab()
    it.status_answer = tuple((" M", f"f{i}.py") for i in range(9))
    it.diff_answer = {f"f{i}.py": (changed(f"f{i}.py"),) for i in range(9)}
    slow = asyncio.Event()
    given_up: list[str] = []

    async def gate(path: str) -> None:
        try:
            if path == "f7.py":
                await slow.wait()
        except asyncio.CancelledError:
            given_up.append(path)
            raise

    it.gate = gate
    async with WidgetApp(tab).run_test(size=(100, 30)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: "f0.py" in strips(tab.view)[0].text)
        tab.paths.focus()
        for row in range(2, 9):
            tab.paths.cursor = row
        await pilot.pause()
        assert "f0.py" in strips(tab.view)[0].text
        await auntil(lambda: "diff f7.py" in it.asked)
        assert it.asked == ["status", "diff f0.py", "diff f7.py"]
        await auntil(lambda: "reading f7.py" in text_of(tab.view))
        await pilot.press("j")
        await auntil(lambda: "f8.py" in strips(tab.view)[0].text)
        assert given_up == ["f7.py"]
        await pilot.press("k")
        await auntil(lambda: it.asked.count("diff f7.py") == 2)
        tab.set_shown(False)
        await auntil(lambda: given_up == ["f7.py", "f7.py"])


async def test_a_new_look_of_the_collector_refreshes_and_keeps_the_place() -> None:
    it, tab = MiniDeck(), GitTab()
    it.status_answer = ((" M", "a.py"), (" M", "b.py"))
    it.diff_answer = {path: (changed(path, body="+x = 1\n" * 50),) for path in ("a.py", "b.py")}
    async with WidgetApp(tab).run_test(size=(60, 24)):
        tab.set_shown(True)
        tab.update_session(it.live, state(git=seen(git().value)))
        await auntil(lambda: tab.view.diff.rows)
        tab.paths.cursor = 2
        await auntil(lambda: "b.py" in strips(tab.view)[0].text)
        tab.view.scroll_to(y=4, animate=False)
        await auntil(lambda: tab.view.scroll_offset.y == 4)
        it.diff_answer["b.py"] = (changed("b.py", body="+x = 1\n" * 49 + "+at_least = 1\n"),)
        it.status_answer = (("??", "0.py"), *it.status_answer)
        tab.update_session(it.live, state(git=seen(git().value, at=NOW + 1)))
        await auntil(lambda: any("at_least" in row.text for row in tab.view.diff.rows))
        assert tab.view.scroll_offset.y == 4
        assert tab.paths.current is not None
        assert tab.paths.current.path == "b.py"
        it.status_answer = ((" M", "a.py"),)
        tab.update_session(it.live, state(git=seen(git().value, at=NOW + 2)))
        await auntil(lambda: tab.view.diff.files and tab.view.diff.files[0].path == "a.py")
        assert tab.view.scroll_offset.y == 0


async def test_clean_loading_untracked_and_error_states() -> None:
    it, tab = MiniDeck(), GitTab()
    async with WidgetApp(tab).run_test(size=(100, 30)):
        tab.set_shown(True)
        tab.update_session(it.live, state("a"))
        assert "… reading git" in text_of(tab)
        await auntil(lambda: "✓ Clean" in text_of(tab))
        it.status_answer = (("??", "new.txt"),)
        tab.update_session(it.live, state("b"))
        await auntil(lambda: "Nothing differs here any more" in text_of(tab))
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
    it, tab = deck(), GitTab()
    it.status_answer = tuple((" M", text) for text in HOSTILE)
    for text in HOSTILE:
        name = text.replace("\n", " ")
        body = f"diff --git a/{name} b/{name}\n@@ -1,1 +1,2 @@ {name}\n {name}\n+{name}\n"
        it.diff_answer[text] = (DiffPart(kind="changed", text=body, note=text),)
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
