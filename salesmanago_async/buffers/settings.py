"""The settings of a buffer, checked."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from attrs import field, frozen
from attrs.converters import optional

from ..errors import Invalid
from ..imports.settings import check_options
from ..outcome import Outcome
from ..records.names import Names
from ..stores.addresses import JournalPlace, journal_place

WhenFull: TypeAlias = Literal["wait", "raise"]


class Holder(Protocol):
    """Holds records that the records of a queue may have to wait for."""

    def holds(self, names: Names) -> bool:
        """Return whether a record of a contact with one of these names is here."""
        ...


class After(Holder, Protocol):
    """A buffer of contacts that the records of another buffer wait for."""

    def poll_now(self) -> None:
        """Poll the server jobs once now."""
        ...


def _positive(_: object, attribute: Any, value: float) -> None:
    if not value > 0:
        raise Invalid(f"is {value}; it has to be more than 0", field=attribute.name)


def _known(_: object, attribute: Any, value: str) -> None:
    if value not in {"wait", "raise"}:
        raise Invalid(f"is {value!r}, not wait or raise", field=attribute.name)


@frozen(kw_only=True)
class BufferSettings:
    """The settings of a buffer, besides those of its runs: see `salesmanago_async.buffers.options.BufferOptions`."""

    max_delay: float = field(default=1.0, validator=_positive)
    max_pending: int = field(default=50_000, validator=_positive)
    when_full: WhenFull = field(default="wait", validator=_known)
    journal: JournalPlace | None = field(default=None, converter=optional(journal_place))
    on_outcome: Callable[[Outcome], None] | None = None
    drain_within: float = field(default=20.0, validator=_positive)
    after: After | None = None

    @classmethod
    def taken_from(cls, options: Mapping[str, Any], known: type) -> tuple["BufferSettings", dict[str, Any]]:
        """Return the settings, and the options left for the runs; raise `TypeError` for one that is not `known`."""
        check_options(options, known)
        own = {name: value for name, value in options.items() if name in cls.__annotations__}
        return cls(**own), {name: value for name, value in options.items() if name not in own}
