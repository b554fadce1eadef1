from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.labels import MAX_BYTES, folder_name, why_not_label


@pytest.mark.parametrize("label", ["a", "fix-login", "feat/cart", "v1.2", "ünïcode", "修正", "a_b", "x+y", "#12"])
def test_usable(label: str) -> None:
    assert why_not_label(label) == ""


@pytest.mark.parametrize(
    "label",
    [
        "", "all", "ALL", "-", "@", "HEAD", "-x", "--upload-pack=touch x", "a b", "a\tb", "a\nb", "a\x00b", "a\x1b[31m",
        "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.",
        "a@{b", "\u3000", "a\u3000b", "a\u202eb", "a\u200bb", "a\ufeff", "x" * (MAX_BYTES + 1), "é" * MAX_BYTES, "\ud800",
    ],
)  # fmt: skip
def test_refused_with_a_reason(label: str) -> None:
    assert why_not_label(label)


@settings(max_examples=120, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=20) | st.from_regex(r"[a./@{~:\-]{1,8}"))
def test_what_is_accepted_is_a_branch_name_to_git(label: str) -> None:
    if why_not_label(label) == "":
        checked = subprocess.run(["git", "check-ref-format", "--branch", label], capture_output=True, timeout=20)
        assert checked.returncode == 0, label


def test_folders_never_nest() -> None:
    assert folder_name("feat/cart/total") == "feat-cart-total"
