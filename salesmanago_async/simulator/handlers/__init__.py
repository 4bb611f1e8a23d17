"""The handlers of all paths: each takes the store and a checked body; it returns the answer or raises `RefusedCall`."""

from collections.abc import Mapping

from .._handler import Handler
from . import (
    contact_changes,
    contact_lists,
    contacts,
    coupons,
    email_statistics,
    emails,
    events,
    exports,
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

_MODULES = (
    contacts,
    contact_lists,
    contact_changes,
    exports,
    events,
    coupons,
    funnels,
    tags,
    emails,
    email_statistics,
    loyalty,
    users,
    jobs,
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

HANDLERS: Mapping[str, Handler] = {path: handler for module in _MODULES for path, handler in module.HANDLERS.items()}
"""Handlers of bodies that are checked as a whole."""

BATCH_HANDLERS: Mapping[str, Handler] = {**contacts.BATCH_HANDLERS, **events.BATCH_HANDLERS}
"""Handlers of bodies whose entries are checked one by one; each entry can fail alone."""
