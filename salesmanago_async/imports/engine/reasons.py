"""Why records were not accepted, by kind: a reason without the particular values that it names. Pure: no I/O."""

import re
from collections import Counter
from functools import lru_cache

MOST_KINDS = 50
OTHERS = "other reasons"
LONGEST_KIND = 200
"""Characters of a kind; a server's text may be of any length."""

_PARTICULAR = re.compile(
    r"""
      (?P<before>\bis\ )(?!an?\ \w+,)\S.*?(?=,\ (?:not|neither)\ |:\ that\ is\ )       # is 'maybe', not true or false
    | (?P<word>\b(?:is|has|entry|job|line|column|char|with)\ )-?\d[\d.,]*\b            # is 300 characters long
    | (?<!\w)(?<!mean\ )(?P<quote>['"]).*?(?P=quote)(?!\w)                            # but: did you mean 'name'?
    | \b\d{5,}\b                                                                     # an id that the server names
    | [^\s@]+@[^\s@]+
    """,
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=256)
def kind_of(reason: str) -> str:
    """Return a reason with … for each value that is the record's own; the numbers of a rule stay."""
    return _PARTICULAR.sub(r"\g<before>\g<word>…", reason[: 2 * LONGEST_KIND])[:LONGEST_KIND]


class Reasons:
    """Counts reasons by kind: the first 50 kinds, and all further ones together."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._others = 0

    def add(self, reason: str, count: int = 1) -> None:
        """Count a reason, that of so many records."""
        kind = kind_of(reason)
        if kind in self._counts or len(self._counts) < MOST_KINDS:
            self._counts[kind] += count
        else:
            self._others += count

    def most_frequent(self) -> dict[str, int]:
        """Return how often each kind was given, the most frequent first, "other reasons" last."""
        others = {OTHERS: self._others} if self._others else {}
        return {**dict(self._counts.most_common()), **others}
