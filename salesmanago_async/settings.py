"""The settings of a client: its credentials, its retries and its time-outs."""

import hashlib
import math
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from attrs import field, frozen

from .errors import Invalid
from .support.hidden import HiddenText

DEFAULT_BASE_URL = "https://app2.salesmanago.com"
DEFAULT_PRODUCTS_URL = "https://api.salesmanago.com"
"""The host of API v3 for all accounts; [likely] https://api.manago.ai since the vendor's change of name."""

DEFAULT_CONCURRENCY = 64
"""The most requests in flight, for servers that take so many: a client begins with a few, and finds out."""


@frozen(kw_only=True)
class Credentials:
    """The credentials that sign every request (reference: "Authentication").

    Give exactly one of: `api_secret`, the precomputed `sha` that belongs to `api_key`, or a temporary `token` from
    system/authorise. `api_key` is any text of your choice unless you give `sha`. The repr shows only the client id.
    """

    client_id: str
    api_key: str = field(repr=False)
    api_secret: str | None = field(default=None, repr=False)
    sha: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if not (self.client_id and self.api_key):
            raise Invalid("client_id and api_key are both needed", field="credentials")
        if sum(bool(proof) for proof in (self.api_secret, self.sha, self.token)) != 1:
            raise Invalid("give exactly one of api_secret, sha, token", field="credentials")

    def signature(self) -> str:
        """Return the `sha` of a request: the lowercase hex SHA-1 of api_key + client_id + secret.

        A temporary token takes the place of the secret [guess: the reference only says "in exchange for apiSecret"].
        """
        if self.sha:
            return self.sha
        proof = self.api_secret or self.token or ""
        return hashlib.sha1((self.api_key + self.client_id + proof).encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read SALESMANAGO_CLIENT_ID, _API_KEY and _API_SECRET (or _SHA); raise `Invalid` naming what is missing."""
        found = {name: from_environment(environ, name) for name in ("CLIENT_ID", "API_KEY", "API_SECRET", "SHA")}
        missing = [name for name in ("CLIENT_ID", "API_KEY") if not found[name]]
        if not (found["API_SECRET"] or found["SHA"]):
            missing.append("API_SECRET (or SALESMANAGO_SHA)")
        if missing:
            raise Invalid("set " + ", ".join(f"SALESMANAGO_{name}" for name in missing), field="credentials")
        return cls(
            client_id=found["CLIENT_ID"],
            api_key=found["API_KEY"],
            api_secret=found["API_SECRET"] or None,
            sha=None if found["API_SECRET"] else found["SHA"],
        )


@frozen(kw_only=True)
class Login:
    """The user name and password of a user of the account (reference: "Temporary authorization").

    Give it to a client in place of `Credentials`. The client gets a temporary token at its first call, and renews it
    before it expires. `api_key` is any text of your choice. The repr does not show the password.
    """

    user_name: str
    password: str = field(repr=False)
    api_key: str = field(default="salesmanago-async", repr=False)

    def __attrs_post_init__(self) -> None:
        if not (self.user_name and self.password and self.api_key):
            raise Invalid("user_name, password and api_key are all needed", field="credentials")


@frozen(kw_only=True)
class Retries:
    """How often, and for how long, a failed request is tried again.

    In a run only the waits count; the run's `patience` limits how long it tries.

    `tries` includes the first one. Waits double from `first_wait` up to `longest_wait` seconds. Each wait is a random
    part of that (full jitter), but never shorter than the server's Retry-After. No new try begins later than `deadline`
    seconds after the first one.
    """

    tries: int = 6
    first_wait: float = 0.5
    longest_wait: float = 30.0
    deadline: float = 180.0


@frozen(kw_only=True)
class Timeouts:
    """How long one try may wait, in seconds: to connect, and between two pieces of data."""

    connect: float = 10.0
    read: float = 60.0
    write: float = 60.0


_SECRET = {"API_KEY", "API_SECRET", "SHA", "PRODUCTS_KEY", "QUOTA"}


def from_environment(environ: Mapping[str, str] | None, name: str) -> str:
    """Return the variable SALESMANAGO_`name` without surrounding white space, or "" if it is not set.

    `environ` is that of the process if it is None. A secret that was written with `echo` ends in a line break. Raises
    `Invalid` if a line break or another unprintable character is inside the value. The error names the variable and
    does not show the value.
    """
    variable = f"SALESMANAGO_{name}"
    value = (os.environ if environ is None else environ).get(variable, "").strip()
    value = HiddenText(value) if name in _SECRET else value
    if not value.isprintable():
        raise Invalid("contains a line break or another invisible character: set it again", field=variable)
    return value


_SECRET_OR_SHA = frozenset({"SALESMANAGO_API_SECRET", "SALESMANAGO_SHA"})
"""Of these, an account needs one."""


def joined_environment(first: Mapping[str, str], others: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables of two places; those of `first` take precedence.

    The secret and the sha stand for each other, so if `first` has one of them, neither is taken from `others`.
    """
    is_given = any(first.get(name, "").strip() for name in _SECRET_OR_SHA)
    left = {name: value for name, value in others.items() if not (is_given and name in _SECRET_OR_SHA)}
    return {**left, **first}


def read_seconds(text: str, variable: str) -> float:
    """Return a number of seconds above 0; raise `Invalid`, which names the variable, for another text."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise Invalid(f"{text!r} is not a number of seconds above 0, such as 60", field=variable)
    return seconds


def checked_base_url(base_url: str, *, setting: str = "base_url", example: str = DEFAULT_BASE_URL) -> str:
    """Return `base_url` without a trailing slash or /api; raise `Invalid` if it would send secrets unencrypted.

    The error names `setting`, and shows `example` as an address that can be used.
    """
    trimmed = base_url.strip().rstrip("/").removesuffix("/api")
    if "@" in trimmed:
        raise Invalid("must not hold a user or a password", field=setting)
    problem = _problem_in(trimmed)
    if problem:
        raise Invalid(f"{base_url!r} {problem}; give one such as {example}", field=setting)
    if not is_safe_url(trimmed):
        raise Invalid(f"{base_url!r} is no https address such as {example}", field=setting)
    return trimmed


def _problem_in(url: str) -> str | None:
    """Return why an address cannot be used, whatever its scheme: connecting to it would fail with an obscure error."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is not a valid address"
    try:
        has_port = parts.port != 0
    except ValueError:
        has_port = False
    if not has_port:
        return "has no port from 1 to 65535 behind its host"
    if parts.query or parts.fragment or not _WITHOUT_BLANKS.fullmatch(url):
        return "has blanks, a query or a fragment in it"
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - nothing is bound
        return "is where a server listens, not where it is reached: that is 127.0.0.1 on this machine"
    return None if not host or _is_host(host) else "has no host name of letters, digits, hyphens and dots"


_WITHOUT_BLANKS = re.compile(r"[^\s?#\\\x00-\x1f\x7f]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


def _is_host(host: str) -> bool:
    """Return whether a text is an IP address or a possible host name; non-ASCII letters must be written as `xn--…`."""
    if _is_address(host):
        return True
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_safe_url(url: str) -> bool:
    """Return whether `url` is https, or http to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address is this machine."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
