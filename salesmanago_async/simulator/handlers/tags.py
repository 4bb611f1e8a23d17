"""contact/tags: the tags of the contacts."""

from collections import Counter
from typing import Any

from .._handler import Handler
from .._store import AccountStore


def tags(store: AccountStore, _: dict[str, Any]) -> dict[str, Any]:
    """contact/tags: the simulated account has no system tags."""
    counts = Counter(name for contact in store.contacts.values() for name in contact.tags)
    return {"tags": [{"tag": name, "numberOfTagged": number} for name, number in sorted(counts.items())]}


HANDLERS: dict[str, Handler] = {"contact/tags": tags}
