"""The command line called in this process, and what must be so of all that it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from devdeck.cli.main import _run

CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""What a terminal acts on, and what makes a line look otherwise than it is; line feeds are no part of it."""


class Cli:
    """Calls verbs. Every call is held to the contract: status, silence, JSON, no traceback."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self._capsys.readouterr()
        status = _run(list(arguments))
        out, err = self._capsys.readouterr()
        shown = repr(arguments)
        assert status in (0, 1, 2, 3, 4, 5, 130), shown
        assert "Traceback" not in out + err, shown
        for text in (out, err):
            assert not CONTROLS.search(text), (shown, CONTROLS.findall(text), text)
        if status:
            assert err or out, shown
        return status, out, err

    def json(self, *arguments: str, json_before: Sequence[str] = ()) -> tuple[int, Any]:
        """Exit status, and the document that was printed, or the error."""
        status, out, err = self(*arguments, "--json", *json_before)
        if out:
            return status, json.loads(out)
        error = json.loads(err)["error"]
        assert set(error) == {"code", "message", "hint"}, arguments
        assert error["message"], arguments
        assert status, arguments
        return status, error
