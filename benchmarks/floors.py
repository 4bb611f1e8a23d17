"""The floor under each measure: the cheapest thing that does the same work by hand, checking nothing.

A row of known columns becomes a dict, which orjson writes; requests go over a raw asyncio protocol, which knows the one
server it talks to. Nobody should write this: it is what the rest is measured by.
"""

import asyncio
import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from benchmarks.records import THOUSAND, contact_rows, exhaust, in_thousands

SIGNED = {"clientId": "bench", "apiKey": "key", "requestTime": 1_700_000_000_000, "sha": "0" * 40}
UPSERT_MANY = "/api/contact/batchupsertv2"


def entry_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a contact as the API has it."""
    return {
        "contact": {
            "email": row["email"],
            "name": row["name"],
            "phone": row["phone"],
            "company": row["company"],
            "externalId": row["external_id"],
            "address": {
                "streetAddress": row["street_address"],
                "zipCode": row["zip_code"],
                "city": row["city"],
                "country": row["country"],
            },
        },
        "birthday": row["birthday"],
        "tags": row["tags"],
        "properties": {
            "size": row["properties.size"],
            "colour": row["properties.colour"],
            "source": row["properties.source"],
        },
    }


def tagless_entry_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a contact as the API has it, without its tags."""
    entry = entry_of(row)
    del entry["tags"]
    return entry


def sparse_entry_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return the same where any column may be empty: the next cheapest thing, which real tables need."""
    contact = {"email": row["email"]}
    body: dict[str, Any] = {"contact": contact}
    for name, column in _OF_CONTACT:
        if value := row[column]:
            contact[name] = value
    if address := {name: value for name, column in _OF_ADDRESS if (value := row[column])}:
        contact["address"] = address
    if birthday := row["birthday"]:
        body["birthday"] = birthday
    if tags := row["tags"]:
        body["tags"] = tags
    if details := {name: value for name, column in _OF_DETAILS if (value := row[column])}:
        body["properties"] = details
    return body


_OF_CONTACT = (("name", "name"), ("phone", "phone"), ("company", "company"), ("externalId", "external_id"))
_OF_ADDRESS = (("streetAddress", "street_address"), ("zipCode", "zip_code"), ("city", "city"), ("country", "country"))
_OF_DETAILS = (("size", "properties.size"), ("colour", "properties.colour"), ("source", "properties.source"))


def entry_of_cells(cells: list[str]) -> dict[str, Any]:
    """Return a contact as the API has it, of the cells of a line."""
    email, name, phone, company, external_id, street, zip_code, city, country, birthday, tags, *details = cells
    size, colour, source = details
    return {
        "contact": {
            "email": email,
            "name": name,
            "phone": phone,
            "company": company,
            "externalId": external_id,
            "address": {"streetAddress": street, "zipCode": zip_code, "city": city, "country": country},
        },
        "birthday": birthday,
        "tags": tags.split(","),
        "properties": {"size": size, "colour": colour, "source": source},
    }


def body_of(entries: Sequence[dict[str, Any]]) -> bytes:
    """Return a whole signed request; orjson writes a thousand entries at once, which is cheaper than one by one."""
    return orjson.dumps({**SIGNED, "owner": "o@example.com", "upsertDetails": entries})


def bodies_of(
    rows: Iterable[dict[str, Any]], entry: Callable[[dict[str, Any]], dict[str, Any]] = entry_of
) -> Iterator[bytes]:
    """Yield the requests that rows make."""
    for thousand in in_thousands(iter(rows)):
        yield body_of([entry(row) for row in thousand])


def encode_all(count: int) -> None:
    """Make the requests of so many contacts, each row made as it is read."""
    exhaust(bodies_of(contact_rows(count)))


def bodies_of_csv(path: Path) -> Iterator[bytes]:
    """Yield the requests that the lines of a file make."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        next(lines)
        while thousand := [entry_of_cells(cells) for _, cells in zip(range(THOUSAND), lines, strict=False)]:
            yield body_of(thousand)


class RawConnection(asyncio.Protocol):
    """HTTP/1.1 to a server that answers 200, with a Content-Length as its last header."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._received = bytearray()
        self._answer: asyncio.Future[bytes]

    @classmethod
    async def to(cls, address: str) -> Self:
        """Connect."""
        host, port = urlsplit(address).netloc.split(":")
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, int(port))
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember what is written to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Gather an answer, and hand it over once it is whole."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) == int(head.rpartition(b":")[2]):
            self._received = bytearray()
            self._answer.set_result(bytes(body))

    async def post(self, path: str, body: bytes) -> Any:
        """Send a body and return the answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        return await self._ask(b"%b\r\n\r\n%b" % (head.encode(), body))

    async def get(self, link: str) -> Any:
        """Return what is at a link."""
        return await self._ask(f"GET {urlsplit(link).path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async def _ask(self, request: bytes) -> Any:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return orjson.loads(await self._answer)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


async def upsert_all(address: str, count: int, *, in_flight: int) -> int:
    """Send so many contacts, and read the result of each job; return how many contacts the results name."""
    bodies = bodies_of(contact_rows(count))

    async def work() -> int:
        connection = await RawConnection.to(address)
        named = 0
        for body in bodies:
            started = await connection.post(UPSERT_MANY, body)
            question = orjson.dumps({**SIGNED, "requestId": started["requestId"]})
            told = await connection.post("/api/job/status", question)
            named += len((await connection.get(told["fileUrl"]))["contactIds"])
        connection.close()
        return named

    return sum(await asyncio.gather(*(work() for _ in range(in_flight))))
