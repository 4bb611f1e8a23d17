"""Files of leads, as the source of an import: the table in `leads` converts each row to a contact."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, cast

from attrs import asdict

from ...api.codegen import Body, RowWriter
from ...api.contacts import Contact
from ...errors import Invalid
from ...records.cells import CellRules
from ...records.encoders import Encoder
from ...records.findings import CellKind
from ...records.names import names_of_contact
from ...records.shapes import NOTES, ExtraColumns, Shape, cell_writer, contact_shape
from ...sources.options import FileFormat, ReadOptions
from ...sources.sources import InputFile, open_file
from ...support.nearest import plain
from .leads import SOURCES, UNTRANSFERRED, check_sources, contact_of, flat_fields, is_named


def lead_file(
    path: str | Path,
    sources: Mapping[str, str] = SOURCES,
    *,
    extra_columns: ExtraColumns = "ignore",
    encoding: str | None = None,
    delimiter: str | None = None,
    format: FileFormat | None = None,  # noqa: A002 - the name of the option everywhere
) -> InputFile:
    """Return the source for a file of leads (CSV, JSON, Parquet or Excel), for `sm.contacts.upsert_many`.

    `extra_columns` says what happens to fields that are not in the table: "ignore", "error", or "properties", which
    makes them standard details with their own names. Raises `Invalid`, naming the file, if it cannot be read.
    """
    reading = ReadOptions(encoding=encoding, delimiter=delimiter, format=format)
    return open_file(Path(path), LeadShape(sources, extra=extra_columns), reading)


def _is_there(_: object, value: object) -> bool:
    return value is not None


class ForeignShape(Shape):
    """Tables whose columns are not the fields of contacts: a table of names maps them, and so no column is checked."""

    def check_mapped(self, columns: Mapping[str, str]) -> None:
        """Check nothing: columns are mapped before."""

    def check_header(self, names: Sequence[str]) -> None:
        """Check nothing: whoever reads the table knows which columns it needs."""

    def kinds_of(self, names: Sequence[str]) -> Sequence[CellKind]:
        """Return that every column is text: what becomes of it is decided later."""
        return [CellKind.TEXT] * len(names)

    def kind_of(self, name: str) -> CellKind:
        """Return that every field is text, too."""
        return CellKind.TEXT


class LeadShape(ForeignShape):
    """Leads: mappings with the names in `sources`; those in `needed` must be columns of every table."""

    def __init__(
        self, sources: Mapping[str, str] = SOURCES, *, extra: ExtraColumns = "ignore", needed: Sequence[str] = ()
    ) -> None:
        super().__init__(Contact, names_of_contact)
        check_sources(sources)
        self._sources = sources
        self._needed = needed
        self._others = extra
        self._sources_of = lru_cache(maxsize=512)(self._extended)
        self._contacts = contact_shape()

    def read_by(self, rules: CellRules) -> Self:
        """Return a shape for one source, whose texts are read by these rules."""
        shape = super().read_by(rules)
        shape._contacts = self._contacts.read_by(rules)
        return shape

    def body(self, record: Any) -> Body:
        """Return the checked body of a lead's contact; raise `Invalid` naming the field and the rule."""
        if not isinstance(record, Mapping):
            raise Invalid(f"is a {type(record).__name__}; a lead is a mapping")
        found = flat_fields(cast("Mapping[str, Any]", record))
        lead = {name: text for name, given in found if (text := self.trimmed(given))}
        contact = contact_of(lead, self._sources_of(tuple(lead)))
        if contact is None:
            raise Invalid("a lead without an e-mail address is not transferred", field="email")
        return self._contacts.body(asdict(contact, recurse=False, filter=_is_there))  # mappings are read by the rules

    def encoder(self, tags: Sequence[str] = (), body: Callable[[Any], Body] | None = None) -> Encoder:
        """Return an encoder of leads that adds these tags; `body` converts one lead."""
        return self.slow_path_encoder(tags, body or self.body)

    def cell_encoder(
        self,
        names: Sequence[str],
        tags: Sequence[str],
        body: Callable[[Any], Body],
        rules: CellRules | None = None,
    ) -> Encoder:
        """Return an encoder of rows of cells; `body` converts one row."""
        return self.slow_path_encoder(tags, body)

    def has_objects(self, names: Iterable[str]) -> bool:
        """Return True: each row becomes a mapping, as in JSON."""
        return True

    def column_writer(
        self,
        names: Sequence[str],
        access: Callable[[int], str],
        rules: CellRules | None = None,
    ) -> RowWriter:
        """Return the row writer for leads with these columns; raise `Invalid` if no lead can have such columns."""
        self.check_names(names)
        cells = cell_writer(names, access)
        return lambda row: self.body(cells(row))

    def check_names(self, names: Sequence[str]) -> None:
        """Raise `Invalid` if no lead can have such columns."""
        known = {plain(name) for name in names}
        for column in self._needed:
            if not is_named(column, names):
                raise Invalid(f"there is no column {column!r} to map; the header has {', '.join(names)}")
        emails = [plain(source) for source, target in self._sources.items() if target == "email"]
        if known.isdisjoint(emails):
            raise Invalid("no column holds e-mail addresses; name one that does (--map COLUMN=email)", field="email")
        self._extended(tuple(names))

    def _extended(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """Return the table for leads with these fields, extended for the fields that are not in it."""
        if self._others == "ignore":
            return self._sources
        taken = (*self._sources, *UNTRANSFERRED, *NOTES)
        others = [name for name in names if not is_named(name, taken)]
        if others and self._others == "error":
            raise Invalid(
                "is not a field of a lead; map it to one (--map), or say what to do with such ones (--extra-columns)",
                field=others[0],
            )
        return {**self._sources, **{name: f"properties.{name}" for name in others}}
