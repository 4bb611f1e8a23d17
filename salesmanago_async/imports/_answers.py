"""Which records an answer accepts and which it refuses. Pure: the keys of a chunk and the answer go in, verdicts out.

The reference says little of these answers, and accounts differ: `invalidContacts` holds addresses, ids or objects,
`contactIds` is an object or a list. What cannot be traced to a record is never taken for an acceptance.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import orjson

from .._wire import messages_of
from ..api.events import EventsAdded
from ..errors import Unreadable
from .outcome import State, Verdicts

UNKNOWN_CONTACT = "the server lists its contact in failedContacts: if there is no such contact, import it first"


def of_import(keys: Sequence[str], result: Mapping[str, Any], request_id: int) -> Verdicts:
    """Judge a chunk of contacts by the result file of its job (reference: batchupsertv2).

    Accepted is who is not called invalid. But where `contactIds` names some of the chunk and leaves out others, those
    are in doubt, and so is who is in both lists (as one address may stand in several records), and everybody not in
    `contactIds` where an invalid entry fits no record.
    """
    contact_ids = _contact_ids(result.get("contactIds"), keys)
    refused, untraced = _trace(keys, result.get("invalidContacts"), "the server lists it in invalidContacts")
    messages = "; ".join(messages_of(result))
    others: dict[int, tuple[State, str]] = {}
    unnamed = [index for index, key in enumerate(keys) if key not in contact_ids]
    if untraced:
        reason = f"invalidContacts of job {request_id} has {untraced} entries that fit no record of the chunk"
        others.update(dict.fromkeys(unnamed, ("in_doubt", reason)))
    elif contact_ids and len(contact_ids) + len(refused) < len(set(keys)):
        others.update(dict.fromkeys(unnamed, ("in_doubt", f"contactIds of job {request_id} does not name it")))
    others.update(refused)
    both = f"job {request_id} names its address both as done and as invalid"
    others.update((index, ("in_doubt", both)) for index in refused if keys[index] in contact_ids)
    if result.get("success") in (False, "false"):
        reason = f"job {request_id}: {messages or 'success is false'}"
        failed: dict[int, tuple[State, str]] = dict.fromkeys(unnamed, ("rejected", reason))
        others = {**failed, **refused}
    return Verdicts("accepted", None, others, contact_ids, request_id)


def of_events(keys: Sequence[str], answer: EventsAdded) -> Verdicts:
    """Judge a chunk of events by the answer to it (reference: batchAddContactExtEvent)."""
    told = (answer.success, answer.created_amount, answer.failed_amount, answer.failed_contacts or None)
    if told == (None, None, None, None):
        return Verdicts("in_doubt", "the server's answer does not say what became of it")
    named, untraced = _trace(keys, answer.failed_contacts, UNKNOWN_CONTACT)
    failed = answer.failed_amount if answer.failed_amount is not None else len(named) + untraced
    created = answer.created_amount if answer.created_amount is not None else len(keys) - failed
    if failed >= len(keys) and not created:
        return Verdicts("rejected", "the server says that all events of the request failed", named)
    if failed < len(named):  # a contact with several events, of which only some failed
        reason = f"the server says that {failed} of {len(named)} events of the contacts in failedContacts failed"
        return Verdicts("accepted", None, dict.fromkeys(named, ("in_doubt", reason)))
    if failed > len(named) or created < len(keys) - failed:
        reason = f"the server made {created} of {len(keys)} events and does not say which"
        return Verdicts("in_doubt", reason, named)
    return Verdicts("accepted", None, named)


def result_of(content: bytes) -> Mapping[str, Any]:
    """Read the result file of an import; raise `Unreadable` where it is none."""
    try:
        result = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"its result file is no JSON: {error}") from None
    if not isinstance(result, dict) or "success" not in result:
        raise Unreadable("its result file is no object with `success`")
    return cast("dict[str, Any]", result)


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


def _contact_ids(found: object, keys: Sequence[str]) -> dict[str, str]:
    """Return {key: id} for the records that the server names, by address in lower case or by id."""
    if isinstance(found, dict) and all(map(found.get, keys)) and set(map(type, found.values())) == {str}:
        return found  # mostly they all are named as we know them
    if isinstance(found, Mapping):
        pairs = [(str(address), str(id_)) for address, id_ in cast("Mapping[str, Any]", found).items() if id_]
    else:  # a list of ids tells nothing of addresses
        ids = found if isinstance(found, list) else []
        pairs = [(str(id_), str(id_)) for id_ in ids]
    named = {address.lower(): id_ for address, id_ in pairs} | {id_: id_ for _, id_ in pairs}
    return {key: named[key] for key in keys if key in named}
