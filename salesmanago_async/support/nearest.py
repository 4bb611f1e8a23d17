"""Finds the known name that is most similar to an unknown one, for messages with "did you mean …?"."""

import re
from collections.abc import Iterable
from functools import lru_cache

SIMILAR = 0.6
"""How similar two names must be, from 0 to 1, as measured by `difflib`."""


def nearest(name: str, known: Iterable[str], *, similar: float = SIMILAR) -> str | None:
    """Return the most similar known name, or None. Case and separators are ignored."""
    from difflib import get_close_matches  # imported here, because few programs need it

    spellings = {plain(other): other for other in known}
    near = get_close_matches(plain(name), spellings, n=1, cutoff=similar)
    return spellings[near[0]] if near else None


LONGEST_REMEMBERED = 200


def plain(name: str) -> str:
    """Return a name without what does not count, case, spaces and separators: lead_url and Lead.URL are the same."""
    return (_remembered if len(name) <= LONGEST_REMEMBERED else _plain)(name)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


_remembered = lru_cache(maxsize=4096)(_plain)
