"""Lists of objects that are read when they are first looked at.

An exported contact has a dozen lists of objects, and many programs look at some of them only. So a reader checks that
a list holds nothing but objects, and puts the list into the slot of its field as it is, inside a cell:

    contact.tag_data            slot: a cell with [{"tagName": "VIP", …}, …]
    the first look              reads the objects, and puts the tuple of them into the slot
    every later look            finds the tuple

For this the field becomes a property over its slot. Comparison, repr, `attrs.asdict` and `evolve`, copies and pickle
look at attributes, so they find tuples only. Reading later cannot fail, because an object can always be read: what is
odd in it is kept in its own `extra`.

Threads may take the first look at the same time: then each reads the list, and one of the equal tuples stays. A list
that nobody looks at takes somewhat more memory than its tuple would, as long as the contact is kept.
"""

from types import CellType, MemberDescriptorType
from typing import Any, Protocol, cast


class EntryReader(Protocol):
    """Reads one object of a list; `read` may change."""

    @property
    def read(self) -> Any:
        """The function that reads an object."""


def unread(content: list[Any]) -> CellType:
    """Return the cell of a list that will be read later; raise `TypeError` if it holds anything but objects."""
    for entry in content:
        if entry.__class__ is not dict:
            raise TypeError(f"is a {type(entry).__name__}, not an object")
    return CellType(content)


def make_lazy(record_class: type, name: str, reader: EntryReader) -> MemberDescriptorType:
    """Make a field of a class a property that reads the content of a cell; return the slot of the field."""
    found = getattr(record_class, name)
    is_lazy = isinstance(found, property)  # the field of a base class, or another thread was quicker
    slot: MemberDescriptorType = cast("Any", found.fset).__self__ if is_lazy else found
    get, put = slot.__get__, slot.__set__

    def look(value: object) -> Any:
        content = get(value)
        if content.__class__ is CellType:
            content = tuple(map(reader.read, content.cell_contents))
            put(value, content)
        return content

    setattr(record_class, name, property(look, put))
    return slot
