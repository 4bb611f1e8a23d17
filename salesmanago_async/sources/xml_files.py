"""XML files: product feeds of Google Merchant (RSS and Atom), Ceneo and their like, read in constant memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..api.codegen import Body
from ..errors import Invalid
from ..records.encoders import Encoder
from ..records.shapes import Shape
from ..support.nearest import plain
from .compression import DamagedGzip
from .content import Content, content_of
from .encodings import TextForm
from .inspection import Inspection, SuspectRow, notes_of
from .options import FileFormat, ReadOptions
from .product_xml import XmlProduct, read_products
from .text_files import BrokenRow, Row
from .warnings import ReadWarning


class XmlFile:
    """A product feed. A row is the flat record of a product; its line is that of its element.

    Which element or attribute is which field is in records/product_feeds.py; other elements are passed over. `columns`
    maps further ones: {"attrs.Sezon": "season"}. The encoding is that of the XML declaration.
    """

    format: FileFormat = "xml"
    form = TextForm("utf-8")
    """The form of a rejects file of its rows."""

    def __init__(self, path: Path | Content, shape: Shape, reading: ReadOptions) -> None:
        if not shape.takes_feeds:
            raise Invalid("is XML, which is read for product feeds only; save it as CSV or JSON lines")
        shape.check_mapped(reading.columns)
        self.content = content_of(path)
        self.path = self.content.path
        self.total_bytes = self.content.total_bytes
        self._shape = shape
        self._columns = {plain(name): field for name, field in reading.columns.items()}
        self._inspection = Inspection(reading, shape, lambda _: shape.kind_in_feed)
        self._raw: Any = None

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, as far as the file was read."""
        return (*notes_of(self._shape), *self._inspection.warnings)

    @property
    def bytes_read(self) -> int:
        """The bytes read, before unpacking: none before the first line is read, all after the file is closed."""
        if self._raw is None:
            return 0
        return self.total_bytes if self._raw.closed else int(self._raw.tell())

    def rows(self) -> Iterator[Row]:
        """Yield every product with the line of its element; raise `Invalid` where the file is not XML any more."""
        return self._inspection.rows(self._rows())

    def _rows(self) -> Iterator[Row]:
        reader, self._raw = self.content.open()
        line: int | None = None
        with reader:
            try:
                for product in read_products(reader):
                    line = product.line
                    yield self._row(product), line
            except (Invalid, DamagedGzip) as error:
                after = f" after the product in line {line:,}" if line else ""
                raise Invalid(f"cannot be read further{after}: {error}", field=str(self.path)) from None
        if line is None:
            raise Invalid("has no product: no element is called item, entry, o, offer or product", field=str(self.path))

    def _row(self, product: XmlProduct) -> Any:
        if product.is_too_long:
            return BrokenRow(f"the product in line {product.line}", "is too long for a product")
        is_google = "title" in product.texts  # where others have a name
        try:
            record = self._shape.product_of(product.texts, ends_discount=is_google)
        except Invalid as error:  # with `strict`
            return SuspectRow(product.fields, str(error))
        for name, field in self._columns.items():
            if name in product.texts:
                record[field] = product.texts[name][0]
        return record

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        if isinstance(row, BrokenRow | SuspectRow):
            raise Invalid(row.reason)
        return self._shape.body(row)

    def encoder(self, tags: Any = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        return self._shape.encoder(tags, self.body)

    def record(self, row: Any) -> Any:
        """Return the product with the names of its fields, or the text of a broken row."""
        if isinstance(row, SuspectRow):
            return row.given
        return row.text if isinstance(row, BrokenRow) else row

    def file_of(self, row: Any) -> str | None:
        """Return the file's path."""
        return str(self.path)
