"""Files as exports give them, of any size: made up from a seed, so that every run measures the same."""

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

import orjson

PART_RECORDS = 50_000
"""How many records each file of an archive holds, as documented."""
BATCH_RECORDS = 150
"""How many contacts have some 256 KB, which is what a parser likes best."""

_EARLIEST_MS, _SPAN_MS = 1_600_000_000_000, 100_000_000_000
_TAGS = ("VIP", "NEWSLETTER", "SHOES", "KIDS", "ŻÓŁTY")


def contact_batches(contacts: int) -> Iterator[bytes]:
    """Yield a contact export, some 1.7 KB a contact, as arrays of `BATCH_RECORDS` each."""
    records = islice(_over_and_over(_contacts(Random(7))), contacts)
    while batch := list(islice(records, BATCH_RECORDS)):
        yield b"[%b]" % b",".join(batch)


def write_array(path: Path, batches: Iterable[bytes]) -> None:
    """Write arrays as one."""
    with path.open("wb") as file:
        for number, batch in enumerate(batches):
            file.write((b"," if number else b"[") + batch[1:-1])
        file.write(b"]")


def write_messages(path: Path, parts: int) -> list[bytes]:
    """Write an archive of message conversation data; return what its parts hold."""
    messages = _over_and_over(_messages(Random(7)))
    contents = [b"[%b]" % b",".join(islice(messages, PART_RECORDS)) for _ in range(parts)]
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents, 1):
            archive.writestr(f"conversation_{number}.json", content)
    return contents


def _over_and_over(records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Encode some records, and yield them again and again: far more than a parser or a packer remembers."""
    return cycle([orjson.dumps(record) for record in islice(records, 5_000)])


def _contacts(random: Random) -> Iterator[dict[str, Any]]:
    while True:
        contact_id = _id(random)
        yield {
            contact_id: {
                "contactData": _contact(random, contact_id),
                "tagData": _some(4, random, _tag),
                "extEventData": _some(3, random, _event),
                "visitsData": _some(2, random, _visit),
                "emailsData": _some(2, random, _email),
                "funnelsData": [],
                "contactPropertiesData": _some(2, random, _property),
                "contactDictionaryPropertiesData": _some(1, random, _dictionary_property),
            }
        }


def _contact(random: Random, contact_id: str) -> dict[str, Any]:
    return {
        "email": f"contact{random.randrange(10**7)}@example.com",
        "id": contact_id,
        "createdOn": _time(random),
        "modifiedOn": _time(random),
        "name": random.choice(["Ann Nowak", "Łukasz Żółć", 'Jan "Janek" Wiśniewski', "Zofia {Zosia} Brown"]),
        "score": _maybe(random, random.randrange(100)),
        "phone": _maybe(random, f"+48555{random.randrange(10**6)}"),
        "fax": None,
        "state": "CUSTOMER",
        "optedOut": random.random() < 0.1,
        "optedOutPhone": False,
        "deleted": False,
        "invalid": False,
        "company": None,
        "streetAddress": _maybe(random, "ul. Długa 5, m. 7"),
        "zipCode": _maybe(random, "00-950"),
        "city": _maybe(random, "Kraków"),
        "country": "PL",
        "birthday": _maybe(random, "19840512"),
        "province": None,
        "mainOwner": "admin@vendor.pl",
        "lastOptInOn": _time(random),
        "lastOptOutOn": None,
    }


def _tag(random: Random) -> dict[str, Any]:
    return {"tagName": random.choice(_TAGS), "score": random.randrange(9), "createdOn": _time(random)}


def _event(random: Random) -> dict[str, Any]:
    return {
        "eventId": _id(random),
        "date": _time(random),
        "description": _maybe(random, "Order placed in the shop"),
        "products": ",".join(f"p{random.randrange(10**4):04}" for _ in range(random.randrange(1, 5))),
        "location": "shop.example.com",
        "value": round(random.random() * 500, 2),
        "contactExtEventType": random.choice(["PURCHASE", "CART", "VISIT"]),
        "detail1": _maybe(random, "online"),
        "detail2": None,
        "detail3": None,
        "externalId": f"ORDER-{random.randrange(10**6)}",
    }


def _visit(random: Random) -> dict[str, Any]:
    return {
        "host": "shop.example.com",
        "time": _time(random),
        "duration": random.randrange(900),
        "visitSource": "www.example.com",
        "visitSourceHost": "example.com",
        "visitSourceKeywords": "shoes",
        "visitScore": 10,
        "url": f"/p/{random.randrange(10**5)}",
        "location": "https://shop.example.com",
    }


def _email(random: Random) -> dict[str, Any]:
    return {
        "name": "#API: dyn",
        "subject": "Sample subject, with commas",
        "date": _time(random),
        "sent": True,
        "dateSent": _time(random),
        "opened": False,
        "dateOpened": _maybe(random, _time(random)),
        "clicked": False,
        "dateClicked": None,
        "emailConversation": None,
        "deliveryStatus": None,
    }


def _property(random: Random) -> dict[str, Any]:
    return {"name": "t_shirt_size", "value": random.choice(["S", "M", "XL"])}


def _dictionary_property(random: Random) -> dict[str, Any]:
    return {"name": "shoe_size", "type": "NUMBER", "value": random.randrange(30, 46)}


def _messages(random: Random) -> Iterator[dict[str, Any]]:
    while True:
        yield {
            "name": "Spring Campaign",
            "date": _time(random),
            "clickedOn": _maybe(random, _time(random)),
            "textContent": "Visit example.com and get up to 50% off",
            "phone": f"+48555{random.randrange(10**6)}",
            "contactId": _id(random),
            "email": f"contact{random.randrange(10**7)}@example.com",
            "externalId": None,
            "channel": "SMS",
            "status": "Sent",
        }


def _some(most: int, random: Random, make: Callable[[Random], dict[str, Any]]) -> list[dict[str, Any]]:
    return [make(random) for _ in range(random.randrange(most + 1))]


def _maybe(random: Random, value: Any) -> Any:
    return value if random.random() < 0.5 else None


def _time(random: Random) -> int:
    return _EARLIEST_MS + random.randrange(_SPAN_MS)


def _id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128)))
