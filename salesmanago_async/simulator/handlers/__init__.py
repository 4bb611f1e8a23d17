"""What each path does: a handler takes the store and a checked body, and returns the answer or raises `Refusal`."""

from collections.abc import Mapping

from .._handler import Handler
from . import contacts, events, exports, jobs, users

_MODULES = (contacts, exports, events, users, jobs)

HANDLERS: Mapping[str, Handler] = {path: handler for module in _MODULES for path, handler in module.HANDLERS.items()}
"""Handlers of bodies that are checked as a whole."""

BATCH_HANDLERS: Mapping[str, Handler] = {**contacts.BATCH_HANDLERS, **events.BATCH_HANDLERS}
"""Handlers of bodies whose entries are checked, and fail, one by one."""
