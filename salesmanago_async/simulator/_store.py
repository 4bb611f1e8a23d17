"""The content of the simulated account: contacts with everything they own, jobs, and the links to their files."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import blake2b
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random
from secrets import token_urlsafe
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define, field, frozen

from ._refusal import RefusedCall

RETRY_SECONDS, LAST_RETRY_SECONDS = 5 * 60, 60 * 60
"""An event for a contact that does not exist is retried every 5 minutes for one hour."""

DEFAULT_STATE = "PROSPECT"
"""The state of a contact for which none was given [likely: all samples of the reference have it]."""

SectionT = TypeVar("SectionT")

_LATIN = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE"})


@define
class StoredContact:
    """A contact. `fields` are its plain fields by their API names; times are UNIX milliseconds.

    From `visits` on, the lists hold entries in the form that contact/list documents (`sms`: the form of an export).
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


@frozen
class StoredFile:
    """A file, created at a time in seconds since 1970."""

    content: bytes = field(repr=False)
    made_on: float

    @cached_property
    def etag(self) -> str:
        """An ETag that differs for files with different bytes."""
        return f'"{blake2b(self.content, digest_size=16).hexdigest()}"'


@define
class StoredJob:
    """A job, and its file once it is done. If `will_fail` is true, the job fails at its end, without doing its work.

    `path` is the call that started it.
    """

    path: str = ""
    is_over: bool = False
    will_fail: bool = False
    file: StoredFile | None = None

    def end(self, work: Callable[[], bytes], moment: float) -> None:
        """End the job: do the work that creates its file, unless the job fails."""
        self.is_over = True
        if not self.will_fail:
            self.file = StoredFile(work(), moment)


@define(order=True)
class _ScheduledAct:
    """A function to call at a time. `order` is the order of scheduling, `seed` the seed of its random choices."""

    when: float
    order: int
    seed: int
    act: Callable[[], object] = field(order=False)


class AccountStore:
    """The account. Times are seconds since 1970, by `clock`; scheduled acts happen at their own time.

    `spell` turns the content of a finished file into the content that is sent.

    Changes depend only on the times and seeds (`at`), so that the same calls produce the same account, except for the
    tokens of links.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        owners: Sequence[str],
        job_seconds: float,
        link_seconds: float,
        spell: Callable[[bytes], bytes] = lambda content: content,
    ) -> None:
        self.owners = list(owners)
        self.job_seconds = job_seconds
        self.random = Random()  # noqa: S311 - ids, no secrets
        self.contacts: dict[str, StoredContact] = {}
        self._clock = clock
        self._moment: float | None = None
        self._by_email: defaultdict[str, list[str]] = defaultdict(list)
        self.jobs: dict[int, StoredJob] = {}
        self._numbers = count(1)
        self._sections: dict[type, Any] = {}
        self._agenda: list[_ScheduledAct] = []
        self._order = count()
        self._links: dict[str, tuple[float, StoredFile]] = {}
        self._link_seconds = link_seconds
        self._spell = spell

    def section(self, kind: type[SectionT]) -> SectionT:
        """Return the account's only instance of `kind`, created at first use: state of a module beside the contacts."""
        if kind not in self._sections:
            self._sections[kind] = kind()
        return cast("SectionT", self._sections[kind])

    def clock(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._clock() if self._moment is None else self._moment

    @contextmanager
    def at(self, moment: float, seed: int) -> Generator[None]:
        """Run the block as if the time were `moment`, with all random choices from `seed`."""
        before = self._moment, self.random
        self._moment, self.random = moment, Random(seed)  # noqa: S311 - as above
        try:
            yield
        finally:
            self._moment, self.random = before

    def new_seed(self) -> int:
        """Return a random seed, of 63 bits."""
        return self.random.getrandbits(63)

    def new_id(self) -> str:
        """Return a new random id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def now_ms(self) -> int:
        """Return the time in milliseconds."""
        return int(self.clock() * 1000)

    def catch_up(self) -> float:
        """Do everything that is due by now, in order: jobs, late events. Return the present time."""
        now = self.clock()
        while self._agenda and self._agenda[0].when <= now:
            plan = heappop(self._agenda)
            with self.at(plan.when, plan.seed):
                plan.act()
        return now

    def after_job_time(self, act: Callable[[], object]) -> None:
        """Call `act` at the time when a job that starts now ends."""
        self.schedule(self.clock() + self.job_seconds, act)

    def schedule(self, when: float, act: Callable[[], object]) -> None:
        """Call `act` at a time, in seconds since 1970; as soon as possible if that time has passed."""
        heappush(self._agenda, _ScheduledAct(max(when, self.clock()), next(self._order), self.new_seed(), act))

    def seconds_to_next(self) -> float | None:
        """Return the seconds until something scheduled happens; None if nothing is scheduled."""
        return max(0.0, self._agenda[0].when - self.clock()) if self._agenda else None

    def unschedule(self, act: Callable[[], object]) -> None:
        """Remove `act` from the schedule."""
        self._agenda = [plan for plan in self._agenda if plan.act is not act]
        heapify(self._agenda)

    # Contacts

    def find(self, key: Mapping[str, Any]) -> StoredContact | None:
        """Return the contact with that `contactId`, or, without a `contactId`, with that `email`."""
        if key.get("contactId"):
            return self.contacts.get(key["contactId"])
        ids = self._by_email.get(str(key.get("email", "")).lower())
        return self.contacts[ids[0]] if ids else None

    def with_email(self, email: str) -> list[StoredContact]:
        """Return every contact of an address; newEmail can give several contacts the same one."""
        return [self.contacts[id_] for id_ in self._by_email.get(email.lower(), ())]

    def remove(self, contact: StoredContact) -> None:
        """Delete a contact, with everything it owns."""
        del self.contacts[contact.id]
        self._by_email[contact.email.lower()].remove(contact.id)

    def upsert(self, body: Mapping[str, Any], *, double_opt_in: bool, owner: str) -> StoredContact:
        """Create or change the contact that a checked body describes, and return it.

        `owner` becomes one of its owners; [guess] the owner who created the contact is its main owner.
        """
        described = dict(body["contact"])
        contact = self.find(described)
        if contact is None:
            if "email" not in described:
                raise RefusedCall("Contact with given contactId does not exist")
            contact = self._add(described["email"])
            contact.opted_out = double_opt_in  # [likely] until the contact confirms: nothing is said of that time
        elif body.get("newEmail") and "contactId" not in described:
            self._rename(contact, body["newEmail"])
        contact.owners.add(owner)
        contact.main_owner = contact.main_owner or owner
        described.pop("email", None)
        described.pop("contactId", None)
        contact.fields.update(described.pop("address", {}))
        contact.fields.update(described)
        contact.fields.update({name: body[name] for name in ("birthday", "province", "lang") if name in body})
        self._consent(contact, body, double_opt_in)
        self._tag(contact, body)
        contact.properties.update(body.get("properties", {}))
        contact.dictionary.update({entry["name"]: dict(entry) for entry in body.get("dictionaryProperties", ())})
        contact.modified_on = self.now_ms()
        return contact

    def _add(self, email: str) -> StoredContact:
        now = self.now_ms()
        contact = StoredContact(
            id=self.new_id(), email=email, created_on=now, modified_on=now, fields={"state": DEFAULT_STATE}
        )
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
                continue  # a consent that was confirmed or withdrawn does not become unconfirmed again
            created = {"createdOn": self.now_ms(), "source": "API", "dateOn": date}
            contact.consents[stored["name"]] = {**stored, **created}

    def _tag(self, contact: StoredContact, body: Mapping[str, Any]) -> None:
        for name in tag_names(body.get("tags", ())):
            tag = contact.tags.setdefault(name, {"tagName": name, "score": 0, "createdOn": self.now_ms()})
            tag["score"] += 1
        for name in tag_names(body.get("removeTags", ())):
            contact.tags.pop(name, None)

    def select(self, selectors: Iterable[Mapping[str, str]]) -> list[StoredContact]:
        """Return the contacts that any of the selectors matches, each once."""
        chosen: dict[str, StoredContact] = {}
        for selector in selectors:
            values = dict.fromkeys(value.strip() for value in selector["value"].split(","))  # in their order
            if selector["addresseeType"] == "STAGE":
                stages = {value.strip() for value in selector["optValue"].split(",")}
                at_stage = (found for found in self.contacts.values() if _is_in_funnel(found, values, stages))
                chosen.update((contact.id, contact) for contact in at_stage)
            chosen.update((contact.id, contact) for contact in self._selected(selector["addresseeType"], values))
        return list(chosen.values())

    def _selected(self, kind: str, values: Collection[str]) -> Iterable[StoredContact]:
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
        """Add an event to the contact that `key` names, and return its id; None if there is no such contact."""
        contact = self.find(key)
        if contact is None:
            return None
        stored = {"eventId": self.new_id(), **event}
        contact.events.append(stored)
        return str(stored["eventId"])

    def add_event_later(self, key: Mapping[str, str], event: Mapping[str, Any]) -> str:
        """Keep an event whose contact does not exist yet, and return its id."""
        stored = {"eventId": self.new_id(), **event}
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

        self.schedule(when, add)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield every event; the caller may change it."""
        return (event for contact in self.contacts.values() for event in contact.events)

    def delete_events(self, event_ids: Collection[str]) -> None:
        """Delete the events with these ids."""
        for contact in self.contacts.values():
            contact.events = [event for event in contact.events if event["eventId"] not in event_ids]

    # Jobs and files

    def start_job(self, work: Callable[[], bytes]) -> int:
        """Start a job and return its number."""
        job = StoredJob()
        self.after_job_time(lambda: job.end(lambda: self._spell(work()), self.clock()))
        number = next(self._numbers)
        self.jobs[number] = job
        return number

    def job(self, number: int) -> StoredJob | None:
        """Return the job of that number."""
        return self.jobs.get(number)

    def describe_job(self, number: int, *, path: str, will_fail: bool) -> None:
        """Say which call started a job, and whether it fails at its end."""
        self.jobs[number].path, self.jobs[number].will_fail = path, will_fail

    def link(self, file: StoredFile) -> str:
        """Return a new token for a file."""
        now = self.clock()
        self._links = {
            token: (expiry, linked) for token, (expiry, linked) in self._links.items() if expiry > now - 3600
        }
        token = token_urlsafe(24)
        self._links[token] = (now + self._link_seconds, file)
        return token

    def file(self, token: str) -> StoredFile:
        """Return the file of a token."""
        if token not in self._links:
            raise RefusedCall("no such file", status=404)
        expiry, file = self._links[token]
        if expiry <= self.clock():
            raise RefusedCall("the link has expired", status=403)
        return file

    def expire(self, token: str) -> None:
        """Let the link with that token expire now."""
        _, file = self._links[token]
        self._links[token] = (self.clock(), file)


def _is_in_funnel(contact: StoredContact, funnels: Collection[str], stages: Collection[str] | None = None) -> bool:
    return any(
        place["salesFunnel"] in funnels and (stages is None or place["salesStage"] in stages)
        for place in contact.funnels
    )


def tag_names(given: Iterable[str]) -> list[str]:
    """Return tags in the form in which they are stored; a comma separates two [likely: the vendor's help pages]."""
    return [tag_name(part) for text in given for part in text.split(",") if part.strip()]


def tag_name(given: str) -> str:
    """Return a tag in the form in which it is stored.

    By the reference, diacritical characters become Latin letters and special characters underscores. [likely] Tags are
    in capital letters, and hyphens and brackets stay: so say the vendor's help pages.
    """
    letters = unicodedata.normalize("NFKD", given.strip().translate(_LATIN))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9_()\[\]{}-]", "_", plain).upper()
