"""The cookie `smclient`, by which the monitoring code identifies a contact (reference: "Contact monitoring")."""

import re
from typing import Any, Literal, Protocol

from attrs import field, frozen

from ...errors import Invalid

NAME = "smclient"
TEN_YEARS = 10 * 365 * 86_400
"""The documented retention, in seconds. Use a shorter time if the law of your country requires it."""

_VALUE = re.compile(r"[A-Za-z0-9._~-]{1,255}")
_DOMAIN = re.compile(r"\.?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


class TakesCookies(Protocol):
    """A response of Starlette (and so FastAPI), aiohttp, or another framework with the same method."""

    def set_cookie(
        self,
        name: str,
        value: str,
        /,
        *,
        max_age: int,
        path: str,
        domain: str | None,
        secure: bool,
        httponly: bool,
        samesite: Literal["lax"],
    ) -> object:
        """Set a cookie."""
        ...


def _check_id(_cookie: object, _field: object, contact_id: Any) -> None:
    if not isinstance(contact_id, str) or not _VALUE.fullmatch(contact_id):
        raise Invalid("is not a contact id that a cookie can hold", field="contact_id")


def _check_age(_cookie: object, _field: object, max_age: Any) -> None:
    if not isinstance(max_age, int) or max_age < 0:
        raise Invalid("is not a number of seconds", field="max_age")


def _check_domain(_cookie: object, _field: object, domain: str | None) -> None:
    if domain is not None and not _DOMAIN.fullmatch(domain):
        raise Invalid(f"{domain!r} is not a domain", field="domain")


@frozen
class MonitoringCookie:
    """The cookie of a contact; `sm.contacts.upsert` returns the contact's id.

    `max_age` is in seconds (some browsers keep a cookie for 400 days at most); 0 makes the browser delete it. Use
    `secure=True` on a site that is all https, and `domain` for a cookie that its subdomains share. The cookie is not
    http-only, because the monitoring code must read it. Raises `Invalid` for values that a header cannot hold.
    """

    contact_id: str = field(validator=_check_id)
    max_age: int = field(default=TEN_YEARS, validator=_check_age, kw_only=True)
    secure: bool = field(default=False, kw_only=True)
    domain: str | None = field(default=None, validator=_check_domain, kw_only=True)

    def header(self) -> str:
        """Return the text of a Set-Cookie header."""
        parts = [f"{NAME}={self.contact_id}", f"Max-Age={self.max_age}", "Path=/", "SameSite=Lax"]
        parts += [f"Domain={self.domain}"] if self.domain else []
        return "; ".join([*parts, "Secure"] if self.secure else parts)


def set_monitoring_cookie(response: TakesCookies, cookie: MonitoringCookie) -> None:
    """Set the cookie on a response of a web framework, with the framework's own method."""
    response.set_cookie(
        NAME,
        cookie.contact_id,
        max_age=cookie.max_age,
        path="/",
        domain=cookie.domain,
        secure=cookie.secure,
        httponly=False,
        samesite="lax",
    )
