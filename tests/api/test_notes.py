"""The request contact/addNote."""

from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.api.notes import AddNote
from salesmanago_async.errors import Invalid


def test_a_note_is_written_flat() -> None:
    body = api.write_request(AddNote("Hi", contact_id="C1", priv=True, owner="o@x.pl"))
    assert body == {"note": "Hi", "contactId": "C1", "priv": True, "owner": "o@x.pl"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "ann"}, "email"),
        ({"contactId": "x" * 256}, "contactId"),
        ({"note": "x" * 1025}, "note"),
        ({"owner": "x" * 256}, "owner"),
        ({"priv": "perhaps"}, "priv"),
    ],
)
def test_an_invalid_field_is_refused_and_named(change: dict[str, Any], field: str) -> None:
    body = {"note": "x" * 1024, "email": "ann@example.com"}
    assert api.write_request(api.read_request("contact/addNote", body)) == body
    with pytest.raises(Invalid) as caught:
        api.read_request("contact/addNote", {**body, **change})
    assert caught.value.field == field


def test_adding_a_note_is_not_repeatable() -> None:
    assert AddNote.repeatable is False
