"""Did you mean …? The known name that is nearest to one that is not known."""

import re
from collections.abc import Iterable

SIMILAR = 0.6
"""How much alike two names have to be, from 0 to 1, as `difflib` measures it."""


def nearest(name: str, known: Iterable[str], *, similar: float = SIMILAR) -> str | None:
    """Return the known name that is most like this one; None where none is. Case and separators do not count."""
    from difflib import get_close_matches  # here, as few programs need it

    spellings = {_plain(other): other for other in known}
    near = get_close_matches(_plain(name), spellings, n=1, cutoff=similar)
    return spellings[near[0]] if near else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
