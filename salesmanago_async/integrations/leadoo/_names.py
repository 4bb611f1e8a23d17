"""Makes names comparable that people write in different ways."""

import re
from functools import lru_cache

LONGEST_REMEMBERED = 200


def plain(name: str) -> str:
    """Return a name without case and separators: "Lead URL", lead_url and lead.url are the same name."""
    return (_remembered if len(name) <= LONGEST_REMEMBERED else _plain)(name)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


_remembered = lru_cache(maxsize=4096)(_plain)
