"""The settings of a buffer, checked."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from ..outcome import Outcome
from ..records.names import Names

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


def _path(given: str | PathLike[str] | None) -> Path | None:
    return Path(given) if given is not None else None


@frozen(kw_only=True)
class BufferSettings:
    """The settings of a buffer, besides those of its runs: see `BufferOptions`."""

    max_delay: float = field(default=1.0, validator=_positive)
    max_pending: int = field(default=50_000, validator=_positive)
    when_full: WhenFull = field(default="wait", validator=_known)
    journal: Path | None = field(default=None, converter=_path)
    on_outcome: Callable[[Outcome], None] | None = None
    drain_within: float = field(default=20.0, validator=_positive)
    after: After | None = None

    @classmethod
    def taken_from(cls, options: Mapping[str, Any], known: type) -> tuple["BufferSettings", dict[str, Any]]:
        """Return the settings, and the options left for the runs; raise `TypeError` for one that is not `known`."""
        for name in options.keys() - known.__annotations__.keys():
            raise TypeError(f"there is no option {name!r}")
        own = {name: value for name, value in options.items() if name in cls.__annotations__}
        return cls(**own), {name: value for name, value in options.items() if name not in own}
