"""The columns of an exported table that are no fields of an import: what an import does with them.

An exported table is imported as it is. Columns that only the server fills (`modifiedOn`, `score`, events, …) are passed
over. Three columns have a meaning for an import, under another name:

    optedOut, optedOutPhone    True opts the contact out. False changes nothing: the contact may have opted out since
                               the export, and an old file must not opt the contact in again.
    consents                   consentDetails. Consents that were withdrawn or refused are as the export has them. Those
                               that were given are left out, unless they are asked for: the contact may have withdrawn
                               them since, and nothing keeps the server from taking an old answer for a new one.

`id` is passed over, because an id belongs to one account, and the address names the contact in every account. For the
same reason events that have an address are imported without their `contactId`.

Some of these names are common: `id` in a table of one's own is probably an `externalId`. So the columns of contacts are
known only in a table that is an export: it has names that only an export has, in the API's spelling.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from typing import Any, cast

import orjson

from ..api.codegen import FieldSpec, field_specs, named_errors, names_of, part_writer
from ..api.contact_details import ContactDetails
from ..api.contact_exports import ContactExport, ExportedContact
from ..api.contact_lists import BasicContact, ContactOnPage
from ..api.contacts import ConsentDetail, Contact
from ..api.events import ExternalEvent
from ..api.fields import boolean
from ..errors import Invalid

MARKS = frozenset(
    {"optedOut", "optedOutPhone", "modifiedOn", "lastOptInOn", "lastOptOutOn", "mainOwner", "mainContactOwner"}
)
"""Names that tables of other programs hardly have; two of them show that a table of contacts is an export."""

PAGE_MARKS = frozenset({"success", "exists"})
"""Both of these show an export of all contacts."""

EVENT_MARK = "eventId"
"""The name that shows an export of events."""

CONSENTS = "consents"
"""The column of an export that has the answers of a contact to consents."""

ExportedColumns = Mapping[object, FieldSpec | None]
"""What the columns of an exported table stand for: a field, or None for a column that is passed over."""


def is_exported(record_class: type, names: Collection[object]) -> bool:
    """Return whether a table or a record with these names is an export."""
    if record_class is Contact:
        return len(MARKS.intersection(names)) > 1 or len(PAGE_MARKS.intersection(names)) == len(PAGE_MARKS)
    return record_class is ExternalEvent and EVENT_MARK in names


def exported_columns(
    record_class: type, names: Collection[object], *, accept_consents: bool = False
) -> ExportedColumns:
    """Return those of `names` that only an export has; none if the table with these names is not an export.

    With `accept_consents`, consents that contacts had given are given again. Raises `Invalid` if a column of the export
    and the field that it stands for are both there.
    """
    if not is_exported(record_class, names):
        return {}
    if record_class is ExternalEvent:
        return dict.fromkeys([EVENT_MARK, *(["contactId"] if "email" in names else [])])
    given = [name for name in names if isinstance(name, str)]
    columns: dict[object, FieldSpec | None] = {
        name: None for name in given if name.partition(".")[0] in _only_exported()
    }
    for name, (fields, spec) in _renamed_columns(accept_consents).items():
        if name in columns:
            for twin in fields.intersection(given):
                raise Invalid(f"is given 2 times, as {name} and {twin}", field=twin)
            columns[name] = spec
    return columns


@cache
def _only_exported() -> frozenset[str]:
    """Return the names that contacts have in exports and lists, and that are no fields of an import."""
    kinds = (ExportedContact, ContactDetails, ContactOnPage, BasicContact, ContactExport)
    names = {spec.wire_name for kind in kinds for spec in field_specs(kind) if spec.name != "extra"}
    return frozenset(names - names_of(Contact).keys())


def _opt_out(value: object) -> bool | None:
    return True if boolean(value) else None


def has_consents(record_class: type, names: Collection[object]) -> bool:
    """Return whether a table with these names is an export that has consents."""
    return record_class is Contact and CONSENTS in names and is_exported(record_class, names)


def _consents(value: object, *, accept: bool) -> list[Any] | None:
    """Return the consents of an import for those of an export; in a cell of a table they are JSON."""
    given: object = value
    if isinstance(value, str):
        try:
            given = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError("is not a list of consents, as an export has it") from None
    if not isinstance(given, list):
        raise ValueError(f"is a {type(given).__name__}, not a list of consents")  # noqa: TRY004 - as in api/fields.py
    consents = [_consent(entry) for entry in cast("list[object]", given)]
    return [consent for consent in consents if accept or not consent["consentAccept"]] or None


def _consent(entry: object) -> Any:
    if isinstance(entry, Mapping) and "action" in entry:
        recorded = cast("Mapping[str, Any]", entry)
        if recorded["action"] not in _ANSWERS:
            raise ValueError(f"the action of a consent is {recorded['action']!r}, not one of {', '.join(_ANSWERS)}")
        accepted, opted_out = _ANSWERS[recorded["action"]]
        entry = {
            "consentName": recorded.get("name"),
            "consentAccept": accepted,
            "optOut": opted_out,
            "agreementDate": recorded.get("dateOn") or recorded.get("createdOn"),
            "ip": recorded.get("ip"),
        }
    return part_writer(ConsentDetail)(entry)


_ANSWERS = {"A": (True, False), "D": (False, True), "R": (False, False)}
"""The action of a recorded consent → consentAccept and optOut of an import."""


def _renamed(column: str, field: str, write: Callable[[object], Any]) -> tuple[frozenset[str], FieldSpec]:
    names = frozenset(name for name, spec in names_of(Contact).items() if spec.wire_name == field)
    return names, FieldSpec(column, (field,), named_errors(column, write))


@cache
def _renamed_columns(accept_consents: bool) -> Mapping[str, tuple[frozenset[str], FieldSpec]]:
    """Return the columns of an export that an import takes: the names of the field, and how the column is written."""
    return {
        "optedOut": _renamed("optedOut", "forceOptOut", _opt_out),
        "optedOutPhone": _renamed("optedOutPhone", "forcePhoneOptOut", _opt_out),
        CONSENTS: _renamed(CONSENTS, "consentDetails", partial(_consents, accept=accept_consents)),
    }
