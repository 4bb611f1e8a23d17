"""The states of exports in a PostgreSQL database: documents with names, each written by compare and swap."""

from typing import NamedTuple

from ..errors import Invalid, JournalFailed
from .addresses import DatabaseAddress
from .postgresql import opened_briefly

_READ = "SELECT document, version FROM salesmanago.states WHERE name = %s"
_CREATE = "INSERT INTO salesmanago.states (name, version, document) VALUES (%s, 1, %s) ON CONFLICT (name) DO NOTHING"
_REPLACE = "UPDATE salesmanago.states SET document = %s, version = version + 1 WHERE name = %s AND version = %s"


class StoredDocument(NamedTuple):
    """A document, and how often it was written; no document, and 0, if there is none yet."""

    content: bytes | None
    version: int


def read_document(address: DatabaseAddress) -> StoredDocument:
    """Return the document with the name in an address; raise `Invalid` if the database cannot be used."""
    with opened_briefly(address) as connection:
        found = connection.execute(_READ, (address.run,)).fetchall()
    return StoredDocument(found[0][0].encode(), found[0][1]) if found else StoredDocument(None, 0)


def write_document(address: DatabaseAddress, content: bytes, *, version: int) -> None:
    """Replace the document that was read as this `version`.

    Raises `JournalFailed`, and changes nothing, if somebody else has written it since, or if it cannot be written.
    """
    try:
        with opened_briefly(address) as connection:
            if version:
                written = connection.execute(_REPLACE, (content.decode(), address.run, version))
            else:
                written = connection.execute(_CREATE, (address.run, content.decode()))
    except Invalid as error:  # the database is away by now
        raise JournalFailed(str(error)) from error
    if written.rowcount != 1:
        raise JournalFailed(f"{address} was written by another export meanwhile, and stays as that one left it")
