"""The shelf gives back what it was given, and its file grows with what lies there, not with what went through."""

import resource
import signal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Contact
from salesmanago_async.imports.engine.spill import Shelf


def size_of(shelf: Shelf) -> int:
    return int(shelf._file.seek(0, 2))


@given(st.lists(st.tuples(st.booleans(), st.lists(st.text(), max_size=20)), max_size=60))
def test_whatever_the_order_things_come_back_as_they_were(steps: list[tuple[bool, list[str]]]) -> None:
    shelf = Shelf()
    lying: list[tuple[Any, list[str]]] = []
    for takes, content in steps:
        if takes and lying:
            ticket, expected = lying.pop(len(content) % len(lying))
            assert shelf.take(ticket) == expected
        lying.append((shelf.put(content), content))
    assert [shelf.take(ticket) for ticket, _ in lying] == [content for _, content in lying]
    shelf.close()


def test_space_that_is_taken_back_is_used_again() -> None:
    shelf = Shelf()
    shelf.take(shelf.put(["x" * 1000]))
    once = size_of(shelf)
    for _ in range(100):
        shelf.take(shelf.put(["x" * 1000]))
    assert size_of(shelf) == once
    shelf.close()


def test_a_record_that_cannot_be_pickled_stays_in_memory() -> None:
    shelf = Shelf()
    record = {"email": "a@x.pl", "row": lambda: None}
    assert shelf.take(shelf.put(record)) is record
    shelf.close()


def test_a_contact_comes_back_equal() -> None:
    shelf = Shelf()
    contact = Contact(email="a@x.pl", tags=["A"], properties={"k": "v"})
    assert shelf.take(shelf.put(contact)) == contact
    shelf.close()


def test_a_full_disk_keeps_the_record_in_memory() -> None:
    shelf = Shelf()
    before = shelf.put({"email": "a@x.pl"})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        ticket = shelf.put({"email": "b@x.pl", "name": "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert ticket.content == {"email": "b@x.pl", "name": "x" * 5000}
    assert shelf.take(before) == {"email": "a@x.pl"}
    assert shelf.take(ticket)["email"] == "b@x.pl"
    shelf.close()
