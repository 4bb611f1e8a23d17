"""The columns of a file: the fields that they are mapped to, and columns that are joined. Pure: no I/O."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from ..errors import Invalid
from ..records.shapes import IGNORED, NOTES
from ..support.nearest import plain


@frozen
class Columns:
    """`names` has the field of each column, "" for none; `joined` are the columns that make one field together."""

    names: tuple[str, ...]
    joined: tuple[tuple[int, ...], ...] = ()


def columns_of(header: Sequence[str], mapped: Mapping[str, str]) -> Columns:
    """Return the columns of a header; `mapped` maps columns to fields, several of them to one if they are to be joined.

    Raises `Invalid` for a column that is there twice, is not text, or is mapped and not there.
    """
    for number, name in enumerate(header, 1):
        if not name.isprintable():
            raise Invalid(f"column {number} of the header, {name!a}, is not text; is the encoding right?")
        if name and header.index(name) < number - 1:
            raise Invalid(f"is given 2 times, in columns {header.index(name) + 1} and {number}", field=name)
    fields = _mapped(header, mapped)
    names = [fields.get(name, name) for name in header]
    first = next((index for index, name in enumerate(header) if name not in NOTES), 0)
    if names and not names[first]:
        names[first] = IGNORED
    joined = tuple(
        tuple(index for index, name in enumerate(header) if fields.get(name) == field)
        for field in dict.fromkeys(fields.values())
        if list(fields.values()).count(field) > 1
    )
    for _, *others in joined:
        for index in others:
            names[index] = IGNORED
    return Columns(tuple(names), joined)


def _mapped(header: Sequence[str], mapped: Mapping[str, str]) -> dict[str, str]:
    """Return the mapped columns under the names of the header; a column is found in whatever spelling it is given."""
    spellings = {plain(name): name for name in header}
    found: dict[str, str] = {}
    for column, field in mapped.items():
        name = column if column in header else spellings.get(plain(column))
        if name is None:
            raise Invalid(f"there is no column {column!r} to map; the header has {', '.join(header)}")
        found[name] = field
    return found
