"""The spill file returns values unchanged, and it grows with the values in it, not with those that went through."""

import resource
import signal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Contact
from salesmanago_async.imports.engine.spill import SpillFile


def size_of(spill_file: SpillFile) -> int:
    return int(spill_file._file.seek(0, 2))


@given(st.lists(st.tuples(st.booleans(), st.lists(st.text(), max_size=20)), max_size=60))
def test_whatever_the_order_things_come_back_as_they_were(steps: list[tuple[bool, list[str]]]) -> None:
    spill_file = SpillFile()
    lying: list[tuple[Any, list[str]]] = []
    for takes, content in steps:
        if takes and lying:
            slot, expected = lying.pop(len(content) % len(lying))
            assert spill_file.take(slot) == expected
        lying.append((spill_file.put(content), content))
    assert [spill_file.take(slot) for slot, _ in lying] == [content for _, content in lying]
    spill_file.close()


def test_space_that_is_taken_back_is_used_again() -> None:
    spill_file = SpillFile()
    spill_file.take(spill_file.put(["x" * 1000]))
    once = size_of(spill_file)
    for _ in range(100):
        spill_file.take(spill_file.put(["x" * 1000]))
    assert size_of(spill_file) == once
    spill_file.close()


def test_a_record_that_cannot_be_pickled_stays_in_memory() -> None:
    spill_file = SpillFile()
    record = {"email": "a@x.pl", "row": lambda: None}
    assert spill_file.take(spill_file.put(record)) is record
    spill_file.close()


def test_a_contact_comes_back_equal() -> None:
    spill_file = SpillFile()
    contact = Contact(email="a@x.pl", tags=["A"], properties={"k": "v"})
    assert spill_file.take(spill_file.put(contact)) == contact
    spill_file.close()


def test_a_full_disk_keeps_the_record_in_memory() -> None:
    spill_file = SpillFile()
    before = spill_file.put({"email": "a@x.pl"})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        slot = spill_file.put({"email": "b@x.pl", "name": "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert slot.content == {"email": "b@x.pl", "name": "x" * 5000}
    assert spill_file.take(before) == {"email": "a@x.pl"}
    assert spill_file.take(slot)["email"] == "b@x.pl"
    spill_file.close()
