"""Bodies and answers by msgspec, all checked: lengths, the form of an address, and the types of every answer."""

from collections.abc import Collection
from typing import Annotated, Any

import msgspec

from benchmarks.floors import SIGNED, entry_of

Short = Annotated[str, msgspec.Meta(max_length=255)]
EmailAddress = Annotated[str, msgspec.Meta(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s]+$")]


class Address(msgspec.Struct, rename="camel", omit_defaults=True):
    """Where a contact lives."""

    street_address: Short | None = None
    zip_code: Short | None = None
    city: Short | None = None
    country: Short | None = None


class Person(msgspec.Struct, rename="camel", omit_defaults=True):
    """A contact's own fields."""

    email: EmailAddress
    name: Short | None = None
    phone: Short | None = None
    company: Short | None = None
    external_id: Short | None = None
    address: Address | None = None


class Entry(msgspec.Struct, omit_defaults=True):
    """What batchupsertv2 takes a list of."""

    contact: Person
    birthday: Short | None = None
    tags: list[Short] = []
    properties: dict[Short, Short] = {}


class Started(msgspec.Struct, rename="camel"):
    """The answer to a request that starts a job."""

    success: bool
    message: list[str]
    request_id: int


class Status(msgspec.Struct, rename="camel"):
    """The answer to a question about a job."""

    success: bool
    message: list[str]
    file_url: str | None = None


class Result(msgspec.Struct, rename="camel"):
    """What a job came to."""

    success: bool
    contact_ids: dict[str, str]
    message: list[str]
    invalid_contacts: list[dict[str, Any]]


_STARTED, _STATUS, _RESULT = msgspec.json.Decoder(Started), msgspec.json.Decoder(Status), msgspec.json.Decoder(Result)


def write_contacts(rows: list[dict[str, Any]]) -> bytes:
    """Return a whole request; raise `msgspec.ValidationError` where a row is not as it has to be."""
    entries = msgspec.convert(list(map(entry_of, rows)), list[Entry])
    return msgspec.json.encode({**SIGNED, "owner": "o@example.com", "upsertDetails": entries})


def read_request_id(answer: bytes) -> int:
    """Return the number of the job that was started."""
    return _STARTED.decode(answer).request_id


def read_link(answer: bytes) -> str | None:
    """Return where the result of a job is, None while there is none."""
    return _STATUS.decode(answer).file_url


def read_addresses(answer: bytes) -> Collection[str]:
    """Return the addresses that a result names."""
    return _RESULT.decode(answer).contact_ids
