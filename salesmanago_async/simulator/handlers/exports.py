"""contact/export/data: the content of an export."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact
from ._details import DETAILS, EVENT, basic


def export_data(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/export/data: the file has the data that exists when the job ends."""
    types = [entry["dataType"] for entry in body["data"]]
    for kind in types:
        if kind not in _PARTS:
            raise RefusedCall(f"dataType: {kind} is not one of {', '.join(_PARTS)}")

    def export() -> bytes:
        chosen = store.select(body["contacts"])
        records = [{contact.id: {_PARTS[kind][0]: part(contact, kind) for kind in types}} for contact in chosen]
        return orjson.dumps(records)

    def part(contact: StoredContact, kind: str) -> Any:
        content = _PARTS[kind][1](contact)
        return _within(content, _DATES[kind], body["dateRange"]) if content and is_limited(kind) else content

    def is_limited(kind: str) -> bool:
        return bool(body.get("dateRange")) and kind in _DATES

    return {"message": ["Export added to execute."], "requestId": store.start_job(export)}


def _within(entries: list[dict[str, Any]], date: str, span: Mapping[str, int]) -> list[dict[str, Any]] | None:
    """Return the entries in a span of UNIX seconds, including its ends; None if there are none."""
    first, last = span.get("startDate"), span.get("endDate")
    return [
        entry
        for entry in entries
        if (first is None or entry[date] >= first * 1000) and (last is None or entry[date] < (last + 1) * 1000)
    ] or None


_DATES = {"EXT_EVENT": "date", "VISITS": "time", "EMAILS": "date", "NOTES": "date", "TASKS": "date", "SMS": "dateSent"}
"""Data type → the date of its entries. [guess] dateRange limits the parts that have a time, and no contacts."""


def _contact_data(contact: StoredContact) -> dict[str, Any]:
    address = ("streetAddress", "zipCode", "city", "country")
    return {
        **basic(contact),
        **{name: contact.fields.get(name) for name in (*address, "birthday")},
        "mainOwner": contact.main_owner,
        "lastOptInOn": contact.opted_in_on,
        "lastOptOutOn": contact.opted_out_on,
    }


def _event_data(contact: StoredContact) -> list[dict[str, Any]] | None:
    return [
        {**{name: event.get(name) for name in (*EVENT, "externalId")}, **_present(event, DETAILS)}
        for event in contact.events
    ] or None


def _present(event: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: event[name] for name in names if name in event}


def _consent_data(contact: StoredContact) -> list[dict[str, Any]] | None:
    return [
        {**consent, "createdOn": _day(consent["createdOn"]), "dateOn": _day(consent["dateOn"])}
        for consent in contact.consents.values()
    ] or None


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()


_PARTS: dict[str, tuple[str, Any]] = {
    "CONTACT": ("contactData", _contact_data),
    "TAG": ("tagData", lambda contact: list(contact.tags.values()) or None),
    "EXT_EVENT": ("extEventData", _event_data),
    "VISITS": ("visitsData", lambda contact: contact.visits or None),
    "EMAILS": ("emailsData", lambda contact: contact.emails or None),
    "FUNNELS": ("funnelsData", lambda contact: contact.funnels or None),
    "NOTES": ("notesData", lambda contact: contact.notes or None),
    "TASKS": ("tasksData", lambda contact: contact.tasks or None),
    "COUPONS": ("couponsData", lambda contact: contact.coupons or None),
    "SMS": ("smsData", lambda contact: contact.sms or None),
    "CONSENTS": ("consentsData", _consent_data),
    "PROPERTIES": (
        "contactPropertiesData",
        lambda contact: [{"name": name, "value": value} for name, value in contact.properties.items()] or None,
    ),
    "DICTIONARY_PROPERTIES": (
        "contactDictionaryPropertiesData",
        lambda contact: list(contact.dictionary.values()) or None,
    ),
}
"""Data type → its key in the file, and the function that returns its content."""

HANDLERS: dict[str, Handler] = {"contact/export/data": export_data}
