"""A batch keeps its records once: in the body of its request, or in the spill file, until the server has them."""

import json
from collections.abc import Iterator

import pytest

from salesmanago_async.imports.engine.batches import Batch, Batches, BatchGroup
from salesmanago_async.imports.engine.chunks import Chunk, Record

ITEMS = [json.dumps({"email": f"c{number}@x.pl"}).encode() for number in range(3)]
BODY = b'{"owner":"o","upsertDetails":[' + b",".join(ITEMS) + b"]}"
ROWS = [{"email": f"c{number}@x.pl"} for number in range(3)]


@pytest.fixture
def batches() -> Iterator[Batches]:
    batches = Batches("upsertDetails", b'{"owner":"o"}')
    yield batches
    batches.close()


def packed(batches: Batches) -> Batch:
    records = [
        Record(row, at, None, (row["email"],), item) for at, (row, item) in enumerate(zip(ROWS, ITEMS, strict=True))
    ]
    return batches.pack(Chunk.of(records), BatchGroup())


def test_a_batch_is_unpacked_as_it_was(batches: Batches) -> None:
    batch = packed(batches)
    chunk = batches.unpack(batch)
    assert (list(chunk.rows), list(chunk.items), list(chunk.keys)) == (ROWS, ITEMS, [row["email"] for row in ROWS])
    assert batches.body(batch) == BODY


def test_a_spilled_body_takes_no_memory_and_comes_back(batches: Batches) -> None:
    batch = packed(batches)
    batches.spill(batch)
    assert batch.body is None
    assert list(batches.unpack(batch).items) == ITEMS
    assert batches.body(batch) == BODY
    assert list(batches.unpack(batch).part([2]).items) == ITEMS[2:]


def test_a_body_that_the_server_has_is_gone_and_the_names_stay(batches: Batches) -> None:
    batch = packed(batches)
    batches.drop_body(batch)
    chunk = batches.unpack(batch)
    assert (list(chunk.rows), list(chunk.items)) == (ROWS, [b""] * 3)
    with pytest.raises(AssertionError, match="has taken it"):
        batches.body(batch)
