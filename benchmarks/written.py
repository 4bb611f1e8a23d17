"""What people write: attrs with its stock validators, cattrs, json, and httpx with a semaphore or without."""

import asyncio
import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
from attrs import Factory, define, field, fields
from attrs.validators import and_, deep_iterable, deep_mapping, instance_of, matches_re, max_len, optional
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from benchmarks.floors import SIGNED, UPSERT_MANY
from benchmarks.records import contact_rows, in_thousands

POLL_INTERVAL = 0.01
_SHORT: Any = and_(instance_of(str), max_len(255))
_TEXT = optional(_SHORT)
_EMAIL = matches_re(re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+"))


@define(kw_only=True)
class Address:
    """Where a contact lives."""

    street_address: str | None = field(default=None, validator=_TEXT)
    zip_code: str | None = field(default=None, validator=_TEXT)
    city: str | None = field(default=None, validator=_TEXT)
    country: str | None = field(default=None, validator=_TEXT)


@define(kw_only=True)
class Person:
    """A contact's own fields."""

    email: str = field(validator=and_(instance_of(str), max_len(254), _EMAIL))
    name: str | None = field(default=None, validator=_TEXT)
    phone: str | None = field(default=None, validator=_TEXT)
    company: str | None = field(default=None, validator=_TEXT)
    external_id: str | None = field(default=None, validator=_TEXT)
    address: Address | None = None


@define(kw_only=True)
class Entry:
    """What batchupsertv2 takes a list of."""

    contact: Person
    birthday: str | None = field(default=None, validator=_TEXT)
    tags: list[str] = field(default=Factory(list), validator=deep_iterable(_SHORT))
    properties: dict[str, str] = field(default=Factory(dict), validator=deep_mapping(_SHORT, _SHORT))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _converter() -> Converter:
    converter = Converter(omit_if_default=True)
    for kind in (Address, Person, Entry):
        names: Any = {one.name: override(rename=_camel(one.name)) for one in fields(kind)}
        converter.register_unstructure_hook(
            kind, make_dict_unstructure_fn(kind, converter, _cattrs_omit_if_default=True, **names)
        )
    return converter


CONVERTER = _converter()


def entry_of(row: dict[str, Any]) -> Entry:
    """Make the value of a row: the nesting by hand, the rest by cattrs."""
    address = {name: row[name] for name in ("street_address", "zip_code", "city", "country")}
    person = {name: row[name] for name in ("email", "name", "phone", "company", "external_id")}
    details = {name.partition(".")[2]: value for name, value in row.items() if name.startswith("properties.")}
    nested = {"contact": {**person, "address": address}, "birthday": row["birthday"], "properties": details}
    return CONVERTER.structure({**nested, "tags": row["tags"]}, Entry)


def payload_of(entries: Iterable[Entry]) -> dict[str, Any]:
    """Return a whole request, to be written by json."""
    return {**SIGNED, "owner": "o@example.com", "upsertDetails": [CONVERTER.unstructure(entry) for entry in entries]}


def bodies_of(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the requests that rows make."""
    for thousand in in_thousands(iter(rows)):
        yield json.dumps(payload_of(map(entry_of, thousand))).encode()


def bodies_of_csv(path: Path) -> Iterator[bytes]:
    """Yield the requests that the lines of a file make."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from bodies_of({**row, "tags": row["tags"].split(",")} for row in csv.DictReader(file))


async def _upsert(client: httpx.AsyncClient, thousand: list[dict[str, Any]]) -> int:
    started = await client.post(UPSERT_MANY, json=payload_of(map(entry_of, thousand)))
    question = {**SIGNED, "requestId": started.json()["requestId"]}
    while not (link := (await client.post("/api/job/status", json=question)).json().get("fileUrl")):  # noqa: ASYNC110
        await asyncio.sleep(POLL_INTERVAL)
    return len((await client.get(link)).json()["contactIds"])


async def upsert_with_semaphore(address: str, count: int, *, in_flight: int) -> int:
    """Send so many contacts, a task for each thousand, some at a time; return how many contacts the results name."""
    semaphore = asyncio.Semaphore(in_flight)
    async with httpx.AsyncClient(base_url=address, timeout=None) as client:

        async def upsert(thousand: list[dict[str, Any]]) -> int:
            try:
                return await _upsert(client, thousand)
            finally:
                semaphore.release()

        tasks: list[asyncio.Task[int]] = []
        for thousand in in_thousands(contact_rows(count)):
            await semaphore.acquire()  # before the task is made, so that the rows are not all read at once
            tasks.append(asyncio.create_task(upsert(thousand)))
        return sum(await asyncio.gather(*tasks))


async def upsert_with_gather(address: str, count: int) -> int:
    """Do the same with all of them at once."""
    async with httpx.AsyncClient(base_url=address, timeout=None) as client:
        return sum(await asyncio.gather(*[_upsert(client, thousand) for thousand in in_thousands(contact_rows(count))]))


async def upsert_one_by_one(address: str, count: int) -> int:
    """Do the same, one request after the other."""
    async with httpx.AsyncClient(base_url=address, timeout=None) as client:
        return sum([await _upsert(client, thousand) for thousand in in_thousands(contact_rows(count))])
