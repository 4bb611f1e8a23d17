"""The events of exported contacts, each with the address and the id of its contact."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import (
    Contact,
    ContactEvent,
    ContactExport,
    Email,
    ExternalEvent,
    SalesManago,
    Tag,
    Unreadable,
    contact_events,
)
from salesmanago_async.exports.shapes import contact_export, events_of_contacts, split_batch

ID, DAY = "5bb84002", 1_700_006_400_000
EVENT = {"eventId": "e1", "date": DAY, "contactExtEventType": "CART", "value": "1.50"}


@pytest.mark.parametrize(
    ("contact", "events"),
    [
        ({ID: {"contactData": {"email": "a@b.pl"}, "extEventData": [EVENT]}}, [("a@b.pl", ID)]),
        ({ID: {"contactData": {"email": "a@b.pl"}, "extEventData": None}}, []),
        ({ID: {"contactData": None, "extEventData": [EVENT, EVENT]}}, [(None, ID), (None, ID)]),
        ({ID: {"extEventData": [EVENT, None, 7]}}, [(None, ID)]),
        ({ID: {}}, []),
        ({"id": ID, "email": "a@b.pl", "contactExtEvents": [EVENT]}, [("a@b.pl", ID)]),
        ({"contactId": ID, "email": "a@b.pl", "contactExtEvents": [EVENT]}, [("a@b.pl", ID)]),
        ({"email": "a@b.pl", "contactExtEvents": []}, []),
        ({}, []),
    ],
)
def test_events_of_an_object_are_objects(contact: dict[str, Any], events: list[tuple[Any, Any]]) -> None:
    found = contact_events(contact)
    assert found == [{"email": email, "contactId": contact_id, **EVENT} for email, contact_id in events]


def test_the_documented_file_spells_a_name_with_a_colon() -> None:
    (event,) = contact_events({ID: {"extEventData": [{"eventId:": "e1"}]}})
    assert event == {"email": None, "contactId": ID, "eventId": "e1"}


def test_events_of_a_typed_contact_are_typed() -> None:
    raw = {ID: {"contactData": {"email": "a@b.pl"}, "extEventData": [{**EVENT, "newer": 1}]}}
    expected = ContactEvent(
        email="a@b.pl",
        contact_id=ID,
        event_id="e1",
        date=datetime.fromtimestamp(DAY / 1000, UTC),
        contact_ext_event_type="CART",
        value=1.5,
        extra={"newer": 1},
    )
    assert contact_events(contact_export(raw)) == [expected]
    assert contact_events(ContactExport(contact_id=ID)) == []


def test_a_file_of_something_else_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="not an object"):
        split_batch(events_of_contacts, [7])


async def _fill(sm: SalesManago) -> None:
    for name in ("ann", "bob", "cyd"):
        await sm.contacts.upsert(Contact(email=f"{name}@x.pl", tags=["VIP"]))
    for number, name in enumerate(["ann", "bob", "ann"]):
        await sm.events.add(
            ExternalEvent(email=f"{name}@x.pl", date=DAY + number, contact_ext_event_type="CART", value=number)
        )


@pytest.mark.anyio
async def test_the_records_of_the_job_are_events(sm: SalesManago) -> None:
    await _fill(sm)
    job = await sm.contacts.export_events([Tag("VIP")])
    async with job.records() as records:
        events = [event async for event in records]
    assert [(event.email, event.value) for event in events] == [("ann@x.pl", 0), ("ann@x.pl", 2), ("bob@x.pl", 1)]
    assert all(event.contact_id and event.event_id for event in events)
    async with job.records(raw=True) as raw:
        assert [event["email"] async for event in raw] == ["ann@x.pl", "ann@x.pl", "bob@x.pl"]


@pytest.mark.anyio
async def test_a_saved_file_of_events_can_be_added(sm: SalesManago, tmp_path: Path) -> None:
    await _fill(sm)
    job = await sm.contacts.export_events([Email("ann@x.pl"), Email("bob@x.pl")])
    assert await job.save(tmp_path / "events.csv") == 3
    with (tmp_path / "events.csv").open() as file:
        assert [row["email"] for row in csv.DictReader(file)] == ["ann@x.pl", "ann@x.pl", "bob@x.pl"]
    await job.save(tmp_path / "events.jsonl")
    for name in ("events.csv", "events.jsonl"):
        report = await sm.events.add_many(tmp_path / name)
        assert (report.accepted, report.rejected) == (3, 0)
    assert len([event async for contact in sm.contacts.walk() for event in contact_events(contact)]) == 9


@pytest.mark.anyio
async def test_the_shape_of_saved_json_can_be_chosen(sm: SalesManago, tmp_path: Path) -> None:
    await _fill(sm)
    job = await sm.contacts.export([Tag("VIP")], ["CONTACT", "TAG"])
    await job.save(tmp_path / "documented.json")
    await job.save(tmp_path / "flat.json", shape="flat")
    documented, flat = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("documented", "flat"))
    assert [{row["id"]: row["email"]} for row in flat] == [
        {contact_id: parts["contactData"]["email"]} for record in documented for contact_id, parts in record.items()
    ]
    assert flat[0]["tags"] == ["VIP"]
    with pytest.raises(ValueError, match="shape"):
        await job.save(tmp_path / "x.json", shape="nested")  # type: ignore[arg-type]
