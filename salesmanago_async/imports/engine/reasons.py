"""Counts why records were not accepted, by kind: a reason without the values of a single record. Pure: no I/O."""

import re
from collections import Counter
from functools import lru_cache

MAX_KINDS = 50
OTHERS = "other reasons"
MAX_KIND_LENGTH = 200
"""The most characters of a kind: the text of a server may have any length."""

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
    """Return a reason with … in place of each value of the record; the numbers of a rule stay."""
    return _PARTICULAR.sub(r"\g<before>\g<word>…", reason[: 2 * MAX_KIND_LENGTH])[:MAX_KIND_LENGTH]


class Reasons:
    """Counts reasons by kind: the first 50 kinds, and all further ones together."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._others = 0

    def add(self, reason: str, count: int = 1) -> None:
        """Add a reason that holds for so many records."""
        kind = kind_of(reason)
        if kind in self._counts or len(self._counts) < MAX_KINDS:
            self._counts[kind] += count
        else:
            self._others += count

    def most_frequent(self) -> dict[str, int]:
        """Return the count of each kind, the most frequent first, "other reasons" last."""
        others = {OTHERS: self._others} if self._others else {}
        return {**dict(self._counts.most_common()), **others}
