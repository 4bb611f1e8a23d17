"""Compiled readers return the same values as the slow path for any answer or file."""

import copy
import math
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from typing import Any, cast, get_args, get_origin, get_type_hints

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.api import REQUESTS, codec, read_request
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.codegen import field_specs
from salesmanago_async.api.contact_details import ContactDetails, RecordedEvent, TagScore, Visit
from salesmanago_async.api.contact_exports import ContactExport
from salesmanago_async.api.contact_lists import ContactOnPage
from salesmanago_async.api.email_statistics import ConversationRecipients, ConversationStatistics
from salesmanago_async.api.fields import split_annotation
from salesmanago_async.api.messages import ConversationMessage
from salesmanago_async.api.request import answer_type
from salesmanago_async.api.web_push import WebPushRecipient
from salesmanago_async.errors import Invalid
from tests.conftest import examples

FILES: list[type] = [
    ContactExport,
    ContactOnPage,
    ConversationRecipients,
    ConversationStatistics,
    ConversationMessage,
    WebPushRecipient,
]
ANSWERS: dict[str, type] = {path: cast("Any", answer_type)(request) for path, request in REQUESTS.items()}

SLOW = codec._converter(lambda kind, converter: codec._slow_reader(kind, codec._Field.all_of(kind, converter)))
"""A converter that uses the slow path only."""


def assert_same(kind: type, body: dict[str, Any]) -> None:
    given_body = copy.deepcopy(body)
    expected: Any = SLOW.structure(body, kind)
    read: Any = read_leniently(kind, body)
    assert read == expected
    assert repr(read) == repr(expected)  # distinguishes 1, True and 1.0
    assert type(read) is kind
    assert body == given_body


NUMBERS = [0, 1, -1, 1.5, 3.0, True, False, 10**18, 2**70, 10**400, -(10**15), 2**32 * 1000, 1e300, math.inf, -math.inf]
TEXTS = ["", "5", "100.56", "1e999", "true", "2018-10-22"]
CONTAINERS: list[Any] = [[], {}, [None], ["a", 5], {"a": None}, [[]], [{}, 5], {"city:": "Kraków"}, {"city": {}}]
EVERY_ODD: list[Any] = [None, *NUMBERS, *TEXTS, *CONTAINERS]
ODD = st.sampled_from(EVERY_ODD).map(copy.deepcopy)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(10**6), 10**15),
    bool: st.booleans(),
    float: st.floats(allow_nan=False) | st.integers(-(10**6), 10**15),
    datetime: st.integers(-(10**13), 10**13),
}
OTHERS = st.dictionaries(st.sampled_from(["unknown", "unknown:", "extra", "address", "data"]), ODD, max_size=1)


def mostly_documented(annotation: Any, depth: int) -> st.SearchStrategy[Any]:
    """The content of a field, sometimes null, sometimes anything."""
    documented = _documented(annotation, depth)
    return st.one_of(*[documented] * 6, st.none(), ODD)


def _documented(annotation: Any, depth: int) -> st.SearchStrategy[Any]:
    kind, _ = split_annotation(annotation)
    if attrs.has(kind):
        return objects(kind, depth - 1)
    if get_origin(kind) is tuple:
        return st.lists(mostly_documented(get_args(kind)[0], depth), max_size=3)
    return PLAIN.get(kind, st.text(max_size=5))


@cache
def objects(kind: type, depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of the documented names of a class, in any order, sometimes with other names."""
    hints = get_type_hints(kind, include_extras=True)
    fields = {
        spec.path: mostly_documented(hints[spec.name], depth) if depth else st.none()
        for spec in field_specs(kind)
        if spec.path and spec.name != "extra"
    }

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for path in draw(st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=12)):
            inner = body
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1] + ":" * draw(st.sampled_from([0, 0, 0, 0, 1]))] = draw(fields[path])
        return {**body, **draw(OTHERS)}

    return drawn()


@pytest.mark.parametrize("kind", [*FILES, ContactDetails, RecordedEvent, Visit])
@settings(deadline=None, max_examples=examples(60))
@given(st.data())
def test_file_records_are_read_as_on_the_slow_path(kind: type, data: st.DataObject) -> None:
    assert_same(kind, data.draw(objects(kind)))


@pytest.mark.sampled
@pytest.mark.parametrize(
    "kind", [*FILES, *dict.fromkeys(ANSWERS.values()), ContactDetails, RecordedEvent, Visit, TagScore]
)
def test_any_content_of_a_field_is_read_as_on_the_slow_path(kind: type) -> None:
    fields = [spec.path for spec in field_specs(kind)]
    for path in {field[:depth] for field in fields for depth in range(1, len(field) + 1)}:
        for odd in EVERY_ODD:
            assert_same(kind, reduce(lambda inner, name: {name: inner}, reversed(path), odd))


@settings(deadline=None, max_examples=examples(200))
@given(st.data())
def test_answers_are_read_as_on_the_slow_path(data: st.DataObject) -> None:
    kind: type = data.draw(st.sampled_from([*ANSWERS.values()]))
    assert_same(kind, data.draw(objects(kind)))


def samples(catalogue: dict[str, dict[str, Any]]) -> Iterator[tuple[type, Any]]:
    for path, entry in catalogue.items():
        for response in entry["responses"]:
            yield ANSWERS[path], response


def test_every_documented_answer_is_read_as_on_the_slow_path(catalogue: dict[str, dict[str, Any]]) -> None:
    bodies = [(kind, body) for kind, body in samples(catalogue) if isinstance(body, dict)]
    assert len(bodies) > 60
    for kind, body in bodies:
        assert_same(kind, body)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: (moment - EPOCH) // timedelta(milliseconds=1))


@settings(deadline=None)
@given(MOMENTS | st.integers(-(10**15), 10**15) | st.integers(2**31 * 1000, 2**33 * 1000))
def test_times_are_exact_to_the_millisecond(milliseconds: int) -> None:
    tag = read_leniently(TagScore, {"createdOn": milliseconds})
    try:
        expected = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        assert (tag.created_on, tag.extra) == (None, {"createdOn": milliseconds})
    else:
        assert (tag.created_on, tag.extra) == (expected, {})
        assert tag.created_on is not None
        assert tag.created_on.tzinfo is UTC


def test_a_read_value_is_a_frozen_instance_of_its_class() -> None:
    tag: Any = read_leniently(TagScore, {"tagName": "VIP", "score": 3})
    assert tag == TagScore(tag_name="VIP", score=3)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        tag.score = 4
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del tag.score
    assert pickle.loads(pickle.dumps(tag)) == copy.deepcopy(tag) == attrs.evolve(tag) == tag


def test_values_do_not_share_their_extra() -> None:
    first, second = (read_leniently(TagScore, {"tagName": "VIP"}) for _ in range(2))
    assert first.extra is not second.extra


@pytest.mark.parametrize("body", [{"eventId:": "e1"}, {"eventId:": "e1", "date": 0}, {"date": 0, "eventId:": "e1"}])
def test_a_colon_at_the_end_of_a_key_is_ignored(body: dict[str, Any]) -> None:
    event = read_leniently(RecordedEvent, body)
    assert (event.event_id, event.extra) == ("e1", {})


@pytest.mark.parametrize("names", [("eventId", "eventId:"), ("eventId:", "eventId")])
def test_of_two_equivalent_names_the_documented_one_counts(names: tuple[str, str]) -> None:
    event = read_leniently(RecordedEvent, {name: name for name in names})
    assert (event.event_id, event.extra) == ("eventId", {"eventId:": "eventId:"})


@pytest.mark.parametrize("body", [None, 5, "text", [], [{}]])
def test_content_that_is_not_an_object_is_refused(body: Any) -> None:
    with pytest.raises(ValueError, match="not an object"):
        read_leniently(TagScore, body)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("contact/upsert", {"contact": "ann@example.com"}, "contact"),
        ("contact/upsert", {"contact": [{"email": "ann@example.com"}]}, "contact"),
        ("contact/upsert", {"contact": {"email": "ann@example.com", "address": "Kraków"}}, "contact.address"),
        ("v2/contact/addContactExtEvent", {"email": "ann@example.com", "contactEvent": 5}, "contactEvent"),
    ],
)
def test_what_should_be_an_object_is_named(path: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid, match="not an object") as caught:
        read_request(path, {"owner": "ann@example.com", **body})
    assert caught.value.field == field
