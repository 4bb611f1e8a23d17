"""What the simulated account holds: contacts with all that is theirs, jobs, and the links to their files."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count
from secrets import token_urlsafe
from typing import Any, TypeVar, cast
from uuid import uuid4

from attrs import define, field

from ._refusal import Refusal

RETRY_SECONDS, LAST_RETRY_SECONDS = 5 * 60, 60 * 60
"""An event for a contact that does not exist is tried again every 5 minutes for one hour."""

RoomT = TypeVar("RoomT")

_LATIN = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE"})


@define
class StoredContact:
    """A contact. `fields` are its plain ones by their API name; times are UNIX milliseconds.

    From `visits` on, the lists hold entries in the shape that contact/list documents (`sms`: that of an export).
    """

    id: str
    email: str
    created_on: int
    modified_on: int
    fields: dict[str, Any] = field(factory=dict)
    opted_out: bool = False
    opted_out_phone: bool = True
    opted_in_on: int | None = None
    opted_out_on: int | None = None
    tags: dict[str, dict[str, Any]] = field(factory=dict)
    properties: dict[str, str] = field(factory=dict)
    dictionary: dict[str, dict[str, Any]] = field(factory=dict)
    consents: dict[str, dict[str, Any]] = field(factory=dict)
    events: list[dict[str, Any]] = field(factory=list)
    score: int = 0
    main_owner: str | None = None
    owners: set[str] = field(factory=set)
    monitored: bool = True
    visits: list[dict[str, Any]] = field(factory=list)
    history: list[dict[str, Any]] = field(factory=list)
    emails: list[dict[str, Any]] = field(factory=list)
    funnels: list[dict[str, Any]] = field(factory=list)
    notes: list[dict[str, Any]] = field(factory=list)
    tasks: list[dict[str, Any]] = field(factory=list)
    coupons: list[dict[str, Any]] = field(factory=list)
    mobile_messages: list[dict[str, Any]] = field(factory=list)
    sms: list[dict[str, Any]] = field(factory=list)


@define
class StoredJob:
    """A job, and its file once it is done."""

    file: bytes | None = None

    def finish(self, file: bytes) -> None:
        """Have it done."""
        self.file = file


class Store:
    """The account. All times come from `clock`, in seconds since 1970."""

    def __init__(
        self, *, clock: Callable[[], float], owners: Sequence[str], job_seconds: float, link_seconds: float
    ) -> None:
        self.clock = clock
        self.owners = list(owners)
        self.contacts: dict[str, StoredContact] = {}
        self._by_email: defaultdict[str, list[str]] = defaultdict(list)
        self._jobs: dict[int, StoredJob] = {}
        self._numbers = count(1)
        self._rooms: dict[type, Any] = {}
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._links: dict[str, tuple[float, StoredJob]] = {}
        self._job_seconds = job_seconds
        self._link_seconds = link_seconds

    def room(self, kind: type[RoomT]) -> RoomT:
        """Return the account's one `kind`, made at first use: a module's own state, beside the contacts."""
        if kind not in self._rooms:
            self._rooms[kind] = kind()
        return cast("RoomT", self._rooms[kind])

    def now_ms(self) -> int:
        """Return the time in milliseconds."""
        return int(self.clock() * 1000)

    def catch_up(self) -> None:
        """Do what was to be done by now, in the order in which it was due: jobs, late events."""
        now = self.clock()
        while self._agenda and self._agenda[0][0] <= now:
            heappop(self._agenda)[2]()

    def later(self, act: Callable[[], None]) -> None:
        """Have `act` done when a job that is started now would be done."""
        self.plan(self.clock() + self._job_seconds, act)

    def plan(self, when: float, act: Callable[[], None]) -> None:
        """Have `act` done at a time, in seconds since 1970; at once, if that has passed."""
        heappush(self._agenda, (when, next(self._order), act))

    # Contacts

    def find(self, key: Mapping[str, Any]) -> StoredContact | None:
        """Return the contact that `contactId`, or else `email`, names."""
        if key.get("contactId"):
            return self.contacts.get(key["contactId"])
        ids = self._by_email.get(str(key.get("email", "")).lower())
        return self.contacts[ids[0]] if ids else None

    def with_email(self, email: str) -> list[StoredContact]:
        """Return every contact of an address: several come to share one by newEmail."""
        return [self.contacts[id_] for id_ in self._by_email.get(email.lower(), ())]

    def remove(self, contact: StoredContact) -> None:
        """Forget a contact, with all that is its own."""
        del self.contacts[contact.id]
        self._by_email[contact.email.lower()].remove(contact.id)

    def upsert(self, body: Mapping[str, Any], *, double_opt_in: bool, owner: str) -> StoredContact:
        """Make or change the contact that a checked body describes, and return it.

        `owner` becomes one of its owners; [guess] the main one is who made it.
        """
        described = dict(body["contact"])
        contact = self.find(described)
        if contact is None:
            if "email" not in described:
                raise Refusal("Contact with given contactId does not exist")
            contact = self._add(described["email"])
        elif body.get("newEmail") and "contactId" not in described:
            self._rename(contact, body["newEmail"])
        contact.owners.add(owner)
        contact.main_owner = contact.main_owner or owner
        described.pop("email", None)
        described.pop("contactId", None)
        contact.fields.update(described.pop("address", {}))
        contact.fields.update(described)
        contact.fields.update({name: body[name] for name in ("birthday", "province") if name in body})
        self._consent(contact, body, double_opt_in)
        self._tag(contact, body)
        contact.properties.update(body.get("properties", {}))
        contact.dictionary.update({entry["name"]: dict(entry) for entry in body.get("dictionaryProperties", ())})
        contact.modified_on = self.now_ms()
        return contact

    def _add(self, email: str) -> StoredContact:
        now = self.now_ms()
        contact = StoredContact(id=str(uuid4()), email=email, created_on=now, modified_on=now)
        self.contacts[contact.id] = contact
        self._by_email[email.lower()].append(contact.id)
        return contact

    def _rename(self, contact: StoredContact, email: str) -> None:
        self._by_email[contact.email.lower()].remove(contact.id)
        contact.email = email
        self._by_email[email.lower()].append(contact.id)

    def _consent(self, contact: StoredContact, body: Mapping[str, Any], double_opt_in: bool) -> None:
        if body.get("forceOptOut"):
            contact.opted_out, contact.opted_out_on = True, self.now_ms()
        elif body.get("forceOptIn") and not double_opt_in:
            contact.opted_out, contact.opted_in_on = False, self.now_ms()
        if body.get("forcePhoneOptOut"):
            contact.opted_out_phone = True
        elif body.get("forcePhoneOptIn"):
            contact.opted_out_phone = False
        for detail in body.get("consentDetails", ()):
            action = "A" if detail["consentAccept"] else "D" if detail.get("optOut") else "R"
            date = detail.get("agreementDate", self.now_ms())
            stored = {"name": detail["consentName"], "description": None, "ip": detail.get("ip"), "action": action}
            if action == "R" and stored["name"] in contact.consents:
                continue  # what was confirmed or withdrawn does not become unconfirmed again
            created = {"createdOn": self.now_ms(), "source": "API", "dateOn": date}
            contact.consents[stored["name"]] = {**stored, **created}

    def _tag(self, contact: StoredContact, body: Mapping[str, Any]) -> None:
        for name in map(tag_name, body.get("tags", ())):
            tag = contact.tags.setdefault(name, {"tagName": name, "score": 0, "createdOn": self.now_ms()})
            tag["score"] += 1
        for name in map(tag_name, body.get("removeTags", ())):
            contact.tags.pop(name, None)

    def select(self, selectors: Iterable[Mapping[str, str]]) -> list[StoredContact]:
        """Return the contacts that any of the selectors picks, each once."""
        chosen: dict[str, StoredContact] = {}
        for selector in selectors:
            values = {value.strip() for value in selector["value"].split(",")}
            if selector["addresseeType"] == "STAGE":
                stages = {value.strip() for value in selector["optValue"].split(",")}
                at_stage = (found for found in self.contacts.values() if _is_in_funnel(found, values, stages))
                chosen.update((contact.id, contact) for contact in at_stage)
            chosen.update((contact.id, contact) for contact in self._selected(selector["addresseeType"], values))
        return list(chosen.values())

    def _selected(self, kind: str, values: set[str]) -> Iterable[StoredContact]:
        if kind == "CONTACT_ID":
            return [self.contacts[value] for value in values if value in self.contacts]
        if kind == "EMAIL":
            return [contact for value in values for contact in self.with_email(value)]
        if kind == "TAG":
            wanted = {tag_name(value) for value in values}
            return [contact for contact in self.contacts.values() if not wanted.isdisjoint(contact.tags)]
        if kind == "FUNNEL":
            return [contact for contact in self.contacts.values() if _is_in_funnel(contact, values)]
        return []

    # Events

    def add_event(self, key: Mapping[str, Any], event: Mapping[str, Any]) -> str | None:
        """Add an event to the contact that `key` names, and return its id; None where there is no such contact."""
        contact = self.find(key)
        if contact is None:
            return None
        stored = {"eventId": str(uuid4()), **event}
        contact.events.append(stored)
        return str(stored["eventId"])

    def add_event_later(self, key: Mapping[str, str], event: Mapping[str, Any]) -> str:
        """Keep an event whose contact does not exist yet, and return its id."""
        stored = {"eventId": str(uuid4()), **event}
        now = self.clock()
        self._try_later(dict(key), stored, now + RETRY_SECONDS, now + LAST_RETRY_SECONDS)
        return str(stored["eventId"])

    def _try_later(self, key: Mapping[str, str], event: dict[str, Any], when: float, until: float) -> None:
        def add() -> None:
            contact = self.find(key)
            if contact:
                contact.events.append(event)
            elif when + RETRY_SECONDS <= until:
                self._try_later(key, event, when + RETRY_SECONDS, until)

        self.plan(when, add)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield every event, each to be changed in place."""
        return (event for contact in self.contacts.values() for event in contact.events)

    def delete_events(self, event_ids: Collection[str]) -> None:
        """Delete the events of these ids."""
        for contact in self.contacts.values():
            contact.events = [event for event in contact.events if event["eventId"] not in event_ids]

    # Jobs and files

    def start_job(self, work: Callable[[], bytes]) -> int:
        """Start a job and return its number."""
        job = StoredJob()
        self.later(lambda: job.finish(work()))
        number = next(self._numbers)
        self._jobs[number] = job
        return number

    def job(self, number: int) -> StoredJob | None:
        """Return the job of that number."""
        return self._jobs.get(number)

    def link(self, job: StoredJob) -> str:
        """Return a fresh token for the job's file."""
        now = self.clock()
        self._links = {
            token: (expiry, linked) for token, (expiry, linked) in self._links.items() if expiry > now - 3600
        }
        token = token_urlsafe(24)
        self._links[token] = (now + self._link_seconds, job)
        return token

    def file(self, token: str) -> bytes:
        """Return the file behind a token."""
        if token not in self._links:
            raise Refusal("no such file", status=404)
        expiry, job = self._links[token]
        if expiry <= self.clock():
            raise Refusal("the link has expired", status=403)
        return job.file or b""


def _is_in_funnel(contact: StoredContact, funnels: set[str], stages: set[str] | None = None) -> bool:
    return any(
        place["salesFunnel"] in funnels and (stages is None or place["salesStage"] in stages)
        for place in contact.funnels
    )


def tag_name(given: str) -> str:
    """Return a tag as the reference says it is kept: Latin letters, digits and underscores."""
    plain = unicodedata.normalize("NFKD", given.translate(_LATIN)).encode("ascii", "ignore").decode()
    return re.sub(r"\W", "_", plain)
