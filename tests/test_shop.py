"""Real input: the purchases of a music shop are imported, and the export agrees with the shop's own figures."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from salesmanago_async import Contact, ExternalEvent, SalesManago, Tag

pytestmark = pytest.mark.anyio

PURCHASES = Path(__file__).parent / "data" / "cdnow-purchases.csv"


def rows() -> list[dict[str, str]]:
    with PURCHASES.open(newline="") as file:
        return list(csv.DictReader(file))


def customers() -> Iterator[Contact]:
    for customer in sorted({row["customer"] for row in rows()}):
        yield Contact(email=f"customer-{customer}@cdnow.example", external_id=customer, tags=["CDNOW"])


def purchases() -> Iterator[dict[str, str]]:
    for number, row in enumerate(rows(), 1):
        yield {
            "email": f"customer-{row['customer']}@cdnow.example",
            "date": row["date"],
            "contactExtEventType": "PURCHASE",
            "value": row["dollars"],
            "detail1": row["quantity"],
            "externalId": f"CDNOW-{number}",
        }


@pytest.mark.ci
async def test_the_export_agrees_with_the_shops_figures(sm: SalesManago) -> None:
    sold: dict[str, list[Decimal]] = defaultdict(list)
    for row in rows():
        sold[row["customer"]].append(Decimal(row["dollars"]))
    assert (len(sold), sum(map(len, sold.values()))) == (2357, 6919)

    imported = await sm.contacts.upsert_many(customers())
    assert (imported.read, imported.accepted) == (2357, 2357)
    added = await sm.events.add_many(purchases())
    assert (added.read, added.accepted) == (6919, 6919)

    job = await sm.contacts.export(to=[Tag("CDNOW")], data=["CONTACT", "EXT_EVENT"])
    exported: dict[str, list[Decimal]] = {}
    identifiers: set[str | None] = set()
    async with job.records() as records:
        async for record in records:
            assert record.contact_data is not None
            customer = str(record.contact_data.external_id)
            exported[customer] = [Decimal(str(event.value)) for event in record.ext_event_data]
            identifiers |= {event.external_id for event in record.ext_event_data}
    assert exported == sold
    assert identifiers == {f"CDNOW-{number}" for number in range(1, 6920)}


@pytest.mark.ci
async def test_the_dates_are_returned_unchanged(sm: SalesManago) -> None:
    await sm.contacts.upsert_many(customers())
    await sm.events.add_many(purchases())
    (first,) = await sm.contacts.get(["customer-00004@cdnow.example"])
    dates = [f"{event.date:%Y%m%d}" for event in first.contact_ext_events if event.date]
    assert dates == [row["date"] for row in rows() if row["customer"] == "00004"]


def test_a_value_is_stored_as_in_the_shops_data() -> None:
    event = ExternalEvent(email="a@x.pl", date=10**12, contact_ext_event_type="PURCHASE", value=Decimal("29.33"))
    from salesmanago_async.api import AddContactExtEvent, write_request

    assert write_request(AddContactExtEvent(event))["contactEvent"]["value"] == 29.33


@pytest.mark.ci
async def test_the_files_to_try_are_imported_without_a_warning(sm: SalesManago) -> None:
    contacts = await sm.contacts.upsert_many(PURCHASES.with_name("contacts.csv"))
    events = await sm.events.add_many(PURCHASES.with_name("events.csv"))
    for report in (contacts, events):
        assert report.accepted == report.read > 900
        assert report.warnings == ()
