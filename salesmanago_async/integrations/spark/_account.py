"""The client of an executor: its credentials come from the environment there, or from a function that it imports."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ...client import SalesManago
from ...errors import Invalid
from ...settings import joined_environment
from ._options import ClientOptions


def client_of(options: ClientOptions) -> SalesManago:
    """Return a client; raise `Invalid` if the executor has no credentials."""
    others: dict[str, Any] = {"concurrency": options.concurrency, "poll_interval": options.poll_interval}
    if options.quota:
        others["quota"] = options.quota
    return SalesManago.from_env(_environment(options.credentials), **others)


def _environment(credentials: str | None) -> Mapping[str, str]:
    """Return the variables of the account: SALESMANAGO_CLIENT_ID and so on."""
    if credentials is None:
        return os.environ
    module, _, name = credentials.partition(":")
    try:
        found = getattr(import_module(module), name)()
    except (ImportError, AttributeError) as error:
        raise Invalid(f"the executor cannot import {credentials}: {error}", field="credentials") from None
    if not isinstance(found, Mapping):
        raise Invalid(
            f"{credentials} must return a mapping with SALESMANAGO_CLIENT_ID and so on, not a {type(found).__name__}",
            field="credentials",
        )
    return joined_environment(found, os.environ)
