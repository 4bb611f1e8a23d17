"""Which requests may see the page and post to it: those of its own, and of programs, but none of another site. Pure.

A browser sends the form of any site to any address, loopback included. It names the site in `Origin` and
`Sec-Fetch-Site`, which a site cannot change. A site whose name is made to lead to this machine (DNS rebinding) would
be of the same origin; so the name in `Host` must be an address, localhost, or the name that the server listens at.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

SAME_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for a request of the page itself, and for one of the user, such as a bookmark."""


def refusal_of(headers: Mapping[str, str], *, posts: bool, listens_at: str) -> str | None:
    """Return why a request is refused, or None. `headers` are by their names in lower case."""
    host = headers.get("host", "")
    if not _is_own_name(_name_of(host), listens_at):
        return "the page is shown at the address of the simulator only, such as http://127.0.0.1:8787"
    if not posts:
        return None
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return "a form of another site is not accepted"
    if headers.get("sec-fetch-site", "same-origin") not in SAME_SITE:
        return "a form of another site is not accepted"
    return None


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_own_name(name: str, listens_at: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return bool(name) and name == listens_at.lower()
    return True
