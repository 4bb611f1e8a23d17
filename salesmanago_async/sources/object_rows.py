"""Rows that are objects with the file's own names: those of JSON lines."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..api.codegen import Body
from ..errors import Invalid
from ..records.encoders import Encoder
from ..records.shapes import Shape
from .text_files import BrokenRow
from .warnings import ReadWarning


class ObjectRows:
    """The part of a source that handles such rows; `columns` maps names of the file to names of fields."""

    warnings: tuple[ReadWarning, ...] = ()

    def __init__(self, shape: Shape, columns: Mapping[str, str]) -> None:
        shape.check_mapped(columns)
        self._shape = shape
        self._columns = columns

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        return self._shape.body(self._object(row))

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        if not self._columns:
            return self._shape.encoder(tags, self.body)
        under_fields = self._shape.encoder(tags)
        return Encoder(lambda row: under_fields.encode(self._object(row)))

    def record(self, row: Any) -> Any:
        """Return the row, or the text of a broken row."""
        return row.text if isinstance(row, BrokenRow) else row

    def _object(self, row: Any) -> dict[str, Any]:
        """Return a row with the names of the fields; raise `Invalid` if it is not an object."""
        if isinstance(row, BrokenRow):
            raise Invalid(row.reason)
        if not isinstance(row, dict):
            raise Invalid("is not a JSON object")
        record = cast("dict[str, Any]", row)
        return self._renamed(record) if self._columns else record

    def _renamed(self, record: dict[str, Any]) -> dict[str, Any]:
        renamed = {self._columns.get(name, name): value for name, value in record.items()}
        if len(renamed) < len(record):
            twice = next(field for name, field in self._columns.items() if name in record and field in record)
            raise Invalid("is given 2 times, once under another name", field=twice)
        return renamed
