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
    integration,
    jobs,
    legacy,
    loyalty,
    messages,
    notes,
    panel,
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
    integration,
)

HANDLERS: Mapping[str, Handler] = {path: handler for module in _MODULES for path, handler in module.HANDLERS.items()}
"""Handlers of bodies that are checked as a whole."""

LEGACY_HANDLERS: Mapping[str, Handler] = {**legacy.HANDLERS, **panel.HANDLERS}
"""Handlers of paths that only old clients use; each checks its body itself."""

BATCH_HANDLERS: Mapping[str, Handler] = {**contacts.BATCH_HANDLERS, **events.BATCH_HANDLERS}
"""Handlers of bodies whose entries are checked one by one; each entry can fail alone."""
