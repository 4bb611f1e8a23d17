"""A JSON array in pieces becomes all of its elements, or an error."""

import json
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Unreadable
from salesmanago_async.exports import records
from salesmanago_async.exports.records import ArrayReader
from tests.conftest import examples

BOM = b"\xef\xbb\xbf"

TREACHEROUS = [
    "},{",
    "}},{",
    "],[",
    '","',
    '\\","',
    "[",
    "]",
    "{",
    "}",
    '"',
    "\\",
    ",",
    ", ",
    " ",
    "\n",
    "ł",
    "\u2028",
    "\0",
]
TEXTS = st.lists(st.sampled_from(TREACHEROUS) | st.text(max_size=3), max_size=5).map("".join)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
SPACES = st.text(" \t\r\n", max_size=3)


def read(pieces: Iterable[bytes], *, batch_bytes: int = 1) -> list[Any]:
    """Read a whole document; records before an error are lost."""
    return list(read_until_error(pieces, batch_bytes=batch_bytes))


def read_until_error(pieces: Iterable[bytes], *, batch_bytes: int = 1) -> Iterator[Any]:
    reader = ArrayReader(batch_bytes=batch_bytes)
    for piece in pieces:
        yield from reader.feed(piece)
    yield from reader.close()


def bytewise(document: bytes) -> list[bytes]:
    return [document[at : at + 1] for at in range(len(document))]


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """An array of anything, with each element compact, spaced or indented differently."""
    choices: list[dict[str, Any]] = [{"separators": (",", ":")}, {}, {"indent": 1}, {"ensure_ascii": False}]
    styles = st.sampled_from(choices)
    records = st.dictionaries(TEXTS, VALUES, max_size=4) | st.lists(VALUES, max_size=4)
    elements = draw(st.lists(VALUES, max_size=12) | st.lists(records, max_size=12))
    same_style, same_gap = draw(st.none() | styles), draw(st.none() | st.tuples(SPACES, SPACES))
    text = draw(SPACES) + "[" + draw(SPACES)
    for number, element in enumerate(elements):
        before, after = same_gap or draw(st.tuples(SPACES, SPACES))
        style = same_style or draw(styles)
        text += (before + "," + after if number else "") + json.dumps(element, **style)
    return (text + draw(SPACES) + "]" + draw(SPACES)).encode()


@st.composite
def in_pieces(draw: st.DrawFn, document: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(document)), max_size=20)))
    return [document[start:end] for start, end in zip([0, *cuts], [*cuts, len(document)], strict=True)]


@settings(max_examples=examples(100), deadline=None)
@given(st.data(), st.integers(1, 64))
def test_any_array_in_any_pieces_is_read_as_json_reads_it(data: st.DataObject, batch_bytes: int) -> None:
    document = data.draw(documents())
    expected = json.loads(document)
    assert read(data.draw(in_pieces(document)), batch_bytes=batch_bytes) == expected
    assert read(bytewise(document), batch_bytes=batch_bytes) == expected


@settings(max_examples=examples(50), deadline=None)
@given(st.data(), st.integers(1, 64))
def test_any_array_without_its_end_is_an_error(data: st.DataObject, batch_bytes: int) -> None:
    document = data.draw(documents()).rstrip()
    cut = document[: data.draw(st.integers(0, len(document) - 1))]
    with pytest.raises(Unreadable):
        read(data.draw(in_pieces(cut)), batch_bytes=batch_bytes)


@pytest.mark.ci
@settings(max_examples=examples(200), deadline=None)
@given(st.data(), st.integers(1, 64))
def test_the_scanner_of_large_records_finds_what_json_has(data: st.DataObject, part_bytes: int) -> None:
    """Every record is treated as a large one here."""
    document = data.draw(documents())
    pieces = data.draw(in_pieces(document))
    with mock.patch.object(records, "_SCANNED_FROM", 1), mock.patch.object(records, "BATCH_BYTES", part_bytes):
        assert read(pieces) == json.loads(document)
        assert read(bytewise(document)) == json.loads(document)
        with pytest.raises(Unreadable):
            read(bytewise(document.rstrip()[:-1]))


NESTED = '[{"a":{"b":[1,{"c":"},{"}]}},{"a":{"b":[]}},["x],[",[2]],"ł\\"]",12.5,null,[[3],[4]]]'.encode()


@pytest.mark.parametrize("document", [NESTED, b'{"a":[{"b":1},{"b":2}]}', b"[[1],[2],[3]]", b'["]","]"]', b"[1]"])
@pytest.mark.parametrize("batch_bytes", [1, 16, 1024])
def test_a_document_cut_at_any_byte_is_an_error(document: bytes, batch_bytes: int) -> None:
    for length in range(len(document)):
        for pieces in ([document[:length]], bytewise(document[:length])):
            with pytest.raises(Unreadable):
                read(pieces, batch_bytes=batch_bytes)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"[]", []),
        (b" \r\n[ \t]\n", []),
        (b"[{}]", [{}]),
        (b"[[],[],[]]", [[], [], []]),
        (b"[{},{},{}]", [{}, {}, {}]),
        (b'{"success":true,"list":[{"a":1},{"a":2}]}', [{"success": True, "list": [{"a": 1}, {"a": 2}]}]),
        (b"{}", [{}]),
        (b'[1, 2.5, null, true, "a,b", -0.0e3]', [1, 2.5, None, True, "a,b", -0.0]),
        (b"[123456789,123456789]", [123456789, 123456789]),
        (BOM + b'[{"a":1}]', [{"a": 1}]),
        (BOM + b' {"a":1}', [{"a": 1}]),
    ],
)
def test_small_documents_are_read_whole_and_byte_by_byte(document: bytes, expected: list[Any]) -> None:
    assert read([document]) == expected
    assert read(bytewise(document)) == expected


@pytest.mark.parametrize("at", range(6))
def test_a_byte_order_mark_may_come_in_pieces(at: int) -> None:
    document = BOM + b"[1]"
    assert read([document[:at], document[at:]]) == [1]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="white space"),
        pytest.param(BOM, id="a BOM alone"),
        pytest.param(b"<!DOCTYPE html><html><body>Sign in</body></html>", id="HTML"),
        pytest.param(b"contactId,email\n1,2\n", id="CSV"),
        pytest.param(b"PK\x03\x04\x00", id="ZIP"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"17", id="a number"),
        pytest.param(b"[1,2]x", id="a letter after the end"),
        pytest.param(b"[1,2][3,4]", id="an array after the end"),
        pytest.param(b"[1,2],[3,4]", id="an array after a comma after the end"),
        pytest.param(b'[{"a":1},{"a":2}]}', id="a bracket after the end"),
        pytest.param(b'{"a":1}{"a":2}', id="an object after the object"),
        pytest.param(b'{"a":1},{"a":2}', id="objects without an array"),
        pytest.param(b'[{"a":1},{"a":2},oops,{"a":3},{"a":4}]', id="a bare word inside"),
        pytest.param(b'[{"a":1},{"a":2} {"a":3},{"a":4}]', id="no comma"),
        pytest.param(b'[{"a":1},{"a":2}},{"a":3}]', id="a bracket too many"),
        pytest.param(b'[{"a":1},{"a":2,{"a":3}]', id="a bracket too few"),
        pytest.param(b'[{"a":1},["a":2],{"a":3}]', id="a list with keys"),
        pytest.param(b'[{"a":1},{"a":"\xff"},{"a":3}]', id="a byte that is not UTF-8"),
        pytest.param(b'[{"a":1},\xff{"a":2},{"a":3}]', id="a byte that is not UTF-8 between elements"),
        pytest.param(b'[{"a":1},{"a":"\n"},{"a":3}]', id="a line break in a text"),
        pytest.param(b"[,1]", id="a comma first"),
        pytest.param(b"[1,2,]", id="a comma last"),
        pytest.param(b'[{"a":1},{"a":2},]', id="a comma after the last object"),
        pytest.param(b"[1,2,,3,4]", id="two commas"),
        pytest.param(b'[{"a":1},{"a":2},,{"a":3},{"a":4}]', id="two commas between objects"),
        pytest.param(b"[NaN,1,2]", id="NaN"),
        pytest.param(b'[{"a":Infinity},{"a":1},{"a":2}]', id="Infinity"),
    ],
)
@pytest.mark.parametrize("batch_bytes", [1, 1024])
def test_content_that_is_not_a_json_array_is_an_error(document: bytes, batch_bytes: int) -> None:
    for pieces in ([document], bytewise(document)):
        with pytest.raises(Unreadable):
            read(pieces, batch_bytes=batch_bytes)


@pytest.mark.parametrize("document", [b'["\\ud83d",1,2]', b'[1,"\\ud83d",2]', b'[{"a":"\\ud83d"},{"a":1},{"a":2}]'])
def test_half_a_surrogate_pair_is_read_alike_in_any_pieces(document: bytes) -> None:
    def judged(pieces: list[bytes], batch_bytes: int) -> object:
        try:
            return read(pieces, batch_bytes=batch_bytes)
        except Unreadable:
            return Unreadable

    first, *others = [judged(pieces, size) for pieces in ([document], bytewise(document)) for size in (1, 1024)]
    assert others == [first] * 3


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b"[{},"])
def test_endless_brackets_are_a_salesmanago_error(opening: bytes) -> None:
    with pytest.raises(Unreadable):
        read([opening * 20_000], batch_bytes=1024)


def test_elements_larger_than_a_batch_are_read() -> None:
    expected = [{"n": n, "text": "},{" * (3000 if n % 3 else 1)} for n in range(9)]
    document = json.dumps(expected, separators=(",", ":")).encode()
    pieces = [document[at : at + 500] for at in range(0, len(document), 500)]
    assert read(pieces, batch_bytes=64) == expected


def test_records_are_returned_before_the_file_has_ended() -> None:
    reader = ArrayReader(batch_bytes=256)
    record = {"contact": {"email": "x", "tags": [{"a": 1}, {"a": 2}]}}
    encoded = json.dumps(record).encode()
    held = 0
    reader.feed(b"[")
    for _ in range(500):
        held += 1 - len(reader.feed(encoded + b","))
        assert held * len(encoded) < 1024
    assert len(reader.feed(encoded + b"]")) + len(reader.close()) == held + 1


def test_a_change_of_style_midway_loses_nothing() -> None:
    compact = [{"a": {"b": n}} for n in range(50)]
    document = json.dumps(compact, separators=(",", ":"))[:-1] + "," + json.dumps(compact, indent=2)[1:]
    assert read(bytewise(document.encode()), batch_bytes=32) == compact * 2


def test_the_error_says_how_the_file_begins() -> None:
    with pytest.raises(Unreadable, match="<html>"):
        read([b"<html>Maintenance</html>"])
