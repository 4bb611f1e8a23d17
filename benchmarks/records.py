"""What is sent: made-up contacts and purchases, the same ones in every run."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

THOUSAND = 1000
"""How many contacts a request takes, and so a chunk of every way that is measured."""


def address_of(index: int) -> str:
    """Return the address of a contact."""
    return f"contact{index}@{_DOMAINS[index % 4]}"


_DOMAINS = ("example.com", "mail.example.com", "example.co.uk", "example-shop.pl")
_COMPANIES = ("Example Trading & Sons", "ACME Sp. z o.o.", 'Sklep "U Zosi"', "Foo GmbH")
_CITIES = ("Kraków", "Warszawa", "Łódź", "Gdańsk")


def contact_row(index: int) -> dict[str, Any]:
    """Return a contact as a query gives it: flat, every column filled, some 500 bytes of JSON."""
    return {
        "email": address_of(index),
        "name": f"Łucja Example {index}",
        "phone": f"+4855500{index:07}",
        "company": _COMPANIES[index % 4],
        "external_id": f"CUSTOMER-{index}",
        "street_address": f"ul. Długa {index % 90} m. 7",
        "zip_code": "30-555",
        "city": _CITIES[index % 4],
        "country": "PL",
        "birthday": "19840512",
        "tags": ["NEWSLETTER", "VIP", "SHOES_2024"],
        "properties.size": "XL",
        "properties.colour": "dark green",
        "properties.source": "shop.example.com/checkout",
    }


def contact_rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield so many contacts, one after another, as a program reads them from somewhere."""
    return map(contact_row, range(count))


def dense_rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield so many contacts whose texts JSON does not escape."""
    return ({**row, "company": "Foo GmbH"} for row in contact_rows(count))


def event_row(index: int) -> dict[str, Any]:
    """Return a purchase, each of a contact of its own."""
    return {
        "email": address_of(index),
        "date": 1_700_000_000_000 + index,
        "contactExtEventType": "PURCHASE",
        "products": "p01,p02",
        "location": "shop_1",
        "value": 189.99,
        "description": "Order placed in the shop",
        "externalId": f"ORDER-{index}",
    }


def event_rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield so many purchases."""
    return map(event_row, range(count))


def write_csv(path: Path, count: int) -> None:
    """Write so many contacts as a table, the tags of each in one cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(contact_row(0)))
        writer.writeheader()
        writer.writerows({**row, "tags": ",".join(row["tags"])} for row in contact_rows(count))


def in_thousands(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows a thousand at a time, as many as one request takes."""
    while thousand := list(islice(rows, THOUSAND)):
        yield thousand


def exhaust(values: Iterable[object]) -> None:
    """Have everything made, and keep nothing."""
    deque(values, maxlen=0)
