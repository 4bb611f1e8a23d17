"""`Fault`: what goes wrong, and with which requests."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal, Self, get_args

from attrs import Attribute, asdict, field, frozen, validate

from ..api import ALIASES, ALL_REQUESTS, PRODUCT_REQUESTS, JobStarted
from ..api.request import answer_type
from ..errors import Invalid
from ._fault_syntax import is_status, read_fields, write_fields

FaultKind = Literal[
    "status",
    "status-after",
    "slow",
    "late",
    "reset-before",
    "reset-after",
    "garbled",
    "truncated",
    "trickle",
    "wrong-length",
    "expired",
    "other-file",
    "wrong-range",
    "failed-job",
]
KINDS: tuple[str, ...] = get_args(FaultKind)
FILES = "files"
"""The path that stands for the link of any file."""

_CALLS: Mapping[str, type] = {**ALL_REQUESTS, **ALIASES, **PRODUCT_REQUESTS}
_ONLY_AT: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("expired", "other-file", "wrong-range"), frozenset({FILES})),
    "failed-job": frozenset(path for path, call in _CALLS.items() if answer_type(call) is JobStarted),
}
_NEEDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("status", "status-after"), frozenset({"status"})),
    **dict.fromkeys(("slow", "late", "trickle"), frozenset({"seconds"})),
    **dict.fromkeys(("other-file", "wrong-range"), frozenset({"how"})),
    "wrong-length": frozenset({"by"}),
}
_TAKES: Mapping[str, frozenset[str]] = {
    **_NEEDS,
    **dict.fromkeys(("status", "status-after"), frozenset({"status", "retry_after"})),
    **dict.fromkeys(("reset-after", "garbled", "truncated", "expired"), frozenset({"after"})),
}
HOWS: Mapping[str, tuple[str, ...]] = {
    "other-file": ("reordered", "page", "bomb", "outside"),
    "wrong-range": ("ignored", "start", "total", "version"),
}


def _ranges(given: int | Iterable[int] | Iterable[range] | None) -> tuple[range, ...] | None:
    """Return the numbers as ranges: a range of a million numbers needs no more memory than a single number."""
    if given is None:
        return None
    try:
        several = [given] if isinstance(given, int | range) else given
        return tuple(one if isinstance(one, range) else range(one, one + 1) for one in several)
    except TypeError:
        raise Invalid("must be a number, several, or a range", field="at") from None


def _must(rule: str, holds: Callable[[Any], object]) -> Callable[[Any, "Attribute[Any]", Any], None]:
    """Return a validator that raises `Invalid` for a value, other than None, that breaks the rule."""

    def check(_: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if value is not None and not holds(value):
            raise Invalid(f"must be {rule}", field=attribute.name)

    return check


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_wait(value: object) -> bool:
    year = timedelta(days=365)
    return abs(value) <= year if isinstance(value, timedelta) else isinstance(value, int) and value >= 0


def _is_kind(kind: object) -> bool:
    return kind in KINDS or (isinstance(kind, str) and is_status(kind))


@frozen
class Fault:
    """A failure of requests to the simulator.

    `kind` is one of:

    - `status`: the answer is `status` (400 to 599), and the request is not processed. A kind such as "503" is short for
      this.
    - `status-after`: the request is processed, and the answer is `status` (500 to 599). Both kinds send a Retry-After
      header if `retry_after` is set: seconds (an int), or an HTTP date that is this far in the future (a timedelta).
    - `slow`: the request is processed and answered after `seconds`, even if the client has gone by then.
    - `late`: the request is processed immediately, and answered after `seconds`.
    - `reset-before` and `reset-after`: the connection is reset, before or after the request is processed. With `after`
      it is reset when that many bytes of the answer were sent; not all of them need arrive.
    - `garbled`: the request is processed, but the answer is an HTML page; a file becomes meaningless bytes. With
      `after` only the bytes from that one on are meaningless.
    - `truncated`: the request is processed, but the connection is closed in the middle of the answer or the file, or
      after `after` bytes.
    - `trickle`: the request is processed, and the answer or the file is sent KB by KB, `seconds` before each.
    - `wrong-length`: the request is processed, but Content-Length is `by` bytes too large, or too small (`by` below 0).
    - `expired`: the link to a file answers 403. With `after` that many bytes of the file are sent first, then the
      connection is closed, and from then on the link answers 403. A fresh link works.
    - `other-file`: the link leads to another file. By `how`: `reordered`: the same records in another order, as another
      version of the file; `page`: an HTML page, with status 200; `bomb`: a ZIP of 130 KB that unpacks to 128 MB;
      `outside`: a ZIP with the content of the file, whose first member is named ../../x.
    - `wrong-range`: a request for a part of the file gets a wrong answer. By `how`: `ignored`: the whole file, with
      status 200; `start`: a part that begins a byte too early, and says so; `total`: a part that claims to be of a
      longer file; `version`: a part of another version of the file, with its ETag.
    - `failed-job`: the job that the request starts fails, and does nothing.

    `path` is a pattern such as `contact/*`, without /api/; the link to any file is called `files`. The requests to such
    paths are numbered from 1. The fault affects those whose number is in `at` (a number, several, or a range), each
    with the probability `share`, from 0 to 1; without both, it affects all. `expired`, `other-file` and `wrong-range`
    count only links, `failed-job` only calls that start a job. Raises `Invalid` naming the field that is wrong.
    """

    kind: FaultKind | str = field(validator=_must(f"one of {', '.join(KINDS)}", _is_kind))
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
    after: int | None = field(
        default=None,
        kw_only=True,
        validator=_must("a number of bytes from 0", lambda after: isinstance(after, int) and after >= 0),
    )
    by: int | None = field(
        default=None,
        kw_only=True,
        validator=_must("a number of bytes other than 0", lambda by: isinstance(by, int) and by),
    )
    how: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if is_status(self.kind):
            self._take_kind_as_status()
        for name in ("status", "retry_after", "seconds", "after", "by", "how"):
            self._check_presence(name)
        if self.how is not None and self.how not in HOWS[self.kind]:
            raise Invalid(f"must be one of {', '.join(HOWS[self.kind])}", field="how")
        if self.kind == "status-after" and (self.status or 0) < 500:
            raise Invalid("must be from 500 to 599 for what was processed", field="status")
        if not any(map(self.concerns, (FILES, *_CALLS))):
            raise Invalid(self._why_nowhere(), field="path")

    def _take_kind_as_status(self) -> None:
        if self.status is not None:
            raise Invalid("is given twice", field="status")
        object.__setattr__(self, "status", int(self.kind))
        object.__setattr__(self, "kind", "status")
        validate(self)

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

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return write_fields(asdict(self, recurse=False))

    def concerns(self, path: str) -> bool:
        """Return whether the fault counts requests to `path`."""
        return fnmatchcase(path, self.path) and path in _ONLY_AT.get(self.kind, (path,))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KIND[,name=value]…`, such as `503,path=contact/upsert,at=1;3-5,retry-after=2`.

        A number as KIND means a `status` fault with that status. The names are those of the fields, with dashes. `at`
        is a list of numbers and spans, separated by `;` (`3-`: from the third on). `retry-after` is a number of
        seconds, or `date+5`: the HTTP date 5 seconds from then. Raises `Invalid` naming the part that is wrong.
        """
        return cls(**read_fields(text, KINDS))
