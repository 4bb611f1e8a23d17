"""Chunks of several requests: no chunk has records of two, and the records of a product stay in their order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.api import Request
from salesmanago_async.api.products import UpdateProductPrices, UpdateProductQuantities, UpsertProducts
from salesmanago_async.imports.engine.chunks import Chunk, Record
from salesmanago_async.imports.engine.lanes import Lanes
from salesmanago_async.imports.settings import Settings

_requests = st.sampled_from([UpsertProducts, UpdateProductPrices, UpdateProductQuantities])


@given(records=st.lists(st.tuples(st.sampled_from("abcdef"), _requests), max_size=40), size=st.integers(1, 5))
def test_records_of_a_product_are_never_in_two_open_chunks(
    records: list[tuple[str, type[Request[Any]]]], size: int
) -> None:
    lanes = Lanes(lambda position: records[position][1], Settings(batch_size=size))
    chunks: list[Chunk] = []
    for position, (name, _) in enumerate(records):
        record = Record(position, position, None, (name,), b"{}")
        lanes.check(record.item)
        if not lanes.has_room(record):
            chunks += iter(lanes.rest, None)
            assert not lanes.is_gathering
        chunks += filter(None, [lanes.add(record)])
    chunks += iter(lanes.rest, None)
    assert not lanes.is_gathering
    for chunk in chunks:
        assert len(chunk) <= size
        assert len({records[position][1] for position in chunk.positions}) == 1
    for name in "abcdef":
        wanted = [position for position, (each, _) in enumerate(records) if each == name]
        assert [position for chunk in chunks for position in chunk.positions if records[position][0] == name] == wanted


def test_chunks_of_several_requests_fill_at_once() -> None:
    requests = [UpdateProductPrices, UpsertProducts]
    lanes = Lanes(lambda position: requests[position % 2], Settings(batch_size=3))
    closed = [lanes.add(Record(None, position, None, (f"P{position}",), b"{}")) for position in range(6)]
    assert [tuple(chunk.positions) if chunk else None for chunk in closed] == [None] * 4 + [(0, 2, 4), (1, 3, 5)]
