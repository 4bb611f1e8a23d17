"""Incremental exports: decides which contacts are new to the caller, and keeps what the next run must know.

Two consecutive runs miss no change and return none twice, although the exact edges of a span, the delay until a change
becomes visible, and the difference of two clocks are all unknown:

- A run ends at the server's time at which it began, and the next run begins an overlap *before* that time. Changes that
  became visible late, or that a clock ahead of the server missed, are in the overlap.
- A contact that was returned with a modification time inside the overlap is remembered with that time, and is not
  returned again with the same time. A contact that was modified again has another time, and is returned.
- Modification times may be in whole seconds. A contact that was read within two seconds of its modification may have
  been modified again in the same second; in this case the checksum of the content decides.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import orjson
from attrs import field, frozen

from ..api.fields import milliseconds
from ..atomic_file import AtomicFile
from ..connection.identity import difference
from ..errors import Invalid

SETTLED_MS = 2000
"""If a contact was read this long after its modification time, it was not modified again at that same time."""

MARGIN_MS = 2000
"""How much times may be rounded: the edges of spans, and the server's clock in its answers."""

_VERSION = 2


@frozen
class SeenContact:
    """A contact that was returned: its modification time, and a checksum if that time may not identify its content."""

    modified_on: int
    checksum: str | None = None


@frozen(kw_only=True)
class ChangesState:
    """What a run leaves for the next one: the end of its span (ms, the server's clock), and the contacts near that end.

    `whose` identifies the account: see connection/identity.py. `since` is when the first of all runs began; changes
    before it are never returned. `unavailable` are the ids of contacts that were modified but could not be read: they
    have been deleted since, or belong to another owner.
    """

    whose: Mapping[str, Any]
    since: int
    until: int
    seen: Mapping[str, SeenContact] = field(factory=dict)
    unavailable: tuple[str, ...] = ()


class Changes:
    """Decides which contacts are new since the last run, and produces the state for the next one.

    `begin` is when this run begins, `until` the server's time at its start, and `overlap` how long before `until` the
    next run will begin, all in ms.
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
        """Return whether a contact, as the server returned it at `read_at` (ms, its clock), was not returned before."""
        contact_id, modified_on = id_of(record), _modified_on(record)
        if contact_id is None or modified_on is None:
            return True  # it cannot be compared, and a duplicate is better than a missing contact
        known = self._seen.get(contact_id) or self._before.get(contact_id)
        if known and modified_on < known.modified_on and known is not self._before.get(contact_id):
            return False  # this run returned a later version of it: the answers arrived out of order
        checksum = _checksum(record)
        if modified_on >= self._remembered_from:
            is_settled = modified_on + SETTLED_MS <= read_at
            self._seen[contact_id] = SeenContact(modified_on, None if is_settled else checksum)
        if known is None or known.modified_on != modified_on:
            return True
        return known.checksum not in {None, checksum}

    def state(self) -> ChangesState:
        """Return the state for the next run."""
        return ChangesState(
            whose=self._whose,
            since=self._since,
            until=self._until,
            seen=self._seen,
            unavailable=tuple(self.unavailable),
        )


def beginning(since: int | None, before: ChangesState | None, *, end: int, overlap: int) -> int:
    """Return the time (ms) from which a run reads: an overlap before the end of the last run, or `since`; inclusive.

    Raises `Invalid` if there is neither, or if time goes backwards.
    """
    if before is None:
        if since is None:
            raise Invalid("the first run needs a time to begin with", field="since")
        if since > end + MARGIN_MS:
            raise Invalid("is in the future, by the server's clock", field="since")
        return min(since - 1, end)  # the edges of a span may be exclusive
    if before.until > end + overlap:
        rule = "it goes further than the server's clock, which was ahead then or is behind now; begin anew with `since`"
        raise Invalid(rule, field="state")
    return max(before.since, min(before.until, end) - overlap)


def id_of(record: Mapping[str, Any]) -> str | None:
    """Return the id of a contact that the server returned."""
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
    """Return the state in a file; None if there is no file yet.

    Raises `Invalid` if the file is not such a state, or is the state of another server, account or owner.
    """
    if not path.parent.is_dir():
        raise Invalid(f"there is no folder {path.parent}", field=str(path))
    try:
        document = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Invalid(f"is not a readable state of an export: {error}", field=str(path)) from None
    return state_in(document, str(path), whose=whose)


def state_in(content: bytes, place: str, *, whose: Mapping[str, Any]) -> ChangesState:
    """Return the state in a document; raise `Invalid` that names its place if it is none, or somebody else's."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"is not a readable state of an export: {error}", field=place) from None
    try:
        _check_version(place, document)
        state = _read(document)
    except Invalid:
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Invalid("is not the state of an export", field=place) from None
    if other := difference(state.whose, whose):
        message = other.servers or f"is the state of another {other.name}'s contacts"
        raise Invalid(f"{message}: give this export a state of its own", field=place)
    return state


def _check_version(place: str, document: Any) -> None:
    version = document["version"]
    if version != _VERSION:
        raise Invalid(
            f"is a state of version {version!r}; this program writes {_VERSION}: give the export a new state, and a "
            "time to begin with",
            field=place,
        )


def _read(document: Any) -> ChangesState:
    seen = cast("dict[str, tuple[int, str | None]]", document["seen"])
    return ChangesState(
        whose=dict(document["whose"]),
        since=int(document["since"]),
        until=int(document["until"]),
        seen={id_: SeenContact(int(modified_on), checksum) for id_, (modified_on, checksum) in seen.items()},
        unavailable=tuple(document["unavailable"]),
    )


def document_of(state: ChangesState) -> bytes:
    """Return a state as a document, in one line."""
    document = {
        "version": _VERSION,
        "whose": state.whose,
        "since": state.since,
        "until": state.until,
        "unavailable": state.unavailable,
        "seen": {id_: (seen.modified_on, seen.checksum) for id_, seen in state.seen.items()},
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def write_state(path: Path, state: ChangesState) -> None:
    """Write a state, readable only by its owner, in place of the one that was there."""
    placed = AtomicFile(path, private=True)
    try:
        placed.file.write(document_of(state))
        placed.commit()
    finally:
        placed.discard()
