"""`sm.notes`: notes on contacts."""

from ..api.notes import AddNote
from .group import Group, call


class Notes(Group):
    """Calls about notes (reference: "API - Notes")."""

    add = call(AddNote)
