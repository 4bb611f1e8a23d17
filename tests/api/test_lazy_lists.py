"""Lists that are read at the first look: nobody can tell such a value from one that was read at once."""

import copy
import gc
import pickle
from collections.abc import Callable
from threading import Barrier, Thread
from types import CellType
from typing import Any

import attrs
import pytest
from attrs import frozen

from salesmanago_async.api import codec
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.contact_details import ContactDetails, RecordedEvent, TagScore
from salesmanago_async.api.contact_exports import ContactExport
from salesmanago_async.api.contacts import ContactList
from salesmanago_async.api.lazy_lists import make_lazy

EXPORTED = {
    "contactId": "c1",
    "tagData": [{"tagName": "VIP", "score": 3}, {"tagName": "KIDS", "score": "many", "mood": "good"}],
    "extEventData": [{"eventId": "e1", "value": "1.5"}],
    "visitsData": [],
}
TAGS = (TagScore(tag_name="VIP", score=3), TagScore(tag_name="KIDS", extra={"mood": "good", "score": "many"}))
EVENTS = (RecordedEvent(event_id="e1", value=1.5),)
LISTED = {"success": True, "contacts": [{"email": "ann@example.com", "contactTags": EXPORTED["tagData"]}]}

CASES: dict[str, tuple[type, dict[str, Any], Any]] = {
    "export": (ContactExport, EXPORTED, ContactExport(contact_id="c1", tag_data=TAGS, ext_event_data=EVENTS)),
    "list": (
        ContactList,
        LISTED,
        ContactList(success=True, contacts=(ContactDetails(email="ann@example.com", contact_tags=TAGS),)),
    ),
}

FIRST_LOOKS: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "asdict": attrs.asdict,
    "astuple": attrs.astuple,
    "evolve": attrs.evolve,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "oldest pickle": lambda value: pickle.loads(pickle.dumps(value, 0)),
    "attributes": lambda value: [getattr(value, field.name) for field in attrs.fields(type(value))],
}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every tag that is read from now on, as the server sent it."""
    read_leniently(TagScore, {})
    reader = codec._OBJECT_READERS[TagScore]
    read, seen = reader.read, list[Any]()

    def noted(row: Any) -> Any:
        seen.append(row)
        return read(row)

    monkeypatch.setattr(reader, "read", noted)
    return seen


def read_export(**parts: Any) -> ContactExport:
    return read_leniently(ContactExport, EXPORTED | parts)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("look", FIRST_LOOKS)
def test_every_first_look_finds_what_was_read_at_once(look: str, case: str) -> None:
    kind, body, at_once = CASES[case]
    assert FIRST_LOOKS[look](read_leniently(kind, body)) == FIRST_LOOKS[look](at_once)


@pytest.mark.parametrize("case", CASES)
def test_a_value_that_was_looked_at_is_the_same_value(case: str) -> None:
    kind, body, at_once = CASES[case]
    value: Any = read_leniently(kind, body)
    assert value == at_once
    assert value == read_leniently(kind, body)
    assert repr(value) == repr(at_once)
    assert type(value) is kind


def test_entries_are_read_once_and_only_when_looked_at(reads: list[Any]) -> None:
    contact = read_export()
    assert contact.ext_event_data == EVENTS
    assert reads == []
    found = contact.tag_data
    assert reads == EXPORTED["tagData"]
    assert contact.tag_data is found
    assert len(reads) == len(found)


def test_a_list_that_was_read_is_no_longer_kept_as_it_was_sent() -> None:
    contact = read_export()
    assert [type(kept) for kept in gc.get_referents(contact)].count(CellType) == 2
    assert (contact.tag_data, contact.ext_event_data) == (TAGS, EVENTS)
    assert CellType not in map(type, gc.get_referents(contact))


@pytest.mark.parametrize("odd", [None, 5, "VIP", [], True])
def test_an_entry_that_is_no_object_is_found_at_the_record(odd: Any) -> None:
    contact = read_export(tagData=[{"tagName": "VIP", "score": 3}, odd])
    assert contact.extra == {"tagData": [odd]}
    assert contact.tag_data == TAGS[:1]
    assert contact.ext_event_data == EVENTS


@pytest.mark.parametrize("empty", [None, []])
def test_an_empty_list_is_an_empty_tuple(empty: Any) -> None:
    assert read_export(tagData=empty).tag_data == ()


def test_an_error_at_the_first_look_does_not_lose_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    contact = read_export()

    def interrupted(row: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(codec._OBJECT_READERS[TagScore], "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            assert contact.tag_data
    assert contact.tag_data == TAGS


def test_two_threads_may_take_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    contact = read_export(tagData=EXPORTED["tagData"][:1])
    reader, both = codec._OBJECT_READERS[TagScore], Barrier(2, timeout=10)
    read, found = reader.read, list[Any]()

    def read_at_the_same_time(row: Any) -> Any:
        both.wait()
        return read(row)

    monkeypatch.setattr(reader, "read", read_at_the_same_time)
    threads = [Thread(target=lambda: found.append(contact.tag_data)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [TAGS[:1], TAGS[:1]]
    assert any(contact.tag_data is each for each in found)


def test_a_value_stays_frozen_and_has_no_other_attributes() -> None:
    contact: Any = read_export()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        contact.tag_data = ()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del contact.tag_data
    with pytest.raises(AttributeError, match="'ContactExport' object has no attribute 'tags'"):
        assert contact.tags
    assert contact.tag_data == TAGS


@pytest.mark.parametrize("given", [TAGS, [*TAGS], [{"tagName": "VIP"}], None])
def test_a_constructor_keeps_what_it_is_given(given: Any) -> None:
    read_export()
    assert ContactExport(tag_data=given).tag_data is given


def test_classes_that_derive_from_each_other_are_read_in_any_order() -> None:
    @frozen(kw_only=True)
    class Early(ContactExport):
        origin: str | None = None

    @frozen(kw_only=True)
    class Late(Early):
        tag_data: tuple[TagScore, ...] = ()

    for kind in (Late, Early, ContactExport, Late):
        value = read_leniently(kind, EXPORTED)
        assert (value.tag_data, value.ext_event_data, value.visits_data) == (TAGS, EVENTS, ())


def test_a_field_may_be_made_lazy_twice() -> None:
    @frozen
    class Shop:
        visits: tuple[Any, ...] = ()

    slots = [make_lazy(Shop, "visits", codec._OBJECT_READERS[TagScore]) for _ in range(2)]
    assert slots[0] is slots[1]
    assert Shop((1,)).visits == (1,)
