"""Converts a product feed, XML or CSV, to CSV files that Leadoo accepts: at most 1 MB each, each with the header.

Both are read and written piece by piece: a feed of 250 MB needs only the memory of one part.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TypeAlias, cast

from attrs import define, field, frozen

from ...api.codegen import RowWriter
from ...api.contacts import Contact
from ...errors import Invalid
from ...records.cells import CellRules
from ...records.names import names_of_contact
from ...records.shapes import cell_writer
from ...sources.csv_files import CsvFile
from ...sources.options import ReadOptions
from ...sources.product_xml import PRODUCT_ELEMENTS, read_products
from ...support.nearest import plain
from .files import ForeignShape
from .parts import Parts
from .products import COLUMNS, cells_of

LIMIT = 1_000_000
"""The largest CSV file that Leadoo accepts, in bytes: "1 MB", in the smaller of its two meanings."""

KEYS = ("id", "url")
"""A product must have a value in one of these columns: otherwise the row may be anything, for example a person."""

EXPECTED = ("id", "title", "url")
"""The columns that a bot needs for every product, to show the product and to link to it."""

MOST_NAMED = 100

Row: TypeAlias = tuple[int, Sequence[str] | Invalid]
"""The line at which a product begins, and its cells, or the reason why it has none."""


@frozen(kw_only=True)
class Feed:
    """What was written: the files in order, and the number of products in them.

    `left_out` products have neither an id nor a url, do not fit into a file, or could not be read; `problems` names the
    first 100 of them. `lacking` counts the products that were written without an id, a title or a url.
    """

    files: tuple[Path, ...]
    products: int
    left_out: int = 0
    problems: tuple[str, ...] = ()
    lacking: Mapping[str, int] = field(factory=dict)


def write_feed(
    source: str | Path,
    folder: str | Path,
    *,
    columns: Mapping[str, Sequence[str]] = COLUMNS,
    elements: Sequence[str] = PRODUCT_ELEMENTS,
    limit: int = LIMIT,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Feed:
    """Write the products of a feed to products-0001.csv, … in a folder, each file of at most `limit` bytes.

    A source that ends in .xml is a feed, in which elements with a name of `elements` are the products. A source that
    ends in .csv, .tsv or .txt is a table; only the columns that it has are written. Products with neither an id nor a
    url are left out. The files get their names when all of them are complete, and replace those of an earlier feed;
    after an error the earlier files are unchanged. Raises `Invalid` for a feed that cannot be read, a table without a
    column for the id or the url, or a feed without products; `OSError` if a file cannot be written.
    """
    path, target = Path(source), Path(folder)
    try:
        if path.suffix.lower() == ".xml":
            header, rows = list(columns), _xml_rows(path, columns, elements)
        elif path.suffix.lower() in {".csv", ".tsv", ".txt"}:
            header, rows = _table(path, columns, ReadOptions(encoding=encoding, delimiter=delimiter))
        else:
            raise Invalid("ends in none of .xml, .csv, .tsv, .txt")
        parts = Parts(header, limit=limit)
        return _write(_known_products(rows, header), parts, header, target)
    except Invalid as error:
        raise Invalid(str(error).removeprefix(f"{path}: "), field=str(path)) from None


def _xml_rows(path: Path, columns: Mapping[str, Sequence[str]], elements: Sequence[str]) -> Iterator[Row]:
    with path.open("rb") as file:
        for product in read_products(file, elements):
            cells = cells_of(product.fields, columns)
            if product.is_too_long:
                yield product.line, Invalid("is too long for a product")
            elif not any(cells):
                has = ", ".join(list(product.fields)[:10]) or "nothing"
                yield product.line, Invalid(f"has none of the known fields, but {has}")
            else:
                yield product.line, cells


class _ProductShape(ForeignShape):
    """Products: rows of a table, with the plain names of their columns."""

    def __init__(self) -> None:
        super().__init__(Contact, names_of_contact)

    def column_writer(
        self,
        names: Sequence[str],
        access: Callable[[int], str],
        rules: CellRules | None = None,
    ) -> RowWriter:
        """Return a function that maps plain names to the cells of a row."""
        return cell_writer([plain(name) for name in names], access)


def _table(path: Path, columns: Mapping[str, Sequence[str]], reading: ReadOptions) -> tuple[list[str], Iterator[Row]]:
    file = CsvFile(path, _ProductShape(), reading)
    known = set(map(plain, file.header))
    present = {column: sources for column, sources in columns.items() if not known.isdisjoint(map(plain, sources))}
    if not present:
        raise Invalid(f"has none of the known columns; its header has {', '.join(file.header)}")
    if present.keys().isdisjoint(KEYS) and not columns.keys().isdisjoint(KEYS):
        raise Invalid(
            "is not a product feed: it has no column for the id or the url of a product; its header has"
            f" {', '.join(file.header)}. Name the columns of another name with --map COLUMN=id"
        )
    return list(present), _table_rows(file, present)


def _table_rows(file: CsvFile, columns: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    for row, line in file.rows():
        try:
            cells = cells_of(file.body(row), columns)
            yield line or 0, cells if any(cells) else Invalid("has nothing in any of the known columns")
        except Invalid as error:
            yield line or 0, error


def _known_products(rows: Iterable[Row], header: Sequence[str]) -> Iterator[Row]:
    """Yield the rows; yield the reason for leaving it out in place of a row that identifies no product."""
    keys = [header.index(column) for column in KEYS if column in header]
    for line, cells in rows:
        is_known = isinstance(cells, Invalid) or not keys or any(cells[index] for index in keys)
        yield line, cells if is_known else Invalid("has neither an id nor a url")


@define
class _FeedCounts:
    """Counts of the products so far."""

    field_specs: Sequence[int | None]
    read: int = 0
    left_out: int = 0
    problems: list[str] = field(factory=list)
    lacking: Counter[str] = field(factory=Counter)

    def take(self, cells: Sequence[str]) -> None:
        """Count the expected fields that a written product lacks; `field_specs` has the positions of their columns."""
        for column, spec in zip(EXPECTED, self.field_specs, strict=True):
            if spec is None or not cells[spec]:
                self.lacking[column] += 1

    def leave_out(self, line: int, why: Invalid) -> None:
        """Count a product that is not written."""
        self.left_out += 1
        if self.left_out <= MOST_NAMED:
            self.problems.append(f"line {line}: {why}")


def _write(rows: Iterable[Row], parts: Parts, header: Sequence[str], folder: Path) -> Feed:
    """Write everything to a hidden folder, and then move the files to their place."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = Path(mkdtemp(prefix=".feed-", suffix=".part", dir=folder))
    counts = _FeedCounts([header.index(column) if column in header else None for column in EXPECTED])
    try:
        names = _write_parts(_complete_parts(rows, parts, counts), hidden)
        if not names:
            raise Invalid(counts.problems[0] if counts.problems else "has no product")
        files = _put_in_place(names, hidden, folder)
    finally:
        rmtree(hidden)
    products = counts.read - counts.left_out
    return Feed(
        files=files,
        products=products,
        left_out=counts.left_out,
        problems=tuple(counts.problems),
        lacking={column: counts.lacking[column] for column in EXPECTED if counts.lacking[column]},
    )


def _complete_parts(rows: Iterable[Row], parts: Parts, counts: _FeedCounts) -> Iterator[bytes]:
    for line, cells in rows:
        counts.read += 1
        try:
            part = _added(cells, parts)
        except Invalid as error:
            counts.leave_out(line, error)
            continue
        counts.take(cast("Sequence[str]", cells))
        if part:
            yield part
    if last := parts.rest():
        yield last


def _added(cells: Sequence[str] | Invalid, parts: Parts) -> bytes | None:
    if isinstance(cells, Invalid):
        raise cells
    return parts.add(cells)


def _write_parts(parts: Iterable[bytes], folder: Path) -> list[str]:
    names: list[str] = []
    for number, part in enumerate(parts, 1):
        names.append(f"products-{number:04}.csv")
        (folder / names[-1]).write_bytes(part)
    return names


def _put_in_place(names: Sequence[str], hidden: Path, folder: Path) -> tuple[Path, ...]:
    """Give the files their names, and remove the remaining files of an earlier, longer feed."""
    files = tuple((hidden / name).replace(folder / name) for name in names)
    for number in range(len(names) + 1, len(names) + 1_000_000):
        later = folder / f"products-{number:04}.csv"
        if not later.exists():
            break
        later.unlink()
    return files
