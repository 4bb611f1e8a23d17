"""What earlier runs did: every chunk is matched again as it was, whatever other records are between its records."""

from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Invalid
from salesmanago_async.imports.engine.chunks import Record
from salesmanago_async.imports.engine.resuming import Resume
from salesmanago_async.stores.values import Entry, RowChecksums


def record(position: int, item: bytes | None = None, line: int | None = None) -> Record:
    return Record(f"row {position}", position, line, (f"c{position}",), item or b"item %d" % position)


@frozen
class Past:
    """Chunks with some positions, as a journal has them, and the chunks whose checksums were read."""

    chunks: Sequence[list[int]]
    asked: list[int] = field(factory=list)

    def resume(self, **others: Any) -> Resume:
        entries = [
            Entry(number, self.row_checksums(number).spans, "accepted", **others) for number in range(len(self.chunks))
        ]
        return Resume(entries, self)

    def row_checksums(self, number: int) -> RowChecksums:
        positions = self.chunks[number]
        return RowChecksums.of(positions, [record(position).item for position in positions])

    async def checksums(self, number: int) -> bytes:
        self.asked.append(number)
        return self.row_checksums(number).checksums


def now(work: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that never waits."""
    with pytest.raises(StopIteration) as ended:
        work.send(None)
    return ended.value.value


def match(resume: Resume, one: Record) -> Any:
    known = now(resume.at(one.position))
    return resume.match(known, one) if known else None


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Up to five chunks with interleaved records; some records are in no chunk."""
    owners = draw(st.lists(st.integers(-1, 4), max_size=40))
    chunks = [[place for place, owner in enumerate(owners) if owner == number] for number in range(5)]
    return Past([positions for positions in chunks if positions])


@given(pasts())
def test_each_chunk_is_returned_once_and_complete_when_its_last_record_is_matched(past: Past) -> None:
    resume = past.resume()
    known = {position for positions in past.chunks for position in positions}
    assert resume.last == max(known, default=-1)
    came_back: list[list[int]] = []
    for position in range(45):
        complete = match(resume, record(position))
        if complete:
            positions = [record.position for record in complete.records]
            assert position == positions[-1]
            assert [record.row for record in complete.records] == [f"row {place}" for place in positions]
            came_back.append(positions)
    assert sorted(came_back) == sorted(past.chunks)
    assert sorted(past.asked) == list(range(len(past.chunks)))
    assert list(resume.unmatched()) == []


@given(pasts(), st.integers(0, 40))
def test_if_the_source_ends_early_the_matched_records_of_incomplete_chunks_are_returned(past: Past, end: int) -> None:
    resume = past.resume()
    for position in range(end):
        match(resume, record(position))
    begun = [place for positions in past.chunks if positions[-1] >= end for place in positions if place < end]
    assert sorted(record.position for record, _, _ in resume.unmatched()) == sorted(begun)


@given(pasts())
def test_records_that_no_chunk_holds_are_not_known(past: Past) -> None:
    resume = past.resume()
    known = {position for positions in past.chunks for position in positions}
    for position in range(45):
        found = now(resume.at(position))
        assert (found is not None) is (position in known)
        if found:
            resume.match(found, record(position))


@given(pasts(), st.data())
def test_the_first_record_that_is_another_is_named(past: Past, data: st.DataObject) -> None:
    known = sorted(position for positions in past.chunks for position in positions)
    if not known:
        return
    changed = data.draw(st.sampled_from(known))
    resume = past.resume()
    for position in range(changed):
        match(resume, record(position))
    with pytest.raises(
        Invalid, match=rf"record {changed} \(line {changed + 2}\) is not the one that was sent"
    ) as caught:
        match(resume, record(changed, b"another", changed + 2))
    assert caught.value.field == "source"


def test_checksums_are_read_when_the_first_record_of_a_chunk_is_matched() -> None:
    past = Past([[0, 3], [1], [5, 6]])
    resume = past.resume()
    asked: list[list[int]] = []
    for position in range(7):
        match(resume, record(position))
        asked.append(list(past.asked))
    assert asked == [[0], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1, 2], [0, 1, 2]]


def test_a_record_that_can_no_longer_be_read_is_another() -> None:
    with pytest.raises(Invalid, match="record 0 is not"):
        match(Past([[0]]).resume(), record(0, b" "))


def test_the_verdicts_of_an_earlier_run_are_returned_record_by_record() -> None:
    past = Past([[2, 5, 6]])
    others: dict[int, Any] = {5: ("rejected", "no such contact")}
    resume = past.resume(others=others, reason="why", request_id=37)
    known = [match(resume, record(position)) for position in range(7)][-1]
    verdicts = known.verdicts()
    assert [verdicts.state_of(index) for index in range(3)] == ["accepted", "rejected", "accepted"]
    assert (verdicts.reason, verdicts.request_id) == ("why", 37)
    assert verdicts.others == {1: ("rejected", "no such contact")}


def test_a_source_that_ends_too_early_is_refused_with_how_far_it_went() -> None:
    with pytest.raises(Invalid, match="ends after 4 records, of which 7 are known"):
        Past([[0, 1], [6]]).resume().refuse_end(4)


def test_a_journal_without_chunks_knows_nothing() -> None:
    resume = Past([]).resume()
    assert resume.last == -1
    assert now(resume.at(0)) is None
