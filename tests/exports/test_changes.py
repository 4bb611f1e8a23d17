"""The state that one run leaves for the next, and where each run begins."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import Invalid
from salesmanago_async.exports.changes import (
    Changes,
    ChangesState,
    SeenContact,
    beginning,
    read_state,
    write_state,
)

MINUTE, DAY = 60_000, 86_400_000
NOW = 1_700_000_000_000
OVERLAP = 10 * MINUTE
WHOSE = {"server": "app2.salesmanago.com", "account": "5cd3", "owner": "0a0b"}


def state(until: int = NOW, **seen: SeenContact) -> ChangesState:
    return ChangesState(whose=WHOSE, since=0, until=until, seen=seen)


def changes(before: ChangesState | None = None, until: int = NOW) -> Changes:
    return Changes(before, whose=WHOSE, begin=NOW - DAY, until=until, overlap=OVERLAP)


def contact(id_: str = "a", modified_on: Any = NOW - MINUTE, **others: Any) -> dict[str, Any]:
    return {"id": id_, "modifiedOn": modified_on, **others}


# Where a run begins


@pytest.mark.parametrize(
    ("since", "before", "begin"),
    [
        (NOW - 5, None, NOW - 6),  # a span may not include its own edges
        (NOW + 900, None, NOW),  # the server's clock is in whole seconds
        (NOW - 5, NOW - DAY, NOW - DAY - OVERLAP),  # the state takes precedence over `since`
        (None, NOW - 1, NOW - 1 - OVERLAP),
        (None, NOW, NOW - OVERLAP),
        (None, NOW + MINUTE, NOW - OVERLAP),  # a clock that was slightly ahead
    ],
)
def test_a_run_begins_an_overlap_before_the_end_of_the_one_before(
    since: int | None, before: int | None, begin: int
) -> None:
    assert beginning(since, state(before) if before else None, end=NOW, overlap=OVERLAP) == begin


def test_no_run_begins_before_the_first_run() -> None:
    """The overlap adds no contacts that were modified before `since`."""
    first = changes().state()
    assert beginning(None, first, end=NOW + MINUTE, overlap=2 * DAY) == NOW - DAY
    later = Changes(first, whose=WHOSE, begin=NOW, until=NOW + MINUTE, overlap=OVERLAP).state()
    assert later.since == first.since


@pytest.mark.parametrize(("since", "before"), [(None, None), (NOW + 2001, None), (None, NOW + OVERLAP + 1)])
def test_a_run_that_cannot_begin_is_invalid(since: int | None, before: int | None) -> None:
    with pytest.raises(Invalid):
        beginning(since, state(before) if before else None, end=NOW, overlap=OVERLAP)


# Which contacts are new


def test_a_returned_contact_is_not_returned_again() -> None:
    first = changes()
    assert first.is_new(contact(), read_at=NOW)
    second = changes(first.state(), until=NOW + 5 * MINUTE)
    assert not second.is_new(contact(), read_at=NOW + 5 * MINUTE)


def test_a_contact_that_was_modified_again_is_returned_again() -> None:
    first = changes()
    assert first.is_new(contact(), read_at=NOW)
    second = changes(first.state(), until=NOW + 5 * MINUTE)
    assert second.is_new(contact(modified_on=NOW - MINUTE + 1), read_at=NOW + 5 * MINUTE)


def test_a_contact_that_was_not_returned_is_new_whatever_its_time() -> None:
    second = changes(state(b=SeenContact(NOW)), until=NOW + 5 * MINUTE)
    assert second.is_new(contact(modified_on=NOW - 100 * MINUTE), read_at=NOW)


def test_a_contact_returned_with_a_time_after_the_end_is_not_returned_again() -> None:
    """The contact was modified during the run: the next run lists it."""
    first = changes()
    assert first.is_new(contact(modified_on=NOW + MINUTE), read_at=NOW + 2 * MINUTE)
    second = changes(first.state(), until=NOW + 1000 * MINUTE)
    assert not second.is_new(contact(modified_on=NOW + MINUTE), read_at=NOW + 1000 * MINUTE)


def test_an_overtaken_answer_returns_no_older_version() -> None:
    """Two requests for one contact overlap, the contact changes between them, and the later answer comes first."""
    run = changes()
    assert run.is_new(contact(modified_on=NOW + 2), read_at=NOW + 3)
    assert not run.is_new(contact(modified_on=NOW + 1), read_at=NOW + 1)
    assert not changes(run.state(), until=NOW + MINUTE).is_new(contact(modified_on=NOW + 2), read_at=NOW + MINUTE)


def test_in_the_second_of_a_modification_the_content_decides() -> None:
    """A contact that is modified again in the same second has the same time."""
    first = changes()
    assert first.is_new(contact(modified_on=NOW, name="Ann"), read_at=NOW + 500)
    left = first.state()
    assert not changes(left, until=NOW + MINUTE).is_new(contact(modified_on=NOW, name="Ann"), read_at=NOW + MINUTE)
    assert changes(left, until=NOW + MINUTE).is_new(contact(modified_on=NOW, name="Eve"), read_at=NOW + MINUTE)


def test_after_that_second_only_the_time_decides() -> None:
    """Visits and scores change without a modification."""
    first = changes()
    assert first.is_new(contact(score=1), read_at=NOW)
    assert not changes(first.state(), until=NOW + MINUTE).is_new(contact(score=2), read_at=NOW + MINUTE)


@pytest.mark.parametrize("odd", [contact(modified_on=None), contact(modified_on="soon"), {"modifiedOn": NOW}, {}])
def test_a_contact_that_cannot_be_compared_is_returned_again(odd: dict[str, Any]) -> None:
    first = changes()
    assert first.is_new(odd, read_at=NOW)
    assert changes(first.state()).is_new(odd, read_at=NOW)


def test_returned_contacts_are_remembered_over_several_short_runs() -> None:
    left: ChangesState | None = None
    for minutes in range(30):
        now = NOW + minutes * MINUTE
        run = changes(left, until=now)
        if now - OVERLAP - MINUTE <= NOW:  # the contact is listed until then
            assert run.is_new(contact(modified_on=NOW), read_at=now + 10_000) == (minutes == 0)
        left = run.state()
    assert left
    assert left.seen == {}


# The file


def test_a_state_is_read_back_as_written_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "nightly.json"
    kept = ChangesState(
        whose=WHOSE,
        since=7,
        until=NOW,
        seen={"a": SeenContact(NOW - 1), "b": SeenContact(NOW, "c0ffee")},
        unavailable=("c", "d"),
    )
    write_state(path, kept)
    assert read_state(path, whose=WHOSE) == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_state(path, state())
    assert read_state(path, whose=WHOSE) == state()
    assert [entry.name for entry in tmp_path.iterdir()] == ["nightly.json"]


def test_without_a_file_there_was_no_earlier_run(tmp_path: Path) -> None:
    assert read_state(tmp_path / "nightly.json", whose=WHOSE) is None


def written(**changed: Any) -> bytes:
    fields = {"version": 2, "whose": WHOSE, "since": 0, "until": NOW, "seen": {}, "unavailable": []}
    return json.dumps({**fields, **changed}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"{}", b"null", b"7", written(version=1), written(version=3), written(until=None),
        written(until="soon"),
        written(seen=[]), written(seen={"a": NOW}), written(seen={"a": [NOW]}), written(seen={"a": ["soon", None]}),
        written(unavailable=None), written(whose={**WHOSE, "owner": "other"}),
        written(whose={**WHOSE, "account": "other"}), written(whose={**WHOSE, "server": "other"}), written(whose={}),
        written(whose=None),
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_state_is_invalid_and_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "nightly.json"
    path.write_bytes(content)
    with pytest.raises(Invalid) as raised:
        read_state(path, whose=WHOSE)
    assert raised.value.field == str(path)


def test_a_missing_folder_is_an_error_before_any_request(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="there is no folder"):
        read_state(tmp_path / "missing" / "nightly.json", whose=WHOSE)
