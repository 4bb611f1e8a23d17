"""How a source is read: the options of a run that are about what comes in."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Any, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

from ..errors import Invalid
from ..records.cells import CellRules
from ..records.shapes import ExtraColumns

FileFormat: TypeAlias = Literal["csv", "jsonl", "json", "parquet", "xlsx", "xml"]
DecimalMark: TypeAlias = Literal[".", ","]


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _one_of(*known: str) -> Callable[[object, Any, str | None], None]:
    def check(_: object, attribute: Any, value: str | None) -> None:
        if value is not None and value not in known:
            raise Invalid(f"is {value!r}, not one of {', '.join(known)}", field=attribute.name)

    return check


def _check_date_formats(_: object, attribute: Any, forms: tuple[str, ...]) -> None:
    """Raise `Invalid` for a format that no text with a date has."""
    for form in forms:
        if not _DIRECTIVE.search(form):
            rule = f"is {form!r}, in which nothing stands for a day, a month or a year; write date_format='%d.%m.%Y'"
            raise Invalid(f"{rule} for 31.12.2026", field=attribute.name)


_DIRECTIVE = re.compile(r"%-?[A-Za-z]")
"""What stands for a part of a time in a format of `strptime`."""


def _zone(given: str | tzinfo) -> tzinfo:
    if isinstance(given, tzinfo):
        return given
    try:
        return ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"there is no time zone {given!r}; try Europe/Warsaw or UTC", field="time_zone") from None


@frozen(kw_only=True)
class ReadOptions:
    """How a source is read: see `salesmanago_async.imports.runs.CommonRunOptions`."""

    extra_columns: ExtraColumns = "error"
    columns: Mapping[str, str] = field(factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    format: FileFormat | None = field(default=None, validator=_one_of(*get_args(FileFormat)))
    null: tuple[str, ...] = field(default=(), converter=_texts)
    decimal: DecimalMark = field(default=".", validator=_one_of(".", ","))
    time_zone: tzinfo = field(default=UTC, converter=_zone)
    date_format: tuple[str, ...] = field(default=(), converter=_texts, validator=_check_date_formats)
    keep_spaces: bool = False
    strict: bool = False

    @property
    def rules(self) -> CellRules:
        """How cells of text are read."""
        return CellRules(
            null=frozenset((*self.null, *map(str.strip, self.null))),
            decimal=self.decimal,
            time_zone=self.time_zone,
            date_format=self.date_format,
            keep_spaces=self.keep_spaces,
            strict=self.strict,
        )
