"""What an account holds, as values for assertions: contacts, events, products and jobs.

contact = simulator.contact("ann@example.com")
assert contact.tags == ["VIP"]
assert [event.value for event in contact.events] == [189.99]
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Literal

from attrs import field, frozen

from ..api.catalogs import Catalog
from ..api.codec import read_leniently, read_strictly
from ..api.events import EventContent
from ..api.products import Product
from ..support.nearest import nearest
from ._store import AccountStore, StoredContact, StoredJob
from .products.account import ProductAccount

JobState = Literal["running", "done", "failed"]
SHOWN = 5


@frozen(kw_only=True)
class SimulatedEvent(EventContent):
    """An external event of a contact, with the fields of `ExternalEvent` and its id. `date` is an aware datetime."""

    event_id: str
    email: str
    contact_id: str


@frozen(kw_only=True)
class SimulatedProduct(Product):
    """A product, with the fields of `Product` and the id of its catalogue."""

    catalog_id: str


@frozen(kw_only=True)
class SimulatedJob:
    """A server job; `path` is the call that started it."""

    request_id: int
    path: str
    state: JobState


@frozen(kw_only=True)
class SimulatedContact:
    """A contact as it was when it was asked for.

    `tags` are in the order in which they were given, and spelled as the server spells them (VIP). `properties` and
    `dictionary` are by name; `consents` says for each name whether it was accepted. `address` and `fields` have the
    API's names: streetAddress, zipCode, city, country; everything plain that was sent. `birthday` is YYYYMMDD.
    """

    contact_id: str
    email: str
    name: str | None = None
    phone: str | None = None
    company: str | None = None
    external_id: str | None = None
    state: str | None = None
    birthday: str | None = None
    lang: str | None = None
    tags: list[str] = field(factory=list[str])
    properties: dict[str, str] = field(factory=dict[str, str])
    dictionary: dict[str, Any] = field(factory=dict[str, Any])
    consents: dict[str, bool] = field(factory=dict[str, bool])
    address: dict[str, str] = field(factory=dict[str, str])
    fields: dict[str, Any] = field(factory=dict[str, Any], repr=False)
    events: list[SimulatedEvent] = field(factory=list[SimulatedEvent])
    opted_out: bool = False
    phone_opted_out: bool = True
    score: int = 0
    owners: set[str] = field(factory=set[str])
    coupons: list[dict[str, Any]] = field(factory=list[dict[str, Any]], repr=False)
    notes: list[dict[str, Any]] = field(factory=list[dict[str, Any]], repr=False)
    tasks: list[dict[str, Any]] = field(factory=list[dict[str, Any]], repr=False)
    created_on: datetime
    modified_on: datetime


class Inspection:
    """What can be seen of an account. Everything that is due by now happens before it is looked at."""

    def __init__(self, store: AccountStore) -> None:
        self._store = store
        self._lock = RLock()
        """Held while a request changes the account, and while it is looked at from another thread."""

    @property
    def store(self) -> AccountStore:
        """The account itself, for what belongs to the simulator, such as its page."""
        return self._store

    @property
    def seconds_to_next(self) -> float | None:
        """Seconds until the next job ends, or something else happens by itself; None if nothing is due."""
        return self._store.seconds_to_next()

    @property
    def contacts(self) -> list[SimulatedContact]:
        """All contacts, in the order in which they were made."""
        with self._lock:
            self._store.catch_up()
            return [contact_of(contact) for contact in self._store.contacts.values()]

    def contact(self, email: str = "", *, contact_id: str = "") -> SimulatedContact:
        """Return the contact with an address or an id; raise `LookupError` that names the most similar address."""
        with self._lock:
            stored = self._find(email, contact_id)
            if stored is None:
                raise LookupError(self._missing(email or contact_id))
            return contact_of(stored)

    def has_contact(self, email: str = "", *, contact_id: str = "") -> bool:
        """Return whether there is a contact with an address or an id."""
        with self._lock:
            return self._find(email, contact_id) is not None

    def _find(self, email: str, contact_id: str) -> StoredContact | None:
        self._store.catch_up()
        return self._store.find({"email": email, "contactId": contact_id})

    def _missing(self, key: str) -> str:
        known = [contact.email for contact in self._store.contacts.values()]
        if not known:
            return f"there is no contact {key}: the account is empty"
        near = nearest(key, known)
        hint = f"; did you mean {near}?" if near else ""
        more = ", …" if len(known) > SHOWN else ""
        return f"there is no contact {key} among {len(known)} ({', '.join(known[:SHOWN])}{more}){hint}"

    @property
    def events(self) -> list[SimulatedEvent]:
        """All external events, by contact."""
        with self._lock:
            self._store.catch_up()
            return [event for contact in self._store.contacts.values() for event in _events_of(contact)]

    @property
    def catalogs(self) -> list[Catalog]:
        """The product catalogues."""
        with self._lock:
            return [read_leniently(Catalog, one) for one in self._store.section(ProductAccount).catalogs.values()]

    @property
    def products(self) -> list[SimulatedProduct]:
        """The products of all catalogues."""
        with self._lock:
            return list(self._products())

    def product(self, product_id: str) -> SimulatedProduct:
        """Return the product with an id, of whichever catalogue; raise `LookupError` if there is none."""
        with self._lock:
            found = next((product for product in self._products() if product.product_id == product_id), None)
        if found is None:
            raise LookupError(f"there is no product {product_id} among {len(self.products)}")
        return found

    def _products(self) -> Iterator[SimulatedProduct]:
        for catalog_id, products in self._store.section(ProductAccount).products.items():
            for stored in products.values():
                yield read_strictly(SimulatedProduct, {**stored, "catalogId": catalog_id})

    @property
    def jobs(self) -> list[SimulatedJob]:
        """All server jobs, the oldest first."""
        with self._lock:
            self._store.catch_up()
            return [job_of(number, job) for number, job in self._store.jobs.items()]


def contact_of(stored: StoredContact) -> SimulatedContact:
    """Return a stored contact as a value."""
    plain = {**stored.fields}
    return SimulatedContact(
        contact_id=stored.id,
        email=stored.email,
        **{name: plain.get(name) for name in ("name", "phone", "company", "state", "birthday", "lang")},
        external_id=plain.get("externalId"),
        tags=list(stored.tags),
        properties={**stored.properties},
        dictionary={name: entry.get("value") for name, entry in stored.dictionary.items()},
        consents={name: entry["action"] == "A" for name, entry in stored.consents.items()},
        address={name: plain[name] for name in ("streetAddress", "zipCode", "city", "country") if name in plain},
        fields=plain,
        events=list(_events_of(stored)),
        opted_out=stored.opted_out,
        phone_opted_out=stored.opted_out_phone,
        score=stored.score,
        owners={*stored.owners},
        coupons=[*stored.coupons],
        notes=[*stored.notes],
        tasks=[*stored.tasks],
        created_on=_moment(stored.created_on),
        modified_on=_moment(stored.modified_on),
    )


def _events_of(stored: StoredContact) -> Iterator[SimulatedEvent]:
    return (event_of(stored, event) for event in stored.events)


def event_of(stored: StoredContact, event: Mapping[str, Any]) -> SimulatedEvent:
    """Return a stored event of a contact as a value."""
    content = {name: value for name, value in event.items() if name != "eventId"}
    names = {"eventId": event["eventId"], "email": stored.email, "contactId": stored.id}
    return read_strictly(SimulatedEvent, {**names, "contactEvent": content})


def job_of(number: int, job: StoredJob) -> SimulatedJob:
    """Return a stored job as a value."""
    state: JobState = "running" if not job.is_over else "done" if job.file is not None else "failed"
    return SimulatedJob(request_id=number, path=job.path, state=state)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
