"""A product feed, XML or CSV, becomes CSV files that Leadoo takes: of 1 MB at most, each with the header.

Both are read and written a piece at a time: a feed of 250 MB takes the memory of one part.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TypeAlias

from attrs import define, field, frozen

from ...api._lanes import Lane
from ...api.contacts import Contact
from ...errors import Invalid
from ...imports._chunks import names_of_contact
from ...imports.csv_files import CsvFile
from ...imports.shapes import Shape
from ...imports.text_files import Reading
from ._names import plain
from .files import cell_lane
from .parts import Parts
from .product_xml import PRODUCT_ELEMENTS, read_products
from .products import COLUMNS, cells_of

LIMIT = 1_000_000
"""The longest CSV file that Leadoo takes, in bytes: "1 MB", and this is the smaller of what that may mean."""

MOST_NAMED = 100

Row: TypeAlias = tuple[int, Sequence[str] | Invalid]
"""The line that a product begins at, and its cells, or why it has none."""


@frozen(kw_only=True)
class Feed:
    """What was written: the files in order, and how many products they hold.

    `left_out` products fit into no file or could not be read; the first 100 of them are named in `problems`.
    """

    files: tuple[Path, ...]
    products: int
    left_out: int = 0
    problems: tuple[str, ...] = ()


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
    """Write the products of a feed to products-0001.csv, … in a folder, each file of `limit` bytes at most.

    A source that ends in .xml is a feed whose products are `elements` of those names; .csv, .tsv or .txt is a table,
    of which only the columns that it has are written. The files get their names when all are complete, and take the
    place of those of an earlier feed; an error leaves these as they are. Raises `Invalid` for a feed that cannot be
    read, or has no product, `OSError` where a file cannot be written.
    """
    path, target = Path(source), Path(folder)
    try:
        if path.suffix.lower() == ".xml":
            header, rows = list(columns), _xml_rows(path, columns, elements)
        elif path.suffix.lower() in {".csv", ".tsv", ".txt"}:
            header, rows = _table(path, columns, Reading(encoding=encoding, delimiter=delimiter))
        else:
            raise Invalid("ends in none of .xml, .csv, .tsv, .txt")
        parts = Parts(header, limit=limit)
        return _write(rows, parts, target)
    except Invalid as error:
        raise Invalid(str(error).removeprefix(f"{path}: "), field=str(path)) from None


def _xml_rows(path: Path, columns: Mapping[str, Sequence[str]], elements: Sequence[str]) -> Iterator[Row]:
    with path.open("rb") as file:
        for product in read_products(file, elements):
            cells = cells_of(product.fields, columns)
            if product.is_too_long:
                yield product.line, Invalid("is longer than any product is")
            elif not any(cells):
                has = ", ".join(list(product.fields)[:10]) or "nothing"
                yield product.line, Invalid(f"has none of the known fields, but {has}")
            else:
                yield product.line, cells


class _ProductShape(Shape):
    """Products: rows of a table under the plain names of their columns."""

    def __init__(self) -> None:
        super().__init__(Contact, names_of_contact)

    def lane_of_columns(self, names: Sequence[str], access: Callable[[int], str]) -> Lane:
        """Return the lane that gives the cells by plain name."""
        return cell_lane([plain(name) for name in names], access)


def _table(path: Path, columns: Mapping[str, Sequence[str]], reading: Reading) -> tuple[list[str], Iterator[Row]]:
    file = CsvFile(path, _ProductShape(), reading)
    known = set(map(plain, file.header))
    present = {column: sources for column, sources in columns.items() if not known.isdisjoint(map(plain, sources))}
    if not present:
        raise Invalid(f"has none of the known columns; its header has {', '.join(file.header)}")
    return list(present), _table_rows(file, present)


def _table_rows(file: CsvFile, columns: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    for row, line in file.rows():
        try:
            cells = cells_of(file.body(row), columns)
            yield line or 0, cells if any(cells) else Invalid("has nothing in any of the known columns")
        except Invalid as error:
            yield line or 0, error


@define
class _Tally:
    """What became of the products until now."""

    read: int = 0
    left_out: int = 0
    problems: list[str] = field(factory=list)

    def leave_out(self, line: int, why: Invalid) -> None:
        """Note a product that is not written."""
        self.left_out += 1
        if self.left_out <= MOST_NAMED:
            self.problems.append(f"line {line}: {why}")


def _write(rows: Iterable[Row], parts: Parts, folder: Path) -> Feed:
    """Write everything into a hidden folder, and then put it in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = Path(mkdtemp(prefix=".feed-", suffix=".part", dir=folder))
    tally = _Tally()
    try:
        names = _write_parts(_complete_parts(rows, parts, tally), hidden)
        if not names:
            raise Invalid(tally.problems[0] if tally.problems else "has no product")
        files = _put_in_place(names, hidden, folder)
    finally:
        rmtree(hidden)
    products = tally.read - tally.left_out
    return Feed(files=files, products=products, left_out=tally.left_out, problems=tuple(tally.problems))


def _complete_parts(rows: Iterable[Row], parts: Parts, tally: _Tally) -> Iterator[bytes]:
    for line, cells in rows:
        tally.read += 1
        try:
            part = _added(cells, parts)
        except Invalid as error:
            tally.leave_out(line, error)
            continue
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
    """Give the files their names, and remove those of an earlier, longer feed."""
    files = tuple((hidden / name).replace(folder / name) for name in names)
    for number in range(len(names) + 1, len(names) + 1_000_000):
        later = folder / f"products-{number:04}.csv"
        if not later.exists():
            break
        later.unlink()
    return files
