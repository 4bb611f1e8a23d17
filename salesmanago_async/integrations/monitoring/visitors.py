"""Reads the visitor of a request from the cookies of the monitoring code, and creates calls for recommendations."""

import re
from collections.abc import Iterator, Mapping

from attrs import frozen

from ...api.recommendations import LastViewedProducts, ProductsPurchasedByContact

_VALUE = re.compile(r"[\w.~-]{1,255}", re.ASCII)


@frozen(kw_only=True)
class Visitor:
    """The visitor, according to the cookies; they come from the browser, so they prove nothing.

    `contact_id` (smclient) identifies a contact, `anonymous_id` (smuuid) any visitor that the code has seen, and
    `smids` follows a contact over all pages with the same code.
    """

    contact_id: str | None = None
    anonymous_id: str | None = None
    smids: str | None = None

    def last_viewed(self, location: str) -> LastViewedProducts | None:
        """Return the call for the products that this visitor viewed last, for `sm.send`; None for a new visitor."""
        if not (self.contact_id or self.anonymous_id):
            return None
        return LastViewedProducts(location, contact_id=self.contact_id, contact_anonymous_id=self.anonymous_id)

    def purchased(self, location: str) -> ProductsPurchasedByContact | None:
        """Return the call for the products that this contact purchased, for `sm.send`; None without a contact."""
        return ProductsPurchasedByContact(location, sm_client=self.contact_id) if self.contact_id else None


def read_visitor(cookies: Mapping[str, str] | str | bytes) -> Visitor:
    """Read a request's cookies: `request.cookies` of a framework, or the text of the Cookie header.

    Values that cannot be ids are ignored.
    """
    found = dict(_pairs(cookies)) if isinstance(cookies, str | bytes) else cookies
    ids = {name: value for name, value in found.items() if _VALUE.fullmatch(value)}
    return Visitor(contact_id=ids.get("smclient"), anonymous_id=ids.get("smuuid"), smids=ids.get("smids"))


def _pairs(header: str | bytes) -> Iterator[tuple[str, str]]:
    """Yield the cookies; of several with one name, the first is yielded last.

    The standard library's parser drops all cookies if one has an unusual character, as cookies of other scripts do.
    """
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    for part in reversed(text.split(";")):
        name, _, value = part.partition("=")
        yield name.strip(), value.strip().strip('"')
