"""What changed since the last time: which contacts are new to the caller, and what the next time has to know.

Two runs follow each other without a gap and without a double, although nobody knows the exact edges of a span, how late
a change becomes visible, or by how much two clocks differ:

- A run ends at the server's time, as it was when it began, and the next begins an overlap *before* that. What became
  visible late, or was asked about with a clock that was ahead, lies in the overlap.
- Who was given with a time of modification in the overlap is remembered, with that time, and is not given again with
  the same one. Who was modified again has another time, and is.
- A time may be told in whole seconds. Who was read within two seconds of the modification may have been modified again
  in the same second, so there the content decides, by its checksum.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import orjson
from attrs import field, frozen

from ..api.fields import milliseconds
from ..connection.identity import difference
from ..errors import Invalid
from ._placing import PlacedFile

SETTLED_MS = 2000
"""A contact that was read so long after its modification was not modified again at the same time."""

MARGIN_MS = 2000
"""By so much times may be rounded: the edges of spans, and the clock of the server as its answers tell it."""

_VERSION = 2


@frozen
class GivenContact:
    """A contact that was given: when it was last modified, and a checksum where that may not be the last word."""

    modified_on: int
    checksum: str | None = None


@frozen(kw_only=True)
class ChangesState:
    """What a run leaves to the next: until when (ms, the server's clock) it went, and who was given near the end.

    `whose` contacts they are: see _identity.py. `since` is when the first of all runs began; what happened before is
    nobody's business.
    `unavailable` are the ids of contacts that were modified and could not be read: deleted since, or not the owner's.
    """

    whose: Mapping[str, Any]
    since: int
    until: int
    seen: Mapping[str, GivenContact] = field(factory=dict)
    unavailable: tuple[str, ...] = ()


class Changes:
    """Tells who is new since the state of the last run, and makes that of this one.

    `begin` is when this run begins, `until` the server's time at its start, `overlap` how far before that the next one
    will begin, all in ms.
    """

    def __init__(
        self, before: ChangesState | None, *, whose: Mapping[str, Any], begin: int, until: int, overlap: int
    ) -> None:
        self._whose = whose
        self._since = before.since if before else begin
        self._until = until
        self._remembered_from = until - overlap - MARGIN_MS
        known = before.seen if before else {}
        self._seen = {id_: seen for id_, seen in known.items() if seen.modified_on >= self._remembered_from}
        self._before = known
        self.unavailable: list[str] = []

    def is_new(self, record: Mapping[str, Any], *, read_at: int) -> bool:
        """Tell whether a contact, as the server tells it at `read_at` (ms, its clock), was not given before."""
        contact_id, modified_on = id_of(record), _modified_on(record)
        if contact_id is None or modified_on is None:
            return True  # rather twice than never
        known = self._seen.get(contact_id) or self._before.get(contact_id)
        if known and modified_on < known.modified_on and known is not self._before.get(contact_id):
            return False  # given by this run, as it was later: the answers overtook each other
        checksum = _checksum(record)
        if modified_on >= self._remembered_from:
            is_settled = modified_on + SETTLED_MS <= read_at
            self._seen[contact_id] = GivenContact(modified_on, None if is_settled else checksum)
        if known is None or known.modified_on != modified_on:
            return True
        return known.checksum not in {None, checksum}

    def state(self) -> ChangesState:
        """Return what the next run has to know."""
        return ChangesState(
            whose=self._whose,
            since=self._since,
            until=self._until,
            seen=self._seen,
            unavailable=tuple(self.unavailable),
        )


def beginning(since: int | None, before: ChangesState | None, *, end: int, overlap: int) -> int:
    """Return from when on (ms) a run asks: an overlap before the end of the one before, else from `since`, included.

    Raises `Invalid` where there is neither, or where time goes backwards.
    """
    if before is None:
        if since is None:
            raise Invalid("the first run needs a time to begin with", field="since")
        if since > end + MARGIN_MS:
            raise Invalid("is in the future, by the server's clock", field="since")
        return min(since - 1, end)  # a span may not hold its own ends
    if before.until > end + overlap:
        rule = "it goes further than the server's clock, which was ahead then or is behind now; begin anew with `since`"
        raise Invalid(rule, field="state")
    return max(before.since, min(before.until, end) - overlap)


def id_of(record: Mapping[str, Any]) -> str | None:
    """Return the id of a contact as the server tells it."""
    return record.get("id") or record.get("contactId")


def _modified_on(record: Mapping[str, Any]) -> int | None:
    try:
        return milliseconds(record.get("modifiedOn"))
    except ValueError:
        return None


def _checksum(record: Mapping[str, Any]) -> str:
    try:
        content = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair
        content = json.dumps(record, sort_keys=True).encode()
    return blake2b(content, digest_size=8).hexdigest()


def read_state(path: Path, *, whose: Mapping[str, Any]) -> ChangesState | None:
    """Return the state in a file; None where there is no file yet.

    Raises `Invalid` where it is no such state, or one of another server, account or owner.
    """
    if not path.parent.is_dir():
        raise Invalid(f"there is no folder {path.parent}", field=str(path))
    try:
        told = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise Invalid(f"is no state of an export that can be read: {error}", field=str(path)) from None
    try:
        _check_version(path, told)
        state = _read(told)
    except Invalid:
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Invalid("is no state of an export", field=str(path)) from None
    if other := difference(state.whose, whose):
        said = other.servers or f"is the state of another {other.name}'s contacts"
        raise Invalid(f"{said}: give this export a state of its own", field=str(path))
    return state


def _check_version(path: Path, told: Any) -> None:
    version = told["version"]
    if version != _VERSION:
        raise Invalid(
            f"is a state of version {version!r}; this program writes {_VERSION}: give the export a new state, and a "
            "time to begin with",
            field=str(path),
        )


def _read(told: Any) -> ChangesState:
    seen = cast("dict[str, tuple[int, str | None]]", told["seen"])
    return ChangesState(
        whose=dict(told["whose"]),
        since=int(told["since"]),
        until=int(told["until"]),
        seen={id_: GivenContact(int(modified_on), checksum) for id_, (modified_on, checksum) in seen.items()},
        unavailable=tuple(told["unavailable"]),
    )


def write_state(path: Path, state: ChangesState) -> None:
    """Write a state, for its owner alone, in place of the one that was there."""
    told = {
        "version": _VERSION,
        "whose": state.whose,
        "since": state.since,
        "until": state.until,
        "unavailable": state.unavailable,
        "seen": {id_: (seen.modified_on, seen.checksum) for id_, seen in state.seen.items()},
    }
    placed = PlacedFile(path, private=True)
    try:
        placed.file.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
        placed.place()
    finally:
        placed.discard()
