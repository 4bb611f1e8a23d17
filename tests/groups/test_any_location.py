"""Shops whose old location has dots: a switch lets their events pass the client; the server decides."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from salesmanago_async import Contact, ExternalEvent
from salesmanago_async.cli._commands import salesmanago
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient, wall_clock
from tests.simulator.listening import Listening

BATCH = "contact/batchAddContactExtEvent"
NOON_MS = 1714564800000
EVENT = ExternalEvent(
    email="ann@example.com", date=NOON_MS, contact_ext_event_type="CART", location="shop.example", value=5
)


@pytest.mark.anyio
async def test_runs_and_buffers_take_any_location_if_they_are_told(make_client: MakeClient) -> None:
    heard = Listening(Simulator(clock=wall_clock))
    async with make_client(heard) as sm:
        await sm.contacts.upsert(Contact(email="ann@example.com"))
        assert (await sm.events.add_many([EVENT])).rejected == 1
        assert heard.bodies(BATCH) == []
        report = await sm.events.add_many([EVENT], any_location=True)
        assert report.rejected == 1, "the simulator holds to the reference"
        async with sm.events.buffer(any_location=True, max_delay=0.1) as buffer:
            assert (await buffer.confirm(EVENT)).state == "rejected"
    assert [body["events"][0]["contactEvent"]["location"] for body in heard.bodies(BATCH)] == ["shop.example"] * 2


def test_the_command_line_has_the_switch(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(f"email,date,contactExtEventType,location\nann@example.com,{NOON_MS},CART,shop.example\n")
    for switch, expected in ((), "would be rejected: location"), (("--any-location",), '"location":"shop.example"'):
        result = CliRunner().invoke(salesmanago, ["import", "events", str(file), "--dry-run", *switch])
        assert expected in result.stderr
