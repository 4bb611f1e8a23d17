"""The reference's samples: every request, answer and file of the catalogue is read and written without loss."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import attrs
import pytest

from salesmanago_async import api
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.codegen import field_specs
from salesmanago_async.api.contacts import ContactList
from salesmanago_async.api.request import DEFAULTED, answer_type
from salesmanago_async.errors import Invalid
from salesmanago_async.exports.shapes import contact_export

Catalogue = dict[str, dict[str, Any]]
PATHS = sorted(api.REQUESTS)
FREE = {"properties"}
"""Objects whose keys are chosen by the caller."""


def requests_of(catalogue: Catalogue, path: str) -> list[dict[str, Any]]:
    polls = [body for entry in catalogue.values() for body in entry.get("statusRequests", ())]
    return [*catalogue[path]["requests"], *(polls if path == "job/status" else [])]


def answers_of(catalogue: Catalogue, path: str) -> list[dict[str, Any]]:
    polls = [body for entry in catalogue.values() for body in entry.get("statusResponses", ())]
    found: list[dict[str, Any]] = whole([*catalogue[path]["responses"], *(polls if path == "job/status" else [])])
    return found


def whole(sample: Any) -> Any:
    """A sample without "... jw. ...", which one of them has in place of more entries like the ones above."""
    if isinstance(sample, dict):
        return {name: whole(value) for name, value in cast("dict[str, Any]", sample).items()}
    return [whole(entry) for entry in sample if entry != "... jw. ..."] if isinstance(sample, list) else sample


def answer_class(path: str) -> Any:
    request_class: Any = api.REQUESTS[path]
    return answer_type(request_class)


def normalized(value: Any, name: str = "") -> Any:
    """The content of a body, without the differences that the interface allows."""
    if isinstance(value, Mapping):
        fields = {key: normalized(inner, key) for key, inner in cast("Mapping[str, Any]", value).items()}
        return {key: inner for key, inner in fields.items() if inner not in (None, "", {})}
    if isinstance(value, list):
        return [normalized(entry) for entry in value]
    if isinstance(value, str):
        if re.fullmatch(r"-?\d+(\.\d+)?", value):
            return float(value)
        return value.upper() if name == "addresseeType" else re.sub(r",\s+", ",", value)
    return value


def as_json(value: Any) -> Any:
    """The content of an answer as JSON: its typed fields and its `extra`."""
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    if isinstance(value, Mapping):
        return {key: as_json(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    if not attrs.has(type(value)):
        return value
    body: dict[str, Any] = {}
    kind: Any = type(value)
    for spec in field_specs(kind):
        if spec.name != "extra":
            content = getattr(value, spec.name)
            unit = spec.write if isinstance(content, datetime) else as_json  # in seconds if the reference uses seconds
            _put(body, spec.path, as_json(unit(content)))
    for key, content in value.extra.items():
        _put(body, tuple(key.split(".")), content)
    return body


def _put(body: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        body = body.setdefault(step, {})
    if value != [] and value is not None:
        assert path[-1] not in body
        body[path[-1]] = value


def cleaned(value: Any) -> Any:
    """The content of a sample answer, with times in milliseconds and the typo "eventId:" corrected."""
    if isinstance(value, Mapping):
        fields = {key.removesuffix(":"): cleaned(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
        return {key: inner for key, inner in fields.items() if inner is not None and inner != []}
    if isinstance(value, list):
        return [cleaned(entry) for entry in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1000
    return value


def extras(value: Any) -> Iterator[str]:
    """The names of the content that has no field of its own."""
    if isinstance(value, list | tuple):
        for entry in value:
            yield from extras(entry)
    elif isinstance(value, Mapping):
        yield from extras(list(cast("Mapping[str, Any]", value).values()))
    elif attrs.has(type(value)):
        yield from (name for name, content in value.extra.items() if content is not None)
        for field in attrs.fields(type(value)):
            yield from extras(getattr(value, field.name))


def with_one_more(body: Any) -> Iterator[Any]:
    """Copies of a body, each with an additional field in one of its objects."""
    if isinstance(body, list):
        for index, entry in enumerate(body):
            yield from ([*body[:index], more, *body[index + 1 :]] for more in with_one_more(entry))
    if isinstance(body, dict):
        yield {**body, "favouriteColour": "green"}
        for name, inner in cast("dict[str, Any]", body).items():
            if name not in FREE:
                yield from ({**body, name: more} for more in with_one_more(inner))


@pytest.mark.parametrize("path", PATHS)
def test_a_sample_request_is_written_as_it_was_read(catalogue: Catalogue, path: str) -> None:
    samples = requests_of(catalogue, path)
    assert samples
    for body in samples:
        fields = {name: value for name, value in body.items() if name not in api.CREDENTIAL_FIELDS}
        request = api.read_request(path, body)
        assert type(request) is api.REQUESTS[path]
        assert normalized(api.write_request(request)) == normalized(fields)


@pytest.mark.parametrize("path", PATHS)
def test_no_value_of_a_sample_answer_is_lost(catalogue: Catalogue, path: str) -> None:
    samples = answers_of(catalogue, path)
    assert samples
    for body in samples:
        answer = read_leniently(answer_class(path), body)
        assert normalized(as_json(answer)) == normalized(cleaned(body))


@pytest.mark.parametrize("path", PATHS)
def test_every_documented_value_of_an_answer_has_a_field(catalogue: Catalogue, path: str) -> None:
    for body in answers_of(catalogue, path):
        assert list(extras(read_leniently(answer_class(path), body))) == []


def test_no_value_of_the_sample_export_is_lost(catalogue: Catalogue) -> None:
    (file,) = catalogue["contact/export/data"]["files"]
    assert len(file) == 2
    for record in file:
        ((contact_id, parts),) = record.items()
        contact = contact_export(record)
        assert normalized(as_json(contact)) == normalized(cleaned({"contactId": contact_id, **parts}))
        assert list(extras(contact)) == []


def test_the_sample_export_is_typed(catalogue: Catalogue) -> None:
    first, second = (contact_export(record) for record in catalogue["contact/export/data"]["files"][0])
    assert first.contact_id == "5bb84002-08ae-11e7-a63d-28d24400c116"
    assert first.contact_data
    assert (first.contact_data.email, first.contact_data.opted_out) == ("test.test@onet.pl", False)
    assert first.contact_data.created_on == datetime(2017, 3, 14, 12, 4, 17, tzinfo=UTC)
    (event,) = first.ext_event_data
    assert (event.event_id, event.value) == ("dsakjl-fsdfsd-fsdfds-fsdf-awrew", 100.56)
    assert [tag.tag_name for tag in second.tag_data] == ["TEST1", "LESZNO", "TEST2"]
    assert [consent.created_on for consent in second.consents_data] == [datetime(2018, 10, 22, tzinfo=UTC)] * 3


def test_the_sample_contact_is_typed(catalogue: Catalogue) -> None:
    (sample,) = catalogue["contact/list"]["responses"]
    (contact,) = read_leniently(ContactList, sample).contacts
    assert (contact.street_address, contact.zip_code, contact.city) == ("Grzegórzecka 21", "", "Kraków")
    assert (contact.birthday_year, contact.birthday_month, contact.birthday_day) == (2000, 1, 1)
    assert contact.contact_visits[0].time == datetime(2012, 1, 31, 23, 0, 10, 504000, tzinfo=UTC)
    assert [consent.action for consent in contact.consents] == ["A", "D", "R"]


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_field_is_refused_by_name_at_every_depth(catalogue: Catalogue, path: str) -> None:
    for body in catalogue[path]["requests"]:
        for odd in with_one_more(body):
            with pytest.raises(Invalid, match="favouriteColour") as caught:
                api.read_request(path, odd)
            assert "favouriteColour" in str(caught.value.field)


@pytest.mark.parametrize("path", PATHS)
def test_a_missing_field_is_refused_by_name(catalogue: Catalogue, path: str) -> None:
    sample = catalogue[path]["requests"][0]
    for name in set(catalogue[path]["required"]) - DEFAULTED:
        with pytest.raises(Invalid, match="missing") as caught:
            api.read_request(path, {key: value for key, value in sample.items() if key != name})
        assert str(caught.value.field).split(".")[0] == name


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("contact/upsert", {"contact": {"name": "Ann"}}),
        ("v2/contact/addContactExtEvent", {"contactEvent": {"date": 1659938888000, "contactExtEventType": "CART"}}),
        ("contact/batchupsertv2", {"upsertDetails": [{"contact": {"name": "Ann"}}]}),
    ],
)
def test_a_request_without_a_contact_is_refused(path: str, body: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="email"):
        api.read_request(path, body)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("contact/hasContact", {"email": {"value": "ann@example.com"}}, "email"),
        ("job/status", {"requestId": "thirty-seven"}, "requestId"),
        ("contact/upsert", {"contact": "ann@example.com"}, "contact"),
        ("contact/upsert", {"contact": {"email": "ann@example.com"}, "forceOptIn": "maybe"}, "forceOptIn"),
        ("contact/batchupsertv2", {"upsertDetails": ["ann@example.com"]}, "upsertDetails"),
        ("contact/export/data", {"contacts": ["VIP"], "data": [{"dataType": "TAG"}]}, "contacts"),
        ("contact/export/data", {"contacts": [{"addresseeType": "tag", "value": "VIP"}], "data": ["TAG"]}, "data"),
        (
            "contact/export/data",
            {"contacts": [{"addresseeType": "tag", "value": "VIP"}], "data": [{"type": 1}]},
            "data",
        ),
        ("contact/export/data", {"contacts": [{"addresseeType": "sign", "value": "Leo"}], "data": []}, "contacts"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_by_name(path: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request(path, body)
    assert str(caught.value.field).startswith(field)


def test_a_path_that_is_not_documented_is_refused() -> None:
    with pytest.raises(Invalid, match="contact/upsret"):
        api.read_request("contact/upsret", {})
