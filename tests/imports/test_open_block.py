"""Records that are collected column by column are the same records again, whatever becomes of their rows meanwhile."""

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.imports.engine.chunks import Chunk, Record
from salesmanago_async.imports.engine.open_block import GROUP, OpenBlock
from salesmanago_async.imports.engine.packed_rows import PackedRows
from salesmanago_async.imports.engine.spill import SpilledRows, SpillFile


def unpicklable() -> None:
    """Is not pickled: it is neither plain data nor of the standard library."""


ROWS = st.one_of(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.none(), st.integers(), st.lists(st.text(max_size=5))), max_size=4
    ),
    st.lists(st.text(max_size=5), max_size=4),
    st.just({"email": "a@x.pl", "row": unpicklable}),
)
NAMES = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3, unique=True).map(tuple)


def block_of(records: list[Record], *, group: int, packs: bool) -> OpenBlock:
    block = OpenBlock(packs=packs)
    for number, record in enumerate(records, 1):
        block.append(record)
        if not number % group:
            block.close_group()
    return block


@given(
    st.lists(st.tuples(ROWS, NAMES), max_size=12),
    st.integers(1, 5),
    st.booleans(),
    st.data(),
)
def test_a_block_has_its_records_in_any_order_that_they_came_in(
    contents: list[tuple[Any, tuple[str, ...]]], group: int, packs: bool, data: st.DataObject
) -> None:
    positions = data.draw(
        st.lists(st.integers(0, 30), min_size=len(contents), max_size=len(contents), unique=True), "positions"
    )
    records = [
        Record(row, position, None, names, b"%d" % position)
        for (row, names), position in zip(contents, positions, strict=True)
    ]
    block = block_of(records, group=group, packs=packs)
    assert len(block) == len(records)
    chunk = block.chunk()
    assert list(chunk.records()) == records
    in_order = chunk.in_order()
    assert list(in_order.records()) == sorted(records, key=lambda record: record.position)
    spill_file = SpillFile()
    for one in (chunk, in_order):
        spilled = SpilledRows(spill_file, spill_file.put(one.rows), len(one))
        assert [spilled[index] for index in range(len(one))] == list(one.rows)
        assert [one.rows[index] for index in range(len(one))] == list(one.rows)
    spill_file.close()


def test_positions_without_gaps_are_a_range() -> None:
    def chunk_of(*positions: int) -> Chunk:
        return block_of([Record({}, each, None, ("a",), b"{}") for each in positions], group=9, packs=True).chunk()

    assert chunk_of(3, 4, 5).positions == range(3, 6)
    assert chunk_of(3, 5).positions == [3, 5]
    assert chunk_of(5, 4).positions == [5, 4]
    assert chunk_of().positions == range(0)


def test_a_group_that_cannot_be_pickled_leaves_the_others_packed() -> None:
    rows = PackedRows()
    rows.extend([{"a": 1}])
    rows.extend([{"a": unpicklable}])
    assert list(rows) == [{"a": 1}, {"a": unpicklable}]
    assert [isinstance(group, bytes) for group in rows._groups] == [True, False]


@pytest.mark.parametrize("packs", [True, False])
def test_the_collector_has_nothing_to_do_while_rows_are_packed(packs: bool) -> None:
    collections = 0

    def count(phase: str, _: object) -> None:
        nonlocal collections
        collections += phase == "start"

    gc.collect()
    gc.callbacks.append(count)
    try:
        block = OpenBlock(packs=packs)
        for position in range(50 * GROUP):
            block.append(Record({"email": "a@x.pl", "tags": ["A"]}, position, None, ("a@x.pl",), b"{}"))
    finally:
        gc.callbacks.remove(count)
    assert (collections <= 1) == packs
