"""Which names mean one contact? Pure: the text of an address or an id goes in, its canonical form comes out.

One contact can be written in several ways: `Ann@Example.com` and `ann@example.com`, `bücher.example` and
`xn--bcher-kva.example`, an `é` of one character or of two (NFC and NFD), an id in upper or lower case. Records that
were given in different ways must still wait for each other, and an answer in another spelling must still be traced to
its record. So names are compared in canonical form only; what is sent is always the text as it was given.

What may be two contacts stays two: dots and `+tags` before the @ are left alone, and so is `ß`, which is not `ss`.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import normalize

PUNYCODE = "xn--"
"""What a label of a domain begins with that holds other letters than ASCII, in the spelling of DNS."""

MOST_OF_LABEL = 63
"""Characters that a label of a domain has in DNS."""


Names = tuple[str, ...]
"""What a record's contact goes by: its address or its id, and any other name the record gives it; all canonical."""


def canonical(name: str) -> str:
    """Return the one form of an address or an id; that of a canonical form is itself."""
    lowered = name.strip().lower()
    if lowered.isascii() and PUNYCODE not in lowered:  # nearly all
        return lowered
    local, at, domain = _composed(lowered).rpartition("@")
    return f"{local}{at}{'.'.join(map(_label, domain.split('.')))}" if at else domain


def canonical_names(names: Iterable[object]) -> frozenset[str]:
    """Return the canonical forms of what a server calls a contact, without the empty ones."""
    return frozenset(canonical(str(name)) for name in names if name) - {""}


def named_in(body: Mapping[str, Any], *fields: str) -> tuple[str, ...]:
    """Return the canonical names that are in these fields of a body, in that order."""
    return tuple(canonical(str(body[name])) for name in fields if name in body)


def names_of_contact(body: Mapping[str, Any]) -> Names:
    """Return what the contact of an upsertDetails entry goes by: address, id, and the address that it is to get."""
    contact = body["contact"]
    if "newEmail" not in body and "contactId" not in contact:  # nearly all
        return (canonical(contact["email"]),)
    return (*named_in(contact, "email", "contactId"), *named_in(body, "newEmail"))


def names_of_event(body: Mapping[str, Any]) -> Names:
    """Return what the contact of an event goes by: its address, its id, or both, in canonical form."""
    return (canonical(body["email"]),) if "contactId" not in body else named_in(body, "email", "contactId")


def _composed(text: str) -> str:
    return normalize("NFC", normalize("NFC", text).lower()).strip()


def _label(label: str) -> str:
    """Return a label of a domain in its own letters; one that is no proper punycode is left as it is."""
    if not label.startswith(PUNYCODE) or len(label) > MOST_OF_LABEL:
        return label
    code = label.removeprefix(PUNYCODE)
    try:
        letters = _composed(code.encode("ascii").decode("punycode"))
        is_proper = not letters.isascii() and letters.encode("punycode").decode("ascii") == code
    except ValueError:
        return label
    return letters if is_proper and "." not in letters and "@" not in letters else label
