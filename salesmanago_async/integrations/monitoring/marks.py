"""The two ways to have the monitoring code itself set the cookie: in the address of a page, and in a script."""

import json
import re
from html import escape
from urllib.parse import quote, unquote_plus

from ...errors import Invalid
from .cookies import NAME

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def monitored_url(url: str, contact_id: str) -> str:
    """Return the address to redirect a contact's browser to: with ?smclient=, all else as it is.

    A contact that the address names already is replaced. Raises `Invalid` for an address with control characters.
    """
    if _CONTROL.search(url):
        raise Invalid("has control characters in it", field="url")
    page, hash_mark, fragment = url.partition("#")
    path, _, query = page.partition("?")
    parts = query.split("&") if query else []
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]) != NAME]
    kept.append(f"{NAME}={quote(_checked(contact_id), safe='')}")
    return f"{path}?{'&'.join(kept)}{hash_mark}{fragment}"


def monitoring_script(contact_id: str, *, nonce: str | None = None) -> str:
    """Return the <script> that tells the monitoring code the contact, to stand before it on the page.

    `nonce` is for pages with a Content-Security-Policy that asks for one.
    """
    attribute = f' nonce="{escape(nonce)}"' if nonce else ""
    return f"<script{attribute}>var _smclientid = {_literal(_checked(contact_id))};</script>"


def _literal(text: str) -> str:
    """Return a text as JavaScript that can stand in HTML.

    JSON in ASCII, so without U+2028, which once ended a line; without < > & nothing in it can end the script or begin
    a comment.
    """
    literal = json.dumps(text)
    for character in "<>&":
        literal = literal.replace(character, f"\\u{ord(character):04x}")
    return literal


def _checked(contact_id: str) -> str:
    """Return a contact id, unless it is none: an empty one would be kept for ten years."""
    try:
        contact_id.encode()
    except UnicodeEncodeError:
        raise Invalid("is no text", field="contact_id") from None
    if not contact_id:
        raise Invalid("is empty", field="contact_id")
    return contact_id
