"""Faults that are asked for: what goes wrong, and with which requests."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal, Self, cast, get_args

from attrs import Attribute, define, field, frozen

from ..api import ALIASES, REQUESTS, JobStarted
from ..api._request import answer_type
from ..errors import Invalid

FaultKind = Literal[
    "status",
    "status-after",
    "slow",
    "late",
    "reset-before",
    "reset-after",
    "garbled",
    "truncated",
    "expired",
    "failed-job",
]
KINDS: tuple[str, ...] = get_args(FaultKind)
FILES = "files"
"""What the link of any file is called where a path is asked for."""

_CALLS: Mapping[str, type] = {**REQUESTS, **ALIASES}
_ONLY_AT: Mapping[str, frozenset[str]] = {
    "expired": frozenset({FILES}),
    "failed-job": frozenset(path for path, call in _CALLS.items() if answer_type(call) is JobStarted),
}
_NEEDS = {"status": {"status"}, "status-after": {"status"}, "slow": {"seconds"}, "late": {"seconds"}}
_TAKES = {**_NEEDS, "status": {"status", "retry_after"}, "status-after": {"status", "retry_after"}}


def _ranges(given: int | Iterable[int] | Iterable[range] | None) -> tuple[range, ...] | None:
    """Return the numbers as ranges: a million of them take no more room than one."""
    if given is None:
        return None
    try:
        several = [given] if isinstance(given, int | range) else given
        return tuple(one if isinstance(one, range) else range(one, one + 1) for one in several)
    except TypeError:
        raise Invalid("must be a number, several, or a range", field="at") from None


def _must(rule: str, holds: Callable[[Any], object]) -> Callable[[Any, "Attribute[Any]", Any], None]:
    """Return what raises `Invalid` for a value, other than None, that does not keep to the rule."""

    def check(_: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if value is not None and not holds(value):
            raise Invalid(f"must be {rule}", field=attribute.name)

    return check


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_wait(value: object) -> bool:
    year = timedelta(days=365)
    return abs(value) <= year if isinstance(value, timedelta) else isinstance(value, int) and value >= 0


@frozen
class Fault:
    """Something that goes wrong with requests to the simulator.

    `kind` says what:

    - `status`: the answer is `status` (400 to 599), and nothing was processed; `status-after`: it was processed, and
      the answer is `status` (500 to 599). With `retry_after` they have a Retry-After: of so many seconds (an int), or
      the HTTP date that is so far from then (a timedelta).
    - `slow`: the request is processed, and answered, after `seconds`, even if nobody waits for that any more; `late`:
      it is processed at once, and answered after `seconds`.
    - `reset-before` and `reset-after`: the connection is reset, before or after the request was processed.
    - `garbled`: processed, but the answer is a page of HTML; a file is bytes that mean nothing.
    - `truncated`: processed, but the connection is closed in the middle of the answer or the file.
    - `expired`: the link to a file answers 403.
    - `failed-job`: the job that the request starts fails: nothing of it is done.

    `path` is a pattern such as `contact/*`, without /api/; the link to any file is called `files`. Of the requests to
    such paths, those are met whose number, from 1, is in `at` (a number, several, or a range), and of these each by the
    chance `share`, from 0 to 1; without both, all are. `expired` counts only links, `failed-job` only calls that start
    a job. Raises `Invalid` naming the field that is wrong.
    """

    kind: FaultKind = field(validator=_must(f"one of {', '.join(KINDS)}", lambda kind: kind in KINDS))
    path: str = field(default="*", kw_only=True, validator=_must("a text", lambda path: isinstance(path, str)))
    at: tuple[range, ...] | None = field(
        default=None,
        kw_only=True,
        converter=_ranges,
        validator=_must("numbers from 1", lambda at: at and all(one and min(one[0], one[-1]) >= 1 for one in at)),
    )
    share: float | None = field(
        default=None,
        kw_only=True,
        validator=_must("a number from 0 to 1", lambda share: _is_number(share) and 0 <= share <= 1),
    )
    status: int | None = field(
        default=None,
        kw_only=True,
        validator=_must("from 400 to 599", lambda status: isinstance(status, int) and 400 <= status <= 599),
    )
    retry_after: int | timedelta | None = field(
        default=None, kw_only=True, validator=_must("whole seconds from 0, or a timedelta up to a year", _is_wait)
    )
    seconds: float | None = field(
        default=None,
        kw_only=True,
        validator=_must("a number from 0", lambda seconds: _is_number(seconds) and seconds >= 0),
    )

    def __attrs_post_init__(self) -> None:
        for name in ("status", "retry_after", "seconds"):
            self._check_presence(name)
        if self.kind == "status-after" and (self.status or 0) < 500:
            raise Invalid("must be from 500 to 599 for what was processed", field="status")
        if not any(map(self.concerns, (FILES, *_CALLS))):
            raise Invalid(self._why_nowhere(), field="path")

    def _check_presence(self, name: str) -> None:
        is_there = getattr(self, name) is not None
        if is_there and name not in _TAKES.get(self.kind, ()):
            raise Invalid(f"means nothing for {self.kind}", field=name)
        if not is_there and name in _NEEDS.get(self.kind, ()):
            raise Invalid(f"is needed for {self.kind}", field=name)

    def _why_nowhere(self) -> str:
        near = get_close_matches(self.path, _ONLY_AT.get(self.kind, (FILES, *_CALLS)), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{self.path!r} fits no path where {self.kind} can happen{hint}"

    def concerns(self, path: str) -> bool:
        """Tell whether requests to `path` are among those it counts."""
        return fnmatchcase(path, self.path) and path in _ONLY_AT.get(self.kind, (path,))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KIND[,name=value]…`, such as `503,path=contact/upsert,at=1;3-5,retry-after=2`.

        A number as KIND is the status of a `status`. The names are those of the fields, with dashes. `at` is numbers
        and spans with `;` between them (`3-`: from the third on). `retry-after` is seconds, or `date+5`: the HTTP date
        5 seconds from then. Raises `Invalid` naming the part that is wrong.
        """
        kind, *parts = (part.strip() for part in text.split(","))
        given: dict[str, Any] = {}
        if kind.isdecimal() and len(kind) == 3:
            kind, given["status"] = "status", int(kind)
        if kind not in KINDS:
            raise Invalid(f"{kind!r} is neither a status, such as 503, nor one of {', '.join(KINDS)}", field="kind")
        for part in parts:
            name, value = _read_part(part)
            if name in given:
                raise Invalid("is given twice", field=name)
            given[name] = value
        return cls(cast("FaultKind", kind), **given)


def _read_part(part: str) -> tuple[str, Any]:
    """Return the field and the value of one `name=value`."""
    spelt, _, value = (piece.strip() for piece in part.partition("="))
    name = spelt.replace("-", "_")
    if name not in _READERS or not value:
        names = ", ".join(f"{known.replace('_', '-')}=…" for known in _READERS)
        raise Invalid(f"{part!r} is not one of {names}")
    read, spelling = _READERS[name]
    try:
        return name, read(value)
    except (ValueError, OverflowError):
        raise Invalid(f"{value!r} is not {spelling}", field=spelt) from None


def _read_numbers(text: str) -> tuple[range, ...]:
    return tuple(map(_read_span, text.split(";")))


def _read_span(text: str) -> range:
    first, dash, last = (piece.strip() for piece in text.partition("-"))
    if not dash:
        return range(int(first), int(first) + 1)
    return range(int(first), int(last) + 1 if last else sys.maxsize)


def _read_wait(text: str) -> int | timedelta:
    seconds = text.removeprefix("date+")
    return int(text) if seconds == text else timedelta(seconds=float(seconds))


_READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "path": (str, "a pattern"),
    "at": (_read_numbers, "numbers such as 1;3-5"),
    "share": (float, "a number"),
    "status": (int, "a number"),
    "retry_after": (_read_wait, "seconds such as 5, or date+5"),
    "seconds": (float, "a number"),
}
"""Field → how its text is read, and what that text must be."""


@define
class _Line:
    """A fault, how many requests it has counted, and where its chances come from."""

    fault: Fault
    random: Random
    counted: int = 0

    def meets(self, path: str) -> bool:
        """Count the request, and tell whether the fault wants it. Whether others want it too changes nothing here."""
        if not self.fault.concerns(path):
            return False
        self.counted += 1
        at, share = self.fault.at, self.fault.share
        by_chance = share is None or self.random.random() < share
        return by_chance and (at is None or any(self.counted in numbers for numbers in at))


class Script:
    """Decides which requests meet which fault. The same faults, seed and requests give the same decisions."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.faults = tuple(faults)
        self._lines = [
            _Line(fault, Random(f"{seed} {number}"))  # noqa: S311 - chance, no secret
            for number, fault in enumerate(self.faults)
        ]

    def next(self, path: str) -> Fault | None:
        """Return the fault that the next request to `path` meets: the first, if several want it."""
        wanting = [line.fault for line in self._lines if line.meets(path)]
        return wanting[0] if wanting else None
