"""Every request of the API as a value: one request class per documented path, with the class of its answer.

`REQUESTS` is the table of contents: documented path → request class, in the order of the reference. Every path is also
a method of a group of `SalesManago`, with the fields of its class in the signature: `HasContact`, at
`contact/hasContact`, is `sm.contacts.has(email)`. Three commands list them:

    salesmanago call --list            every path, with one sentence about it
    salesmanago call --table           every path, its method, and whether it is sent again in doubt
    salesmanago call PATH --fields     what a path is for, and its documented fields with their limits

`repeatable` of a class decides what happens if no answer comes. Repeatable calls (reads, upserts, deletes) are sent
again after any failure. The others ("once only" in the table: events, coupons, e-mails, messages, notes, …) are sent
again only if the server certainly did not process them.

`read_request` and `write_request` convert between a request value and the documented JSON body, without credentials.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Invalid
from . import (
    contact_changes,
    contact_exports,
    contact_lists,
    contacts,
    coupons,
    email_statistics,
    emails,
    events,
    funnels,
    jobs,
    loyalty,
    messages,
    notes,
    preference_center,
    recommendations,
    system,
    tags,
    tasks,
    users,
    vision,
    web_push,
    workflows,
)
from .codec import read_strictly, write
from .contact_changes import *
from .contact_exports import *
from .contact_lists import *
from .contacts import *
from .coupons import *
from .email_statistics import *
from .emails import *
from .events import *
from .funnels import *
from .jobs import *
from .loyalty import *
from .messages import *
from .notes import *
from .preference_center import *
from .recommendations import *
from .request import Answer, JobStarted, Part, Request
from .system import *
from .tags import *
from .tasks import *
from .users import *
from .vision import *
from .web_push import *
from .workflows import *

MODULES = (
    contacts,
    contact_lists,
    contact_changes,
    contact_exports,
    events,
    coupons,
    funnels,
    tags,
    emails,
    email_statistics,
    users,
    jobs,
    loyalty,
    system,
    workflows,
    recommendations,
    vision,
    preference_center,
    messages,
    notes,
    tasks,
    web_push,
)
"""The modules that hold request classes, in the order of the reference."""


def _requests() -> Iterator[type[Request[Any]]]:
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Request) and value.__module__ == module.__name__:
                yield value


REQUESTS: Mapping[str, type[Request[Any]]] = {known.path: known for known in _requests()}
"""Documented path, without /api/ → request class."""

ALIASES: Mapping[str, type[Request[Any]]] = {"v2/contact/addBatchContactExtEvent": events.BatchAddContactExtEvent}
"""Paths that are not in the reference but work like one that is: this one comes from the vendor's own SDK."""

CREDENTIAL_FIELDS = frozenset({"clientId", "apiKey", "requestTime", "sha"})
"""The fields of every body that the client adds itself, with new values for each try."""


def request_class(path: str) -> type[Request[Any]] | None:
    """Return the request class of a documented path or an alias; None if there is none."""
    return REQUESTS.get(path) or ALIASES.get(path)


def read_request(path: str, body: Mapping[str, Any]) -> Request[Any]:
    """Return the request value of `body` at `path`; raise `Invalid` naming a field that does not fit the reference."""
    known = request_class(path)
    if known is None:
        raise Invalid(f"{path!r} is not a known path; see salesmanago_async.api.REQUESTS", field="path")
    fields = {name: value for name, value in body.items() if name not in CREDENTIAL_FIELDS}
    request: Request[Any] = read_strictly(known, fields)
    write(request)  # writing checks the limits and the alternatives
    return request


def write_request(request: Request[Any]) -> dict[str, Any]:
    """Return the body of `request`, without credentials; raise `Invalid` naming the field that breaks its rule."""
    return write(request)


__all__ = [
    "ALIASES",
    "CREDENTIAL_FIELDS",
    "REQUESTS",
    "Answer",
    "JobStarted",
    "Part",
    "Request",
    "read_request",
    "request_class",
    "write_request",
]
__all__ += contact_changes.__all__
__all__ += contact_exports.__all__
__all__ += contact_lists.__all__
__all__ += contacts.__all__
__all__ += coupons.__all__
__all__ += email_statistics.__all__
__all__ += emails.__all__
__all__ += events.__all__
__all__ += funnels.__all__
__all__ += jobs.__all__
__all__ += loyalty.__all__
__all__ += messages.__all__
__all__ += notes.__all__
__all__ += preference_center.__all__
__all__ += recommendations.__all__
__all__ += system.__all__
__all__ += tags.__all__
__all__ += tasks.__all__
__all__ += users.__all__
__all__ += vision.__all__
__all__ += web_push.__all__
__all__ += workflows.__all__
