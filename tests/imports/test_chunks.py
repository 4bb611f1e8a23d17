"""Chunks close by count and by bytes, and their bodies are what one request takes."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Invalid
from salesmanago_async.imports.engine.chunker import Chunker
from salesmanago_async.imports.engine.chunks import Body, Chunk, Record, body_of


def chunks_of(items: list[bytes], **limits: int) -> list[Chunk]:
    chunker = Chunker(**limits)
    closed: list[Chunk | None] = []
    for index, item in enumerate(items):
        record = Record(index, index, None, (f"k{index}",), item)
        if not chunker.has_room(record):
            closed.append(chunker.rest())
        closed.append(chunker.add(record))
    return [chunk for chunk in [*closed, chunker.rest()] if chunk]


@given(
    st.lists(st.integers(0, 60).map(lambda length: b'"' + b"x" * length + b'"'), max_size=80),
    st.integers(1, 20),
    st.integers(63, 300),
)
def test_every_record_is_in_one_chunk_in_order_and_within_both_limits(
    items: list[bytes], max_items: int, max_bytes: int
) -> None:
    chunks = chunks_of(items, max_items=max_items, max_bytes=max_bytes)
    assert [row for chunk in chunks for row in chunk.rows] == list(range(len(items)))
    for chunk in chunks:
        assert 1 <= len(chunk) <= max_items
        assert sum(len(item) + 1 for item in chunk.items) <= max_bytes
        assert json.loads(body_of(chunk.items, "events", b"{}")) == {
            "events": [json.loads(item) for item in chunk.items]
        }


def test_a_chunk_is_not_closed_before_it_must() -> None:
    assert [len(chunk) for chunk in chunks_of([b"1"] * 2500)] == [1000, 1000, 500]
    assert [len(chunk) for chunk in chunks_of([b"12345"] * 4, max_bytes=12)] == [2, 2]


def test_the_other_fields_of_the_request_stand_beside_the_list() -> None:
    (chunk,) = chunks_of([b'{"a":1}'])
    assert json.loads(body_of(chunk.items, "upsertDetails", b'{"owner":"o"}')) == {
        "owner": "o",
        "upsertDetails": [{"a": 1}],
    }


@given(
    st.lists(st.text().map(lambda text: json.dumps(text).encode()), min_size=1), st.sampled_from([b"{}", b'{"o":1}'])
)
def test_the_items_are_cut_out_of_a_body_as_they_were(items: list[bytes], others: bytes) -> None:
    body = Body(items, "upsertDetails", others)
    assert body.content == body_of(items, "upsertDetails", others)
    for same in (body, pickle.loads(pickle.dumps(body))):
        assert list(same) == items
        assert len(same) == len(items)
        assert (same[0], same[-1], same[1:]) == (items[0], items[-1], items[1:])


def test_a_record_that_fits_into_no_request_is_refused_and_leaves_the_chunk_as_it_was() -> None:
    chunker = Chunker(max_bytes=10)
    chunker.add(Record("a", 0, None, ("a",), b"12345"))
    with pytest.raises(Invalid, match="max_bytes"):
        chunker.check(b"x" * 10)
    rest = chunker.rest()
    assert rest is not None
    assert list(rest.rows) == ["a"]
