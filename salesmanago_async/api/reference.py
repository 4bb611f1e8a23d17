"""All request classes, and the tables of their paths.

This imports every class, which takes a while: what needs a few classes imports them from their own modules.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, cast

from ..errors import Invalid
from .codec import read_strictly, write
from .codegen import field_specs
from .events import BatchAddContactExtEvent
from .request import ProductRequest, Request

__all__ = [
    "ALIASES",
    "ALL_REQUESTS",
    "CREDENTIAL_FIELDS",
    "PRODUCT_REQUESTS",
    "REQUESTS",
    "VENDOR_REQUESTS",
    "read_request",
    "request_class",
    "without_credentials",
    "write_request",
]

MODULES = (
    "contacts",
    "contact_lists",
    "contact_changes",
    "contact_exports",
    "events",
    "coupons",
    "funnels",
    "tags",
    "emails",
    "email_statistics",
    "users",
    "jobs",
    "loyalty",
    "system",
    "workflows",
    "recommendations",
    "vision",
    "preference_center",
    "messages",
    "notes",
    "tasks",
    "web_push",
)
"""The modules that hold request classes, in the order of the reference."""
VENDOR_MODULES = ("integration", "login")
PRODUCT_MODULES = ("catalogs", "products", "product_collections", "product_keys")


def _module(name: str) -> ModuleType:
    return import_module(f".{name}", __package__)


def _requests(modules: Iterable[str]) -> Iterator[type[Request[Any]]]:
    for module in map(_module, modules):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Request) and value.__module__ == module.__name__:
                yield value


REQUESTS: Mapping[str, type[Request[Any]]] = {known.path: known for known in _requests(MODULES)}
"""Documented path, without /api/ → request class."""

VENDOR_REQUESTS: Mapping[str, type[Request[Any]]] = {known.path: known for known in _requests(VENDOR_MODULES)}
"""Path → request class, for calls of the vendor's own clients that are not in the reference."""

PRODUCT_REQUESTS: Mapping[str, type[ProductRequest[Any]]] = {
    known.path: known for known in _requests(PRODUCT_MODULES) if issubclass(known, ProductRequest)
}
"""Path → request class of API v3, which has a host and keys of its own."""

ALL_REQUESTS: Mapping[str, type[Request[Any]]] = {**REQUESTS, **VENDOR_REQUESTS}
"""Path → request class: what the reference has, and what it lacks."""

ALIASES: Mapping[str, type[Request[Any]]] = {"v2/contact/addBatchContactExtEvent": BatchAddContactExtEvent}
"""Paths that are not in the reference but work like one that is: this one comes from the vendor's own SDK."""

MODULES_OF_NAMES: Mapping[str, str] = {
    **dict.fromkeys(__all__, "reference"),
    **{
        name: module
        for module in ("request", *MODULES, *VENDOR_MODULES, *PRODUCT_MODULES)
        for name in _module(module).__all__
    },
}
"""Public name of the API → the module that defines it."""

CREDENTIAL_FIELDS = frozenset({"clientId", "apiKey", "requestTime", "sha"})
"""The fields of every body that the client adds itself, with new values for each try."""


def request_class(path: str) -> type[Request[Any]] | None:
    """Return the request class of a path of the reference, of the vendor's clients, or an alias; None if unknown."""
    return ALL_REQUESTS.get(path) or ALIASES.get(path)


def without_credentials(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a body that the client does not add itself."""
    known = request_class(path)
    own = {spec.path[0] for spec in field_specs(cast("type", known)) if spec.path} if known else ()
    return {name: value for name, value in body.items() if name not in CREDENTIAL_FIELDS or name in own}


def read_request(path: str, body: Mapping[str, Any]) -> Request[Any]:
    """Return the request value of `body` at `path`; raise `Invalid` naming a field that does not fit the reference."""
    known = request_class(path)
    if known is None:
        raise Invalid(f"{path!r} is not a known path; see salesmanago_async.api.REQUESTS", field="path")
    request: Request[Any] = read_strictly(known, without_credentials(path, body))
    write(request)  # writing checks the limits and the alternatives
    return request


def write_request(request: Request[Any]) -> dict[str, Any]:
    """Return the body of `request`, without credentials; raise `Invalid` naming the field that breaks its rule."""
    return write(request)
