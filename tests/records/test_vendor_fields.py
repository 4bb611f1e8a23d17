"""The fields of contacts that only the vendor's own clients send: in values, objects, flat rows and files."""

import json
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import Contact, SalesManago
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient
from tests.simulator.listening import Listening

BATCH = "contact/batchupsertv2"
SENT = {"contact": {"email": "ann@example.com"}, "lang": "PL", "tagScoring": True, "loyaltyProgram": "Club"}
FORMS: list[Any] = [
    Contact(email="ann@example.com", lang="PL", tag_scoring=True, loyalty_program="Club"),
    SENT,
    {"email": "ann@example.com", "lang": "PL", "tagScoring": "yes", "loyaltyProgram": "Club"},
    {"E-Mail": "ann@example.com", "lang": "PL", "tag_scoring": 1, "Loyalty Program": "Club"},
]


@pytest.mark.parametrize("record", FORMS)
def test_every_form_of_a_record_has_them(record: Any) -> None:
    assert contact_shape().body(record) == SENT
    encoded, _ = contact_shape().encoder().encode(record)
    assert json.loads(encoded) == SENT


@pytest.mark.anyio
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
async def test_files_have_them_as_columns(
    suffix: str, simulator: Simulator, make_client: MakeClient, tmp_path: Path
) -> None:
    file = tmp_path / f"contacts.{suffix}"
    rows = {"csv": "email,lang,tag_scoring,loyalty_program\nann@example.com,PL,true,Club\n", "jsonl": json.dumps(SENT)}
    file.write_text(rows[suffix])
    heard = Listening(simulator)
    async with make_client(heard) as sm:
        report = await sm.contacts.upsert_many(file)
        assert report.accepted == 1
        assert (await sm.loyalty.get_points("ann@example.com", loyalty_program="Club")).points == 0
    (body,) = heard.bodies(BATCH)
    assert body["upsertDetails"] == [SENT]


@pytest.mark.anyio
async def test_a_single_contact_joins_its_program(sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email="ann@example.com", loyalty_program="Club"))
    assert (await sm.loyalty.get_points("ann@example.com", loyalty_program="Club")).points == 0
