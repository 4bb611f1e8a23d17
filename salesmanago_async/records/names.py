"""Canonical names of contacts: the text of an address or an id goes in, its canonical form comes out. Pure.

One contact can be written in several ways: `Ann@Example.com` and `ann@example.com`, `bücher.example` and
`xn--bcher-kva.example`, an `é` of one character or of two (NFC and NFD), an id in upper or lower case. Records of one
contact must wait for each other even if they spell it differently, and an answer in another spelling must be matched to
its record. So names are compared in canonical form only; what is sent is always the original text.

Names that may belong to two contacts stay different: dots and `+tags` before the @ are kept, and so is `ß`, which is
not `ss`.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import normalize

PUNYCODE = "xn--"
"""The prefix of a domain label with non-ASCII letters, as written in DNS."""

MOST_OF_LABEL = 63
"""The most characters of a domain label in DNS."""


Names = tuple[str, ...]
"""The canonical names of a record's contact: its address or its id, and any other name that the record has."""


def canonical(name: str) -> str:
    """Return the canonical form of an address or an id; a canonical form is its own canonical form."""
    lowered = name.strip().lower()
    if lowered.isascii() and PUNYCODE not in lowered:  # nearly all
        return lowered
    local, at, domain = _composed(lowered).rpartition("@")
    return f"{local}{at}{'.'.join(map(_label, domain.split('.')))}" if at else domain


def canonical_names(names: Iterable[object]) -> frozenset[str]:
    """Return the canonical forms of the names that a server uses for a contact, without empty ones."""
    return frozenset(canonical(str(name)) for name in names if name) - {""}


def named_in(body: Mapping[str, Any], *fields: str) -> tuple[str, ...]:
    """Return the canonical names in these fields of a body, in this order."""
    return tuple(canonical(str(body[name])) for name in fields if name in body)


def names_of_contact(body: Mapping[str, Any]) -> Names:
    """Return the names of the contact of an upsertDetails entry: its address, its id, and its new address."""
    contact = body["contact"]
    if "newEmail" not in body and "contactId" not in contact:  # nearly all
        return (canonical(contact["email"]),)
    return (*named_in(contact, "email", "contactId"), *named_in(body, "newEmail"))


def names_of_event(body: Mapping[str, Any]) -> Names:
    """Return the canonical names of the contact of an event: its address, its id, or both."""
    return (canonical(body["email"]),) if "contactId" not in body else named_in(body, "email", "contactId")


def names_of_product(body: Mapping[str, Any]) -> Names:
    """Return the id of a product, as it is: ids that differ in case may belong to two products."""
    return (body["productId"],)


def _composed(text: str) -> str:
    return normalize("NFC", normalize("NFC", text).lower()).strip()


def _label(label: str) -> str:
    """Return a domain label in its own letters; a label that is not valid punycode is returned unchanged."""
    if not label.startswith(PUNYCODE) or len(label) > MOST_OF_LABEL:
        return label
    code = label.removeprefix(PUNYCODE)
    try:
        letters = _composed(code.encode("ascii").decode("punycode"))
        is_proper = not letters.isascii() and letters.encode("punycode").decode("ascii") == code
    except ValueError:
        return label
    return letters if is_proper and "." not in letters and "@" not in letters else label
