"""Which records an answer accepts and which it refuses. Pure: the keys of a chunk and the answer go in, verdicts out.

The reference says little of these answers, and accounts differ: `invalidContacts` holds addresses, ids or objects,
`contactIds` is an object or a list. What cannot be traced to a record is never taken for an acceptance.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from attrs import field, frozen

from .._wire import messages_of
from ..api.events import EventsAdded
from .outcome import State


@frozen
class Verdicts:
    """`state` and `reason` for every record of a chunk, except those at the indices of `others`.

    `contact_ids` maps keys (addresses in lower case) to the ids the server told.
    """

    state: State
    reason: str | None = None
    others: Mapping[int, tuple[State, str]] = field(factory=dict)
    contact_ids: Mapping[str, str] = field(factory=dict)
    request_id: int | None = None


def of_import(keys: Sequence[str], result: Mapping[str, Any], request_id: int) -> Verdicts:
    """Judge a chunk of contacts by the result file of its job (reference: batchupsertv2)."""
    contact_ids = _contact_ids(result.get("contactIds"))
    refused, untraced = _trace(keys, result.get("invalidContacts"), "the server lists it in invalidContacts")
    messages = "; ".join(messages_of(result))
    if result.get("success") in (False, "false"):
        return Verdicts("rejected", f"job {request_id}: {messages or 'success is false'}", refused, {}, request_id)
    if untraced:
        reason = f"invalidContacts of job {request_id} has {untraced} entries that fit no record of the chunk"
        doubtful: dict[int, tuple[State, str]] = {
            index: ("in_doubt", reason) for index, key in enumerate(keys) if key not in contact_ids
        }
        return Verdicts("accepted", None, {**doubtful, **refused}, contact_ids, request_id)
    return Verdicts("accepted", None, refused, contact_ids, request_id)


def of_events(keys: Sequence[str], answer: EventsAdded) -> Verdicts:
    """Judge a chunk of events by the answer to it (reference: batchAddContactExtEvent)."""
    named, untraced = _trace(keys, answer.failed_contacts, "the server lists its contact in failedContacts")
    failed = answer.failed_amount if answer.failed_amount is not None else len(named) + untraced
    created = answer.created_amount if answer.created_amount is not None else len(keys) - failed
    if failed < len(named):  # a contact with several events, of which only some failed
        reason = f"the server says that {failed} of {len(named)} events of the contacts in failedContacts failed"
        return Verdicts("accepted", None, dict.fromkeys(named, ("in_doubt", reason)))
    if failed > len(named) or created < len(keys) - failed:
        reason = f"the server made {created} of {len(keys)} events and does not say which"
        return Verdicts("in_doubt", reason, named)
    return Verdicts("accepted", None, named)


def _trace(keys: Sequence[str], listed: object, why: str) -> tuple[dict[int, tuple[State, str]], int]:
    """Return the refused records by index, and how many entries of the list fit no record."""
    where: defaultdict[str, list[int]] = defaultdict(list)
    entries = _entries(listed)
    for index, key in enumerate(keys) if entries else ():
        where[key].append(index)
    refused: dict[int, tuple[State, str]] = {}
    untraced = 0
    for names, reason in entries:
        found = next((where[name] for name in names if name in where), [])
        untraced += not found
        refused.update((index, ("rejected", reason or why)) for index in found)
    return refused, untraced


def _entries(listed: object) -> list[tuple[list[str], str | None]]:
    """Return of each entry the names it may go by, and the reason it gives."""
    if isinstance(listed, Mapping):  # {address: reason}
        pairs = cast("Mapping[str, Any]", listed).items()
        return [([str(name).lower(), str(name)], str(reason) if reason else None) for name, reason in pairs]
    if not isinstance(listed, Iterable) or isinstance(listed, str | bytes):
        return []
    return [_entry(entry) for entry in listed]


def _entry(entry: Any) -> tuple[list[str], str | None]:
    if not isinstance(entry, Mapping):
        return [str(entry).strip().lower(), str(entry).strip()], None
    fields = cast("Mapping[str, Any]", entry)
    inner = fields.get("contact")
    places = [fields, cast("Mapping[str, Any]", inner)] if isinstance(inner, Mapping) else [fields]
    names = [str(place[name]) for place in places for name in ("email", "contactId", "id") if place.get(name)]
    reasons = [*messages_of(fields), *(str(fields[name]) for name in ("reason", "error") if fields.get(name))]
    return [spelling for name in names for spelling in (name.lower(), name)], "; ".join(reasons) or None


def _contact_ids(found: object) -> dict[str, str]:
    """Return {address in lower case: id}; a list of ids names no address, so it tells nothing per record."""
    if not isinstance(found, Mapping):
        return {}
    pairs = cast("Mapping[str, Any]", found).items()
    return {str(address).lower(): str(contact_id) for address, contact_id in pairs if contact_id}
