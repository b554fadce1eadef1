"""What a target of `checkout` is, by its text alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import UsageError
from devdeck.start.targets import Branch, BranchAt, Fork, Request, parse, slug


@pytest.mark.parametrize(
    ("text", "number", "merge", "maybe"),
    [
        ("pr/7", 7, None, False),
        ("PR/7", 7, None, False),
        ("pr/007", 7, None, False),
        ("#7", 7, None, False),
        ("mr/7", 7, True, False),
        ("MR/12", 12, True, False),
        ("!7", 7, True, False),
        ("7", 7, None, True),
    ],
)
def test_requests_by_number(text: str, number: int, merge: bool | None, maybe: bool) -> None:
    """C21."""
    assert parse(text) == Request(number=number, merge=merge, branch=text if maybe else "")


@pytest.mark.parametrize(
    ("url", "place", "merge"),
    [
        ("https://github.com/ada/shop/pull/7", "github.com/ada/shop", False),
        ("https://github.com/ada/shop/pull/7/files?w=1#diff-2", "github.com/ada/shop", False),
        ("HTTPS://GitHub.com/Ada/Shop/pull/7/", "github.com/Ada/Shop", False),
        ("https://www.github.com/ada/shop/pull/7", "github.com/ada/shop", False),
        ("https://git.example.org:8443/ada/shop/pull/7", "git.example.org:8443/ada/shop", False),
        ("https://gitlab.com/group/sub/deep/shop/-/merge_requests/7", "gitlab.com/group/sub/deep/shop", True),
        ("https://gitlab.com/ada/shop/-/merge_requests/7/diffs?commit_id=1", "gitlab.com/ada/shop", True),
        ("https://gitlab.example.org/ada/shop/merge_requests/7", "gitlab.example.org/ada/shop", True),
        ("https://codeberg.org/ada/shop/pulls/7", "codeberg.org/ada/shop", False),
        ("http://localhost:3000/ada/shop/pulls/7/files", "localhost:3000/ada/shop", False),
    ],
)
def test_requests_by_url(url: str, place: str, merge: bool) -> None:
    """C21."""
    found = parse(url)
    assert isinstance(found, Request)
    assert (found.number, str(found.place), found.merge, found.branch) == (7, place, merge, "")


def test_a_url_may_come_without_its_scheme() -> None:
    found = parse("github.com/ada/shop/pull/7")
    assert isinstance(found, Request)
    assert str(found.place) == "github.com/ada/shop"
    assert found.branch == "github.com/ada/shop/pull/7"


@pytest.mark.parametrize(
    ("url", "branch"),
    [
        ("https://github.com/ada/shop/tree/feature/x", "feature/x"),
        ("https://gitlab.com/group/shop/-/tree/fix?ref_type=heads", "fix"),
        ("https://codeberg.org/ada/shop/src/branch/fix", "fix"),
    ],
)
def test_branches_by_url(url: str, branch: str) -> None:
    found = parse(url)
    assert isinstance(found, BranchAt)
    assert found.branch == branch


@pytest.mark.parametrize(
    "name", ["x", "team/x", "origin/x", "fix-github.com-x", "pr/fix", "pull/7", "#fix", "7up", "github.com/x", "ünï"]
)
def test_anything_else_is_a_branch(name: str) -> None:
    """C21: `fix-github.com-x` is a branch."""
    assert parse(name) == Branch(name=name)


def test_a_branch_of_a_fork() -> None:
    assert parse("bob:fix/login") == Fork(owner="bob", branch="fix/login")
    assert parse("group/sub:fix") == Fork(owner="group/sub", branch="fix")


@pytest.mark.parametrize(
    "text",
    ["", "-x", "--upload-pack=touch x", "a b", "a\nb", "a\0b", "x\x1b[2J", "a\u3000b", "a\u202eb", "\ud800", "x" * 2001,
     "pr/0", "#0", "0", "pr/99999999999", "9" * 5000, "https://github.com/ada/shop", "https://github.com/ada/shop/issues/7",
     "https://[bad/ada/shop/pull/7", "ext::sh -c x", "file:///srv/x/pull/7", "https://github.com/ada/sh%0aop/pull/7",
     "https://github.com/pull/7"],
)  # fmt: skip
def test_what_can_t_be_checked_out(text: str) -> None:
    """C36."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "\n" not in caught.value.message
    assert caught.value.hint


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"(https?://|git@)?[a-z./:#!%-]{0,30}[0-9]{0,4}", fullmatch=True))
def test_any_text_is_told_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except UsageError:
        return
    assert not text.startswith("-")
    if isinstance(found, Request):
        assert found.number > 0
        assert all(ref.startswith("refs/") for ref in found.refs)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("feature/Login_Form", "feature-login-form"),
        ("x", "x"),
        ("--a//b--", "a-b"),
        ("日本", "session"),
        ("v1.0", "v10"),
    ],
)
def test_labels_are_made_as_par_makes_them(name: str, label: str) -> None:
    """C21."""
    assert slug(name) == label
