"""What a tolerant reading leaves of a body: nothing documented is lost, nothing undocumented is kept."""

from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.api.tolerance import tolerated
from tests.api.test_contract import PATHS, Catalogue, with_one_more


@pytest.mark.parametrize("path", PATHS)
def test_a_sample_is_kept_as_it_is(path: str, catalogue: Catalogue) -> None:
    for sample in catalogue[path]["requests"]:
        body = api.without_credentials(path, sample)
        kept, others = tolerated(api.REQUESTS[path], body)
        assert others == []
        assert api.read_request(path, kept) == api.read_request(path, body)


@pytest.mark.parametrize("path", PATHS)
def test_one_more_field_at_any_depth_is_left_out_and_named(path: str, catalogue: Catalogue) -> None:
    for sample in catalogue[path]["requests"]:
        body = api.without_credentials(path, sample)
        expected = api.read_request(path, body)
        for odd in with_one_more(body):
            kept, others = tolerated(api.REQUESTS[path], odd)
            assert [name.rpartition(".")[2] for name in others] == ["favouriteColour"]
            assert api.read_request(path, kept) == expected


NOON = 1_767_268_800


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (NOON, NOON * 1000),
        (str(NOON), str(NOON * 1000)),
        (NOON * 1000, NOON * 1000),
        ("2026-01-01", "2026-01-01"),
        (0, 0),
        (86_400_000, 86_400_000),
        (True, True),
        (None, None),
        ([NOON], [NOON]),
    ],
)
def test_times_in_seconds_become_milliseconds(given: Any, taken: Any) -> None:
    event = {"email": "ann@example.com", "contactEvent": {"date": given, "contactExtEventType": "CART"}}
    kept, _ = tolerated(api.AddContactExtEvent, event)
    found = kept["contactEvent"]["date"]
    assert str(found) == str(taken)


@pytest.mark.parametrize(("given", "taken"), [(NOON, NOON), (NOON * 1000, NOON), ("x", "x")])
def test_times_in_milliseconds_become_seconds_where_these_are_documented(given: Any, taken: Any) -> None:
    kept, _ = tolerated(api.ExportContactsData, {"dateRange": {"startDate": given}})
    assert kept == {"dateRange": {"startDate": taken}}


def test_a_number_that_is_no_time_stays() -> None:
    details = [{"name": "shoe", "type": "NUMBER", "value": NOON}]
    assert tolerated(api.UpsertContact, {"dictionaryProperties": details})[0] == {"dictionaryProperties": details}


@pytest.mark.parametrize("content", ["text", 7, ["text"], [7, None]])
def test_what_is_no_object_is_left_to_the_strict_reading(content: Any) -> None:
    assert tolerated(api.UpsertContact, {"contact": content}) == ({"contact": content}, [])
    assert tolerated(api.BatchUpsertContacts, {"upsertDetails": content}) == ({"upsertDetails": content}, [])
