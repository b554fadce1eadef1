"""Which remote a URL means."""

from __future__ import annotations

from pathlib import Path

import pytest

from devdeck.git.forge import Remote, fork_url, meant_by, owned_by, parse_place, ssh_host, without_secret

SHOP = parse_place("https://github.com/ada/shop")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/ada/shop.git",
        "https://github.com/ada/shop/",
        "https://github.com:443/ada/shop",
        "https://token@github.com/ada/shop.git",
        "https://GitHub.COM/Ada/Shop.git",
        "git@github.com:ada/shop.git",
        "github.com:ada/shop",
        "git@github.com:/ada/shop.git",
        "ssh://git@github.com/ada/shop.git",
        "ssh://git@ssh.github.com:443/ada/shop.git",
        "git://github.com/ada/shop.git",
    ],
)
def test_ways_to_write_one_repository(url: str) -> None:
    place = parse_place(url)
    assert place is not None
    assert SHOP is not None
    assert place.same(SHOP)
    assert SHOP.same(place)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/ada/shop2",
        "https://github.com/eve/shop",
        "https://github.com.evil.org/ada/shop",
        "https://github.com:8443/ada/shop",
        "https://evil.org/github.com/ada/shop",
        "git@evil.org:github.com/ada/shop",
        "https://github.com@evil.org/ada/shop",
    ],
)
def test_other_repositories(url: str) -> None:
    """C22."""
    place = parse_place(url)
    assert place is not None
    assert SHOP is not None
    assert not place.same(SHOP)


@pytest.mark.parametrize(
    "url", ["/srv/git/shop.git", "../shop", "file:///srv/shop.git", "ext::sh -c x", "shop", "https://", ""]
)
def test_what_is_on_no_host(url: str) -> None:
    assert parse_place(url) is None


def test_ports_of_ssh_and_web_differ_on_one_machine() -> None:
    web, ssh = parse_place("http://git.local:3000/ada/shop"), parse_place("ssh://git@git.local:2222/ada/shop.git")
    assert web is not None
    assert ssh is not None
    assert web.same(ssh)


@pytest.mark.parametrize(
    ("url", "fork"),
    [
        ("git@github.com:ada/shop.git", "git@github.com:bob/shop.git"),
        ("https://github.com/ada/shop", "https://github.com/bob/shop"),
        ("ssh://git@git.local:2222/ada/shop.git", "ssh://git@git.local:2222/bob/shop.git"),
        ("https://gitlab.com/group/sub/shop.git", "https://gitlab.com/bob/shop.git"),
        ("https://ada@github.com/ada/shop.git/", "https://ada@github.com/bob/shop.git"),
        ("/srv/git/ada/shop.git", None),
        ("git@github.com:shop.git", None),
    ],
)
def test_where_a_fork_is(url: str, fork: str | None) -> None:
    """C21."""
    assert fork_url(url, "bob") == fork


def test_the_remote_that_is_meant() -> None:
    """C22."""
    origin = Remote(name="origin", urls=("git@github.com:bob/shop.git",))
    upstream = Remote(name="upstream", urls=("/mirror/shop.git", "https://github.com/ada/shop.git"))
    assert SHOP is not None
    assert meant_by(SHOP, (origin, upstream)) == upstream
    assert meant_by(SHOP, (origin,)) is None
    assert owned_by("ADA", origin, (origin, upstream)) == upstream
    assert owned_by("eve", origin, (origin, upstream)) is None


def test_secrets_are_not_shown() -> None:
    assert without_secret("https://ada:hunter2@github.com/ada/shop") == "https://github.com/ada/shop"
    assert without_secret("ssh://git:hunter2@host/x") == "ssh://git@host/x"
    assert without_secret("git@github.com:ada/shop") == "git@github.com:ada/shop"


def test_hosts_that_only_ssh_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "ssh"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\n[ "$1" = -G ] && echo user git && echo hostname GitHub.com\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    assert ssh_host("work") == "github.com"
    assert ssh_host("-oProxyCommand=touch x") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ssh_host("work") is None
