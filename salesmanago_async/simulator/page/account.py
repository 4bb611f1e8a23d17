"""The sections of contacts, events, products and jobs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from heapq import nlargest
from itertools import islice
from typing import Any

from attrs import asdict, frozen

from ...support.wording import counted
from .._store import AccountStore, StoredContact
from ..inspection import SimulatedContact, SimulatedEvent, contact_of, event_of, job_of
from ..products.account import ProductAccount
from .html import Content, Html, element
from .parts import cell, chips, empty, facts, moment, pill, row, section

SHOWN = 30
"""How many rows a section has at most: the newest ones."""
EVENTS_SHOWN = 8
_FIND = "Find contacts"


@frozen
class Totals:
    """How much the account holds."""

    contacts: int
    events: int
    products: int
    jobs: int
    running: int


def totals_of(store: AccountStore) -> Totals:
    """Count what the account holds."""
    products = store.section(ProductAccount).products
    return Totals(
        contacts=len(store.contacts),
        events=sum(len(contact.events) for contact in store.contacts.values()),
        products=sum(map(len, products.values())),
        jobs=len(store.jobs),
        running=sum(not job.is_over for job in store.jobs.values()),
    )


def contacts_section(store: AccountStore, totals: Totals, query: str) -> Html:
    """Return the contacts that were changed last, or those that a text is found in."""
    word = query.strip().lower()
    found = [contact for contact in store.contacts.values() if _has(contact, word)] if word else store.contacts.values()
    newest = nlargest(SHOWN, found, key=lambda contact: contact.modified_on)
    rows = [_contact_row(contact_of(contact), store.clock()) for contact in newest]
    nothing = f"No contact has “{query}” in its address, name, id or tags." if word else "No contacts yet."
    search = element(
        "form",
        element(
            "input", type="search", name="q", value=query, placeholder="Find: address, name, tag", aria_label="Find"
        ),
        class_="search",
        role="search",
        action="/#contacts",
    )
    count = f"{len(found):,} of {totals.contacts:,}" if word else f"{totals.contacts:,}"
    return section("contacts", "Contacts", search, element("div", rows or empty(nothing), class_="rows"), count=count)


def _has(contact: StoredContact, word: str) -> bool:
    texts = (contact.email, contact.id, str(contact.fields.get("name", "")), *contact.tags)
    return any(word in text.lower() for text in texts)


def _contact_row(contact: SimulatedContact, now: float) -> Html:
    marks = [pill("opted out", "wary")] if contact.opted_out else []
    summary = [
        cell("main", element("b", contact.email), _second(contact.name), marks, chips(contact.tags)),
        cell("side", counted(len(contact.events), "event") if contact.events else None),
        cell("when", moment(contact.modified_on.timestamp(), now)),
    ]
    return row(f"c-{contact.contact_id}", summary, _contact_detail(contact), "contact")


def _second(text: object) -> Html | None:
    """Return what a row says after its name; None if it is empty."""
    return element("i", str(text)) if text else None


def _contact_detail(contact: SimulatedContact) -> list[Content]:
    plain = {name: value for name, value in contact.fields.items() if name not in {"name", "address"}}
    dictionary = {f"dictionary.{name}": value for name, value in contact.dictionary.items()}
    consents = {name: "accepted" if accepted else "not accepted" for name, accepted in contact.consents.items()}
    shown: list[Content] = [
        facts(
            [
                ("contactId", element("code", contact.contact_id)),
                *_facts_of(plain),
                ("tags", chips(contact.tags, most=50) if contact.tags else None),
                *((f"properties.{name}", value) for name, value in contact.properties.items()),
                *_facts_of(dictionary),
                *((f"consent {name}", value) for name, value in consents.items()),
                ("score", f"{contact.score:,}" if contact.score else None),
                ("owners", ", ".join(sorted(contact.owners))),
                ("opted out", _opted_out(contact)),
                ("created", f"{contact.created_on:%Y-%m-%d %H:%M:%S} UTC"),
            ]
        )
    ]
    if contact.events:
        last = sorted(contact.events, key=_date_of, reverse=True)[:EVENTS_SHOWN]
        shown.append(element("ul", [element("li", _event_line(event)) for event in last]))
    return shown


def _opted_out(contact: SimulatedContact) -> str:
    return f"e-mail {'yes' if contact.opted_out else 'no'} · phone {'yes' if contact.phone_opted_out else 'no'}"


def _facts_of(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name, "" if value is None else str(value)) for name, value in values.items())


def _date_of(event: SimulatedEvent) -> float:
    return event.date.timestamp() if isinstance(event.date, datetime) else event.date / 1000


def _event_line(event: SimulatedEvent) -> list[Content]:
    texts = [event.external_id, f"{event.value:,.2f}" if event.value is not None else None, event.description]
    date = f"{event.date:%Y-%m-%d}" if isinstance(event.date, datetime) else ""
    return [pill(event.contact_ext_event_type, "plain"), f" {' · '.join(text for text in (date, *texts) if text)}"]


def events_section(store: AccountStore, totals: Totals) -> Html:
    """Return the newest events."""
    every = ((contact, event) for contact in store.contacts.values() for event in contact.events)
    newest = nlargest(SHOWN, every, key=lambda pair: pair[1].get("date") or 0)
    rows = [_event_row(event_of(contact, event), store.clock()) for contact, event in newest]
    shown = element("div", rows or empty("No events yet."), class_="rows")
    return section("events", "Events", shown, count=f"{totals.events:,}")


def _event_row(event: SimulatedEvent, now: float) -> Html:
    fields = asdict(event, filter=lambda _, value: value is not None)
    summary = [
        cell("kind", pill(event.contact_ext_event_type, "plain")),
        cell("main", element("b", event.email), _second(event.external_id)),
        cell("side", f"{event.value:,.2f}" if event.value is not None else None),
        cell("when", moment(_date_of(event), now)),
    ]
    return row(f"e-{event.event_id}", summary, facts(_facts_of(fields)), "event")


def products_section(store: AccountStore, totals: Totals) -> Html:
    """Return the products that were added last, with their catalogues."""
    account = store.section(ProductAccount)
    every = (
        (account.catalogs.get(catalog_id, {}).get("name") or catalog_id, product)
        for catalog_id, products in reversed(account.products.items())
        for product in reversed(products.values())
    )
    rows = [_product_row(number, *one) for number, one in enumerate(islice(every, SHOWN))]
    shown = element("div", rows or empty("No products yet."), class_="rows")
    return section("products", "Products", shown, count=f"{totals.products:,}")


def _product_row(number: int, catalog: str, product: Mapping[str, Any]) -> Html:
    price, quantity = product.get("price"), product.get("quantity")
    sold_out = pill("not available", "wary") if product.get("available") is False or quantity == 0 else None
    summary = [
        cell(
            "main",
            element("b", str(product.get("name", ""))),
            _second(product["productId"]),
            sold_out,
            chips([catalog]),
        ),
        cell("side", f"{float(price):,.2f}" if isinstance(price, int | float) else None),
        cell("when", f"× {quantity:,}" if isinstance(quantity, int) else None),
    ]
    return row(f"p-{number}", summary, facts(_facts_of(product)), "product")


def jobs_section(store: AccountStore, totals: Totals) -> Html:
    """Return the newest jobs."""
    rows = [
        element(
            "div",
            cell("kind", pill(job.state, {"running": "wary", "done": "good", "failed": "bad"}[job.state])),
            cell("main", element("b", job.path)),
            cell("side", f"job {job.request_id}"),
            class_="job",
        )
        for job in (job_of(*one) for one in islice(reversed(store.jobs.items()), SHOWN))
    ]
    count = f"{totals.jobs:,}" + (f", {totals.running:,} running" if totals.running else "")
    shown = element("div", rows or empty("No jobs yet."), class_="rows")
    return section("jobs", "Jobs", shown, count=count)
