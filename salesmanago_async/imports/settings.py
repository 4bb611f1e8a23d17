"""The settings of a run, checked."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen
from attrs.converters import optional

from ..api.codegen import Body, named_errors
from ..api.fields import BATCH, Text, text
from ..errors import Invalid
from ..outcome import State
from ..stores.addresses import JournalPlace, journal_place
from ..stores.journal import WhenBusy
from ..stores.values import KnownBy
from ..stores.waiting import LOCK_TIMEOUT
from ..support.nearest import nearest
from .report import Report

InDoubt: TypeAlias = Literal["ask", "send", "drop"]
"""What to do with events that stay in doubt after reading their contacts back: leave them so, send them, or drop them.
"""

MAX_ITEMS = BATCH.most
DEFAULT_MAX_BYTES = 4 * 1024 * 1024
PATIENCE = 300.0
"""Seconds without any answer from the server after which a run stops."""


def check_options(options: Mapping[str, object], known: type) -> None:
    """Raise `TypeError` for an option that is not a key of `known`, a TypedDict."""
    names = known.__annotations__
    for name in options.keys() - names.keys():
        near = nearest(name, names)
        hint = f"; did you mean {near!r}?" if near else ""
        raise TypeError(f"there is no option {name!r}{hint}")


check_tag = named_errors("tags", text(Text(255, clearable=False)))


def _tags(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(check_tag(tag) for tag in given)


def _fits_a_request(_: object, attribute: Any, value: int) -> None:
    if not 1 <= value <= MAX_ITEMS:
        raise Invalid(f"is {value}; a request takes 1 to {MAX_ITEMS} records", field=attribute.name)


def _at_least_one(_: object, attribute: Any, value: int) -> None:
    if value < 1:
        raise Invalid(f"is {value}; at least one job must be under way", field=attribute.name)


def _seconds(_: object, attribute: Any, value: float) -> None:
    if not 0 <= value < math.inf:
        raise Invalid(f"is {value}; give seconds, 0 or more", field=attribute.name)


def _one_of(*known: str) -> Callable[[object, Any, str], None]:
    def check(_: object, attribute: Any, value: str) -> None:
        if value not in known:
            raise Invalid(f"is {value!r}, not one of {', '.join(known)}", field=attribute.name)

    return check


@frozen(kw_only=True)
class Settings:
    """The settings of a run: see `salesmanago_async.imports.runs.RunOptions`.

    `fields` are the fields of the request besides its list, `path` replaces its path.
    """

    wait: bool = True
    dry_run: bool = False
    batch_size: int = field(default=MAX_ITEMS, validator=_fits_a_request)
    max_bytes: int = DEFAULT_MAX_BYTES
    outstanding: int = field(default=1000, validator=_at_least_one)
    fields: Body = field(factory=dict)
    path: str | None = None
    tags: tuple[str, ...] = field(default=(), converter=_tags)
    on_progress: Callable[[Report], None] | None = None
    journal: JournalPlace | None = field(default=None, converter=optional(journal_place))
    note: Mapping[str, Any] | None = None
    identity: Mapping[str, Any] = field(factory=dict)
    known_by: KnownBy = field(default="position", validator=_one_of("position", "content"))
    when_busy: WhenBusy = field(default="refuse", validator=_one_of("refuse", "wait"))
    lock_timeout: float = field(default=LOCK_TIMEOUT, validator=_seconds)
    in_doubt: InDoubt = field(default="ask", validator=_one_of("ask", "send", "drop"))
    stop_within: float = 20.0
    patience: float = field(default=PATIENCE, validator=_seconds)

    @property
    def goal(self) -> State:
        """The state that records should reach."""
        if self.dry_run:
            return "not_sent"
        return "accepted" if self.wait else "submitted"
