"""One contact in several spellings, through whole runs: in the records sent, and in the answers of the account."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from attrs import evolve

from salesmanago_async import Contact
from salesmanago_async.simulator import Fault
from tests.imports.harness import PATHS, Harness, canonical_name, contact, event, events_of

pytestmark = pytest.mark.anyio


def in_punycode(name: str) -> str:
    return canonical_name(name)


def in_letters(name: str) -> str:
    local, at, domain = in_punycode(name).rpartition("@")
    return f"{local}@{domain.encode().decode('idna')}" if at else domain


def in_other_letters(name: str) -> str:
    """In upper case, and in NFD before the @."""
    local, at, domain = in_letters(name).upper().rpartition("@")
    return f"{normalize('NFD', local)}@{domain}" if at else in_letters(name)


ACCOUNTS = pytest.mark.parametrize("spelling", [in_punycode, in_letters, in_other_letters])
NAMES = [
    ["ann@bücher.example", "Ann@xn--bcher-kva.example", "ANN@BÜCHER.EXAMPLE", "ann@XN--BCHER-KVA.example"],
    ["zoë@example.com", "zoe\u0308@example.com", "ZOË@example.com", "ZOE\u0308@Example.com"],
    ["żółć@przykład.pl", normalize("NFD", "ŻÓŁĆ") + "@PRZYKŁAD.PL", "żółć@xn--przykad-rjb.pl", "Żółć@przykład.pl"],
]


async def prepared(tmp_path: Path, kind: Any, spelling: Callable[[str], str]) -> tuple[Harness, dict[str, str]]:
    """An account with this spelling that has one contact for each name, and their ids."""
    harness = Harness(kind, tmp_path)
    harness.gateway.spelling = spelling
    ids = await harness.prepare(spelling(names[0]) for names in NAMES)
    return harness, ids


def versions(harness: Harness) -> dict[str, str]:
    return {
        canonical_name(one.email): str(one.fields.get("name")) for one in harness.simulator._store.contacts.values()
    }


@pytest.mark.sampled
@ACCOUNTS
@pytest.mark.parametrize("batch_size", [1, 3, 100])
async def test_the_last_one_wins_in_whatever_spelling(
    spelling: Callable[[str], str], batch_size: int, tmp_path: Path
) -> None:
    """Two spellings of one contact are never in two requests or jobs at the same time: the harness checks that."""
    harness, _ = await prepared(tmp_path, "contacts", spelling)
    several = [name for turn in range(4) for name in (names[turn] for names in NAMES)]
    result = await harness.run(
        [contact(position, name) for position, name in enumerate(several)], batch_size=batch_size
    )
    assert result.counts == {"accepted": 12}
    assert all(outcome.contact_id for outcome in result.outcomes)
    await harness.settle()
    last = {canonical_name(name): f"version {position}" for position, name in enumerate(several)}
    assert versions(harness) == last


@ACCOUNTS
async def test_an_id_in_another_case_is_the_same_contact(spelling: Callable[[str], str], tmp_path: Path) -> None:
    harness, ids = await prepared(tmp_path, "contacts", spelling)
    (address, id_), *_ = ids.items()
    records = [
        contact(0, address, contact_id=id_),
        Contact(contact_id=id_.upper(), name="version 1"),
        Contact(contact_id=id_, name="version 2"),
        Contact(contact_id=id_.upper(), name="version 3"),
    ]
    result = await harness.run(records, batch_size=1)
    assert result.counts == {"accepted": 4}
    await harness.settle()
    assert versions(harness)[canonical_name(address)] == "version 3"


@pytest.mark.sampled
@ACCOUNTS
@pytest.mark.parametrize("fault", ["reset-before,at=1-2", "reset-after,at=1-2", "reset-after,at=1"])
@pytest.mark.parametrize("batch_size", [1, 100])
async def test_events_are_read_back_from_their_contact_in_whatever_spelling(
    spelling: Callable[[str], str], fault: str, batch_size: int, tmp_path: Path
) -> None:
    harness, ids = await prepared(tmp_path, "events", spelling)
    harness.simulator.faults = [Fault.parse(f"{fault},path={PATHS['events']}")]
    *others, last = NAMES
    records = [event(position, name) for position, name in enumerate(chain.from_iterable(others))]
    id_ = ids[spelling(last[0])]
    records += [evolve(event(8, contact_id=id_.upper()), email=None), evolve(event(9, contact_id=id_), email=None)]
    result = await harness.run(records, batch_size=batch_size)
    assert result.counts == {"accepted": 10}
    assert sorted(events_of(harness.simulator).values()) == [1] * 10


async def test_contacts_are_read_back_by_the_names_that_they_were_sent(tmp_path: Path) -> None:
    harness = Harness("events", tmp_path)
    asked: list[Any] = []
    harness.gateway.instead = lambda path, body: asked.append(body["email"]) if path == "contact/list" else None
    given = ["Ann@Example.com", "ann@bücher.example", "zoe\u0308@example.com"]
    await harness.prepare(given)
    harness.simulator.faults = [Fault.parse(f"reset-after,at=1,path={PATHS['events']}")]
    result = await harness.run([event(position, name) for position, name in enumerate(given)])
    assert result.counts == {"accepted": 3}
    assert asked
    assert all(names == given for names in asked)


@ACCOUNTS
async def test_a_refusal_of_one_contact_is_traced_in_whatever_spelling(
    spelling: Callable[[str], str], tmp_path: Path
) -> None:
    """The account does not have two of the contacts, and names them in its own spelling."""
    harness = Harness("events", tmp_path)
    harness.gateway.spelling = spelling
    await harness.prepare([spelling(NAMES[0][0])])
    result = await harness.run([event(position, names[3]) for position, names in enumerate(NAMES)])
    assert {outcome.position: outcome.state for outcome in result.outcomes} == {
        0: "accepted",
        1: "rejected",
        2: "rejected",
    }
