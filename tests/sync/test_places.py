"""The rows of a source are found in a state whatever their order, and the next state has the order of the source."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from sys import byteorder

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.sync import key_index
from salesmanago_async.sync.header import StateOf
from salesmanago_async.sync.key_index import KeyIndex
from salesmanago_async.sync.known import SENT, UNSEEN, Known
from salesmanago_async.sync.known_writer import KnownWriter
from salesmanago_async.sync.merge import write_next
from salesmanago_async.sync.order import Order
from salesmanago_async.sync.places import Places, mark_sent
from salesmanago_async.sync.sent import SentRows
from tests.conftest import examples
from tests.sync.nights import Account, row

Pairs = Sequence[tuple[int, int]]
"""Keys and contents, the digests of a state."""

OF = StateOf(account={}, key="email", has_names=True, settings={})
KEYS = [number << 60 | number % 3 for number in range(1, 13)]
_pairs = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 2)), max_size=20)


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the index made of several sorted parts."""
    monkeypatch.setattr(key_index, "_AT_ONCE", 3)


def written(path: Path, pairs: Iterable[tuple[int, int]]) -> Known:
    """Write a state and open it."""
    with KnownWriter(path, OF) as writer:
        for key, content in pairs:
            writer.add(key, content, name_of(key))
        writer.commit()
    return Known.open(path)


def name_of(key: int) -> bytes:
    """The name of a row: it must stay with its key."""
    return f"{key}@example.com".encode()


def digest_of(key: int, content: int) -> bytes:
    """The digest of a content, which the key is a part of."""
    return (key + content).to_bytes(8, byteorder)


def compared(places: Places, source: Pairs, sent: SentRows) -> Iterator[str]:
    """Compare the rows of a source as a sync does."""
    for key, content in source:
        key_digest, digest = key.to_bytes(8, byteorder), digest_of(key, content)
        if places.is_next(digest):
            yield "unchanged"
            continue
        if places.needs_index(key_digest):
            places.make_index()
        difference, *_ = places.compare(key_digest, digest)
        if difference != "unchanged":
            sent.add(key_digest + digest + bytes(8), name_of(key).decode())
        yield difference


def expected(known: Mapping[int, int], source: Pairs) -> tuple[Sequence[str], Mapping[int, int]]:
    """Return how the rows differ, and the next state, both by the plainest way."""
    differences: list[str] = []
    sent: dict[int, int] = {}
    order: dict[int, int] = {}
    for key, content in source:
        if known.get(key) == content and key not in sent:
            differences.append("unchanged")
            order.setdefault(key, content)
        else:
            differences.append("changed" if key in known else "new")
            order.pop(key, None)
            sent[key] = order[key] = content
    return differences, {**order, **{key: content for key, content in known.items() if key not in order}}


@settings(max_examples=examples(300), deadline=None)
@given(before=_pairs, source=_pairs)
def test_each_row_is_found_and_the_next_state_has_the_order_of_the_source(
    before: Pairs, source: Pairs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("states")
    known_contents = dict(before)
    known = written(folder / "state", ((key, key + content) for key, content in known_contents.items()))
    sent = SentRows(folder / "sent", has_names=True)
    sent.begin()
    order = Order(sent)
    places = Places(known, order)
    differences = list(compared(places, source, sent))
    places.close()
    sent.close()
    wanted, following = expected(known_contents, source)
    assert differences == wanted
    removed = [key for key, mark in zip(known_contents, known.marks, strict=True) if mark == UNSEEN]
    assert removed == [key for key in known_contents if key not in dict(source)]
    rows = sent.last_of_each_key(bytearray(b"\1" * sent.count))
    write_next(folder / "state", OF, known, rows, order, dropped=None)
    order.close()
    after = Known.open(folder / "state")
    assert list(after.entries) == [word for key, content in following.items() for word in (key, key + content)]
    assert [after.name(place).encode() for place in range(len(after))] == [name_of(key) for key in following]
    after.close()


@given(keys=st.sets(st.integers(1, 2**64 - 1), max_size=30), others=st.sets(st.integers(1, 2**64 - 1)))
@settings(max_examples=examples(100), deadline=None)
def test_the_index_finds_exactly_the_keys_that_are_there(
    keys: set[int], others: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    known = written(tmp_path_factory.mktemp("states") / "state", ((key, 1) for key in keys))
    index = KeyIndex(known)
    assert [index.place(key) for key in keys] == list(range(len(keys)))
    assert {index.place(key) for key in others - keys} <= {None}
    index.close()
    known.close()


def test_rows_are_marked_by_their_keys(tmp_path: Path) -> None:
    known = written(tmp_path / "state", ((key, 1) for key in KEYS))
    mark_sent(known, [KEYS[3], 0, 5])
    assert [place for place, mark in enumerate(known.marks) if mark == SENT] == [3]
    known.close()


# When keys are looked up


@pytest.fixture
def indices(monkeypatch: pytest.MonkeyPatch) -> list[Places]:
    """Return the list of those that made an index."""
    made: list[Places] = []
    make = Places.make_index

    def make_counted(places: Places) -> None:
        made.append(places)
        make(places)

    monkeypatch.setattr(Places, "make_index", make_counted)
    return made


@pytest.mark.anyio
async def test_no_index_is_made_for_rows_in_the_order_of_last_night(tmp_path: Path, indices: list[Places]) -> None:
    account, state = Account(), tmp_path / "customers.db"
    rows = [row(number) for number in range(30)]
    await account.sync(rows, state)
    rows[7] = row(7, 1)
    assert (await account.sync(rows, state)).changed == 1
    assert (await account.sync(rows, state, full=True)).changed == 30
    assert indices == []
    Random(1).shuffle(rows)
    assert (await account.sync([*rows, row(31)], state)).unchanged == 30
    assert len(indices) == 1
    assert (await account.sync([*rows, row(31)], state)).unchanged == 31
    assert len(indices) == 1


@pytest.mark.parametrize(
    ("tonight", "looked_up"),
    [
        (range(5, 30), 2),
        ([*range(9), *range(12, 30)], 2),
        ([*range(20, 30), *range(20)], 4),
        ([0, 1, 90, *range(2, 30)], 1),
        ([*range(10), 3, *range(10, 30)], 1),
        ([*range(10), 25, *range(10, 25), *range(26, 30)], 3),
    ],
    ids=["beginning is gone", "some are gone", "halves are swapped", "one is new", "one is twice", "one has moved"],
)
def test_the_pointer_follows_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tonight: Sequence[int], looked_up: int
) -> None:
    asked: list[int] = []
    place = KeyIndex.place

    def counted(index: KeyIndex, key: int) -> int | None:
        asked.append(key)
        return place(index, key)

    monkeypatch.setattr(KeyIndex, "place", counted)
    known = written(tmp_path / "state", ((number + 1 << 32, (number + 1 << 32) + 1) for number in range(30)))
    sent = SentRows(tmp_path / "sent", has_names=True)
    sent.begin()
    places = Places(known)
    differences = list(compared(places, [(number + 1 << 32, 1) for number in tonight], sent))
    assert differences.count("unchanged") == sum(number < 30 for number in tonight)
    assert len(asked) == looked_up
    places.close()
    sent.close()
    known.close()
