from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devdeck.records import cell, decode, encode, portable, text_of

ANY_TEXT = st.text(st.characters() | st.characters(categories=["Cs"]))


class Named(msgspec.Struct, frozen=True):
    name: str
    content: bytes = b""
    inner: tuple[str, ...] = ()


@given(ANY_TEXT, st.binary(max_size=4), ANY_TEXT)
def test_texts_come_back_exactly(name: str, content: bytes, inner: str) -> None:
    record = Named(name, content, (inner, "\udcff"))
    assert decode(encode(record), Named) == record
    assert text_of(cell(name)) == name
    portable(name).encode()


def test_what_is_no_record_is_told() -> None:
    for data in (b"", b"{", b'{"name": "\\ud800"', b'{"name": "\\udcff"} x'):
        with pytest.raises(msgspec.DecodeError):
            decode(data, Named)
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"name": 1}', Named)
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"name": 1, "content": "\\udcff"}', Named)
