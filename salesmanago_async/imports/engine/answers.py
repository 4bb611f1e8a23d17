"""Which records an answer accepts and which it refuses. Pure: returns verdicts for the keys of a chunk and an answer.

The reference says little about these answers, and accounts differ: `invalidContacts` holds addresses, ids or objects,
`contactIds` is an object or a list. So this module reads many forms, but it accepts nothing on a guess:

    success           only `true` is a success: null, {} or "maybe" say nothing; "False" and "no" are a no
    accepted          the answer names the record; or the answer names no record at all, and does not refuse this one
    numbers           there are as many ids, or events created and failed, as there are records
    types             a list is a list, a number is a number: "invalidContacts": "all" cannot be traced to records

A record to which nothing in the answer can be traced is not accepted: it is in doubt.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from attrs import define, field

from ...api.fields import integer
from ...connection.wire import messages_of, safe_text, success_of
from ...errors import Unreadable
from ...outcome import State, Verdicts
from ...records.names import canonical
from ...support.lenient_json import loads

Verdict: TypeAlias = tuple[State, str]
Aliases: TypeAlias = Mapping[int, Sequence[str]]
"""Further names of the records at these indices."""

UNKNOWN_CONTACT = "the server lists its contact in failedContacts: if there is no such contact, import it first"
_LISTS = frozenset({"contactIds", "invalidContacts"})


# Contacts


def of_import(
    keys: Sequence[str], result: Mapping[str, Any], request_id: int, *, aliases: Aliases | None = None
) -> Verdicts:
    """Return the verdicts on a chunk of contacts from the result file of its job (reference: batchupsertv2).

    A contact is accepted if `contactIds` names it and `invalidContacts` does not. If the file names no ids at all, its
    success holds for every contact that is not listed as invalid, provided that every invalid entry is found in the
    chunk.
    """
    ids = result.get("contactIds")
    if result.get("success") is True and _is_empty(result.get("invalidContacts")) and _names_all(ids, keys):
        # nearly every file
        return Verdicts("accepted", contact_ids=cast("dict[str, str]", ids), request_id=request_id)
    success = success_of(result)
    if success is None or (success and _is_unclear(result)):
        return Verdicts(
            "in_doubt", f"the result of job {request_id} does not say what became of it", {}, {}, request_id
        )
    if success and _is_empty(ids) and _is_empty(result.get("invalidContacts")):
        return Verdicts("accepted", request_id=request_id)
    by_name = _index_by_name(keys, aliases)
    refused, untraced = _trace(by_name, result.get("invalidContacts"), "the server lists it in invalidContacts")
    confirmed = _Confirmed.read(by_name, ids)
    if not success:
        return _failed(result, confirmed, refused, request_id)
    reason = _why_in_doubt(keys, result, confirmed, refused, untraced=untraced, request_id=request_id)
    others: dict[int, Verdict] = {}
    if reason:
        others.update((index, ("in_doubt", reason)) for index in range(len(keys)) if index not in confirmed.named)
    others.update(refused)
    both = f"job {request_id} names its contact both as done and as invalid"
    others.update((index, ("in_doubt", both)) for index in refused if index in confirmed.named)
    return Verdicts("accepted", None, others, confirmed.by_key(keys), request_id)


def _names_all(ids: Any, keys: Sequence[str]) -> bool:
    """Return whether every record is named, in our spelling, with an id that is a string.

    Nearly every file is like that.
    """
    return isinstance(ids, dict) and all(map(ids.get, keys)) and set(map(type, ids.values())) == {str}


def _is_unclear(result: Mapping[str, Any]) -> bool:
    """Return whether a result has none of the documented shapes, so that its success says nothing about any record."""
    ids, invalid = result.get("contactIds"), result.get("invalidContacts")
    return not _LISTS & result.keys() or _is_odd(ids) or (_is_odd(invalid) and bool(invalid))


def _is_odd(listed: object) -> bool:
    return listed is not None and not isinstance(listed, list | Mapping)


def _is_empty(listed: object) -> bool:
    return listed is None or (isinstance(listed, list | Mapping) and not listed)


def _failed(
    result: Mapping[str, Any], confirmed: "_Confirmed", refused: Mapping[int, Verdict], request_id: int
) -> Verdicts:
    """Return the verdicts of a job that was no success; a record that the file also names as done is in doubt."""
    reason = f"job {request_id}: {'; '.join(messages_of(result)) or 'success is false'}"
    both = f"job {request_id} names its contact as done, and says that it was no success"
    named: dict[int, Verdict] = dict.fromkeys(confirmed.named, ("in_doubt", both))
    return Verdicts("rejected", reason, {**refused, **named}, {}, request_id)


def _why_in_doubt(
    keys: Sequence[str],
    result: Mapping[str, Any],
    confirmed: "_Confirmed",
    refused: Mapping[int, Verdict],
    *,
    untraced: int,
    request_id: int,
) -> str | None:
    """Return why the records that are neither named nor refused are in doubt; None if they are not."""
    if untraced or _is_odd(result.get("invalidContacts")):
        return (
            f"invalidContacts of job {request_id} has {untraced or 'what are'} entries that fit no record of the chunk"
        )
    if _is_empty(result.get("contactIds")):
        return None
    not_refused = {key for index, key in enumerate(keys) if index not in refused}
    named = {keys[index] for index in confirmed.named}
    if (
        confirmed.bare_ids
        and not confirmed.unknown
        and len(confirmed.bare_ids) + len(named) == len(not_refused | named)
    ):
        return None
    return f"contactIds of job {request_id} does not name it"


@define
class _Confirmed:
    """What `contactIds` confirms: ids by index, ids without an address, and how many entries match no record."""

    named: dict[int, str] = field(factory=dict[int, str])
    bare_ids: set[str] = field(factory=set[str])
    unknown: int = 0

    @classmethod
    def read(cls, by_name: Mapping[str, Sequence[int]], listed: Any) -> "_Confirmed":
        confirmed = cls()
        for names, id_ in _pairs(listed):
            found = _indices_of(by_name, names)
            confirmed.named.update(dict.fromkeys(found, id_))
            if not found and names == [id_] and "@" not in id_:
                confirmed.bare_ids.add(id_)
            elif not found:
                confirmed.unknown += 1
        return confirmed

    def by_key(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the ids by the keys of the records; the file may name a record by its address alone."""
        return {keys[index]: id_ for index, id_ in self.named.items() if "@" not in id_}


def _pairs(listed: Any) -> Iterator[tuple[list[str], str]]:
    """Yield the names and the id of each entry of `contactIds`; an entry without an id is skipped."""
    if isinstance(listed, Mapping):
        for name, value in cast("Mapping[str, Any]", listed).items():
            if id_ := _id_in(value):
                yield [name, id_], (name if "@" in id_ and "@" not in name else id_)
    elif isinstance(listed, list):
        for entry in listed:
            yield from _pairs_of_entry(entry)


def _pairs_of_entry(entry: Any) -> Iterator[tuple[list[str], str]]:
    if not isinstance(entry, Mapping):
        if id_ := _id_in(entry):
            yield [id_], id_
        return
    fields = cast("Mapping[str, Any]", entry)
    names = _names_in(fields)
    if not names:
        yield from _pairs(fields)  # [{"a@example.com": "1"}, …]
    elif id_ := _id_in(fields):
        yield names, id_


def _id_in(value: Any) -> str | None:
    """Return the id in an entry (text, number or object) as text; None if there is none."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        given = next((fields[name] for name in ("contactId", "id") if name in fields), None)
        return None if isinstance(given, Mapping) else _id_in(given)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


# Events


def of_events(keys: Sequence[str], answer: Mapping[str, Any], *, aliases: Aliases | None = None) -> Verdicts:
    """Return the verdicts on a chunk of events from the answer to it (reference: batchAddContactExtEvent)."""
    success, listed = success_of(answer), answer.get("failedContacts")
    if ("success" in answer and not success) or _is_odd(listed):
        return _UNCLEAR
    by_name = _index_by_name(keys, aliases) if listed else {}
    named, untraced = _trace(by_name, listed, UNKNOWN_CONTACT)
    try:
        created, failed = _amounts(answer, len(keys), listed=len(named) + untraced)
    except ValueError:
        return _UNCLEAR
    if created is None or failed is None:
        return Verdicts("in_doubt", _UNCLEAR.reason, named)
    if not created and failed == len(keys):
        return Verdicts("rejected", "the server says that all events of the request failed", named)
    if untraced or failed > len(named):
        reason = f"the server made {created} of {len(keys)} events and does not say which"
        return Verdicts("in_doubt", reason, named)
    if failed < len(named):  # a contact with several events, only some of which failed
        reason = f"the server says that {failed} of {len(named)} events of the contacts in failedContacts failed"
        return Verdicts("accepted", None, dict.fromkeys(named, ("in_doubt", reason)))
    return Verdicts("accepted", None, named)


_UNCLEAR = Verdicts("in_doubt", "the server's answer does not say what became of it")


def _amounts(answer: Mapping[str, Any], sent: int, *, listed: int) -> tuple[int | None, int | None]:
    """Return how many events were created and how many failed; None if the answer does not say so.

    The two add up to the number of events sent. If one is missing, it follows from the other. If both are missing, the
    answer must be a success: then as many events failed as are listed. Raises `ValueError` if the values are not
    numbers, or do not add up.
    """
    created, failed = _amount(answer, "createdAmount"), _amount(answer, "failedAmount")
    if created is None and failed is None:
        if not success_of(answer):
            return None, None
        failed = min(listed, sent)
    elif created is None and not success_of(answer):
        return None, None  # the number of failed events says nothing about the others
    failed = sent - (created or 0) if failed is None else failed
    created = sent - failed if created is None else created
    if created < 0 or failed < 0 or created + failed != sent:
        raise ValueError(f"{created} made and {failed} failed are not {sent}")
    return created, failed


def _amount(answer: Mapping[str, Any], name: str) -> int | None:
    given = answer.get(name)
    return None if given is None else integer(given)


# Both


def result_of(content: bytes) -> Mapping[str, Any]:
    """Return the result file of an import as a mapping; raise `Unreadable` if it is something else."""
    try:
        result = loads(content)
    except ValueError as error:
        raise Unreadable(f"its result file is no JSON: {error}") from None
    if not isinstance(result, dict) or "success" not in result:
        raise Unreadable("its result file is no object with `success`")
    if success_of(result) is not False and not _LISTS & result.keys():
        raise Unreadable("its file is no result of an import: it has neither `contactIds` nor `invalidContacts`")
    return cast("dict[str, Any]", result)


def _index_by_name(keys: Sequence[str], aliases: Aliases | None) -> Mapping[str, Sequence[int]]:
    """Return the indices of the records that have each name."""
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        for name in {key, *(aliases or {}).get(index, ())}:
            by_name[name].append(index)
    return by_name


def _indices_of(by_name: Mapping[str, Sequence[int]], names: Sequence[str]) -> Sequence[int]:
    """Return the indices of a contact's records: some may have its address, and others its id."""
    return [index for name in dict.fromkeys(map(canonical, names)) for index in by_name.get(name, ())]


def _trace(by_name: Mapping[str, Sequence[int]], listed: object, why: str) -> tuple[dict[int, Verdict], int]:
    """Return the refused records by index, and how many entries of the list match no record."""
    refused: dict[int, Verdict] = {}
    untraced = 0
    for names, reason in _entries(listed):
        found = _indices_of(by_name, names)
        untraced += not found
        refused.update((index, ("rejected", reason or why)) for index in found)
    return refused, untraced


def _entries(listed: object) -> Iterator[tuple[list[str], str | None]]:
    """Yield the possible names of each entry, and the reason in it."""
    if isinstance(listed, Mapping):  # {address: reason}
        for name, reason in cast("Mapping[str, Any]", listed).items():
            yield [name], safe_text(reason) if reason else None
    elif isinstance(listed, list):
        yield from map(_entry, listed)


def _entry(entry: Any) -> tuple[list[str], str | None]:
    if not isinstance(entry, Mapping):
        return [str(entry)], None
    fields = cast("Mapping[str, Any]", entry)
    reasons = [*messages_of(fields), *(safe_text(fields[name]) for name in ("reason", "error") if fields.get(name))]
    return _names_in(fields), "; ".join(reasons) or None


def _names_in(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of a contact in an object, or in the object `contact` inside it."""
    inner = fields.get("contact")
    places = [fields, cast("Mapping[str, Any]", inner)] if isinstance(inner, Mapping) else [fields]
    return [str(place[name]) for place in places for name in ("email", "contactId", "id") if place.get(name)]
