"""Two ways to make the monitoring code itself set the cookie: a parameter in a page's URL, and a script."""

import json
import re
from html import escape
from urllib.parse import quote, unquote_plus

from ...errors import Invalid
from .cookies import NAME

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def monitored_url(url: str, contact_id: str) -> str:
    """Return the URL to which to redirect a contact's browser: `url` with ?smclient=, otherwise unchanged.

    An smclient that the URL already has is replaced. Raises `Invalid` for a URL with control characters.
    """
    if _CONTROL.search(url):
        raise Invalid("contains control characters", field="url")
    page, hash_mark, fragment = url.partition("#")
    path, _, query = page.partition("?")
    parts = query.split("&") if query else []
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]) != NAME]
    kept.append(f"{NAME}={quote(_checked(contact_id), safe='')}")
    return f"{path}?{'&'.join(kept)}{hash_mark}{fragment}"


def monitoring_script(contact_id: str, *, nonce: str | None = None) -> str:
    """Return the <script> that passes the contact to the monitoring code; it must come before the code on the page.

    `nonce` is for pages whose Content-Security-Policy requires one.
    """
    attribute = f' nonce="{escape(nonce)}"' if nonce else ""
    return f"<script{attribute}>var _smclientid = {_literal(_checked(contact_id))};</script>"


def _literal(text: str) -> str:
    """Return a text as JavaScript that is safe inside HTML.

    The result is JSON in ASCII, so without U+2028, which older JavaScript takes for the end of a line. It has no < > &,
    so that nothing in it can end the script or begin a comment.
    """
    literal = json.dumps(text)
    for character in "<>&":
        literal = literal.replace(character, f"\\u{ord(character):04x}")
    return literal


def _checked(contact_id: str) -> str:
    """Return a contact id; raise `Invalid` for an empty one, which the browser would keep for ten years."""
    try:
        contact_id.encode()
    except UnicodeEncodeError:
        raise Invalid("is not valid text", field="contact_id") from None
    if not contact_id:
        raise Invalid("is empty", field="contact_id")
    return contact_id
