"""Buffers: each record that was taken gets one outcome, whatever the server does. Under virtual time."""

from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from salesmanago_async import Invalid, Outcome, SalesManago
from salesmanago_async.buffers.receipts import Receipt
from salesmanago_async.errors import BufferClosed, BufferFull
from salesmanago_async.simulator import Fault, Simulator
from tests.buffers.gateways import ADD, UPSERT, Gateway, contact, purchase

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]


async def test_calls_return_immediately_and_are_sent_together(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer() as buffer:
        began = anyio.current_time()
        receipts = [await buffer.add(contact(number)) for number in range(5)]
        assert (anyio.current_time(), len(buffer), gateway.asked) == (began, 5, [])
        outcomes = [await receipt for receipt in receipts]
    assert [outcome.state for outcome in outcomes] == ["accepted"] * 5
    assert [outcome.record.email for outcome in outcomes] == [f"c{number}@example.com" for number in range(5)]
    assert all(outcome.contact_id and outcome.request_id for outcome in outcomes)
    assert gateway.times(UPSERT) == [began + 1.0]


async def test_confirming_waits_for_the_outcome(sm: SalesManago) -> None:
    async with sm.contacts.buffer() as buffer:
        outcome = await buffer.confirm({"email": "ann@example.com", "city": "Kraków"})
        assert (outcome.state, outcome.record) == ("accepted", {"email": "ann@example.com", "city": "Kraków"})
    assert (await sm.contacts.has("ann@example.com")).contact_id == outcome.contact_id


async def test_a_batch_closes_by_count_and_by_bytes(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer(max_delay=60, batch_size=3) as buffer:
        for number in range(6):
            await buffer.add(contact(number))
        await anyio.sleep(0.5)
        assert len(gateway.times(UPSERT)) == 2
    del gateway.asked[:]
    async with sm.contacts.buffer(max_delay=60, max_bytes=1200) as buffer:
        for number in range(6, 12):
            await buffer.add(contact(number))
        await anyio.sleep(0.5)
        assert len(gateway.times(UPSERT)) >= 1


async def test_time_counts_from_the_first_record_of_a_batch(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer(max_delay=1.0) as buffer:
        began = anyio.current_time()
        for number in range(40):
            await buffer.add(contact(number))
            await anyio.sleep(0.1)
    assert gateway.times(UPSERT)[0] == pytest.approx(began + 1.0, abs=0.11)
    assert len(gateway.times(UPSERT)) == 4


async def test_bad_input_is_refused_immediately_and_nothing_else_is_lost(sm: SalesManago) -> None:
    async with sm.contacts.buffer() as buffer:
        first = await buffer.add(contact(1))
        with pytest.raises(Invalid, match="email"):
            await buffer.add({"email": "nobody"})
        with pytest.raises(Invalid, match="nmae"):
            await buffer.add({"email": "ann@example.com", "nmae": "Ann"})
        assert (await first).state == "accepted"


async def test_tags_of_the_buffer_are_added(sm: SalesManago) -> None:
    async with sm.contacts.buffer(tags=["SIGN_UP"]) as buffer:
        await buffer.confirm(contact(1, tags=["VIP"]))
    [found] = await sm.contacts.get(["c1@example.com"])
    assert {tag.tag for tag in found.contact_tags or ()} == {"SIGN_UP", "VIP"}


async def test_without_waiting_for_jobs_the_servers_word_is_enough(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer(wait=False) as buffer:
        outcome = await buffer.confirm(contact(1))
    assert outcome.state == "submitted"
    assert gateway.times("job/status") == []


async def test_a_record_that_the_server_rejects_says_why(sm: SalesManago, simulator: Simulator) -> None:
    told: list[Outcome] = []
    async with sm.events.buffer(on_outcome=told.append) as buffer:
        outcome = await buffer.confirm(purchase(1))
    assert (outcome.state, told) == ("rejected", [outcome])
    assert "failed" in (outcome.reason or "")


# Limits


async def test_a_full_buffer_makes_wait_or_raises_as_chosen(sm: SalesManago) -> None:
    async with sm.contacts.buffer(max_pending=2, when_full="raise") as buffer:
        await buffer.add(contact(1))
        await buffer.add(contact(2))
        with pytest.raises(BufferFull):
            await buffer.add(contact(3))
    async with sm.contacts.buffer(max_pending=2) as buffer:
        began = anyio.current_time()
        for number in range(4, 7):
            await buffer.add(contact(number))
        assert anyio.current_time() - began > 90  # the job of the first ones
        assert len(buffer) == 1


async def test_it_takes_records_only_inside_its_block(sm: SalesManago) -> None:
    buffer = sm.contacts.buffer()
    with pytest.raises(BufferClosed):
        await buffer.add(contact(1))
    async with buffer:
        pass
    with pytest.raises(BufferClosed):
        await buffer.add(contact(1))
    with pytest.raises(BufferClosed):
        await buffer.__aenter__()


async def test_an_add_that_waits_for_room_is_woken_by_the_end(sm: SalesManago, gateway: Gateway) -> None:
    gateway.away = 503
    raised: list[str] = []

    async def add(number: int) -> None:
        try:
            await buffer.add(contact(number))
        except BufferClosed as error:
            raised.append(type(error).__name__)

    async with anyio.create_task_group() as tasks, sm.contacts.buffer(max_pending=1, drain_within=3) as buffer:
        await buffer.add(contact(1))
        tasks.start_soon(add, 2)
        await anyio.sleep(1)
    assert raised == ["BufferClosed"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_delay": 0}, "max_delay"),
        ({"max_pending": 0}, "max_pending"),
        ({"when_full": "drop"}, "when_full"),
        ({"batch_size": 1001}, "batch_size"),
        ({"drain_within": -1}, "drain_within"),
    ],
)
async def test_options_are_checked(sm: SalesManago, options: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=named):
        sm.contacts.buffer(**options)


async def test_an_option_that_is_none_is_an_error(sm: SalesManago) -> None:
    with pytest.raises(TypeError, match="dry_run"):
        sm.contacts.buffer(dry_run=True)  # type: ignore[call-arg]


# The end


async def test_leaving_the_block_sends_what_is_there(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer(max_delay=3600) as buffer:
        receipt = await buffer.add(contact(1))
    outcome = await receipt
    assert (outcome.state, outcome.request_id is not None) == ("submitted", True)
    assert len(gateway.times(UPSERT)) == 1


async def test_what_waits_for_a_job_of_its_contact_goes_out_before_the_end(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer() as buffer:
        await buffer.add(contact(1, name="first"))
        await anyio.sleep(45)
        second = await buffer.add(contact(1, name="second"))
        await anyio.sleep(45)  # the job is done, but its next poll is not due for half a minute
        began = anyio.current_time()
    assert anyio.current_time() - began < 20
    assert (await second).state == "submitted"
    assert len(gateway.times(UPSERT)) == 2


async def test_closing_is_bounded_if_the_server_is_away(sm: SalesManago, gateway: Gateway) -> None:
    gateway.away = 503
    async with sm.contacts.buffer(drain_within=7) as buffer:
        receipt = await buffer.add(contact(1))
        ending = anyio.current_time()
    assert anyio.current_time() - ending <= 7 + 5 + 1
    assert (await receipt).state in {"not_sent", "in_doubt"}


async def test_it_may_be_closed_by_another_task_than_opened_it(sm: SalesManago) -> None:
    stack = AsyncExitStack()
    receipts: list[Receipt] = []

    async def open_it() -> None:
        buffer = await stack.enter_async_context(sm.contacts.buffer())
        receipts.append(await buffer.add(contact(1)))

    for act in (open_it, stack.aclose):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(act)
    assert (await receipts[0]).state == "submitted"


async def test_a_cancelled_block_is_drained_all_the_same(sm: SalesManago, gateway: Gateway) -> None:
    with anyio.move_on_after(0.5):
        async with sm.contacts.buffer(max_delay=3600) as buffer:
            await buffer.add(contact(1))
            await anyio.sleep(3600)
    assert len(gateway.times(UPSERT)) == 1


async def test_who_stops_waiting_changes_nothing(sm: SalesManago) -> None:
    async with sm.contacts.buffer() as buffer:
        receipt = await buffer.add(contact(1))
        with anyio.move_on_after(1):
            await receipt
        assert receipt.outcome is None
        assert (await receipt).state == "accepted"
        assert receipt.outcome == await receipt


# A server that is away, or forgetful


@pytest.mark.ci
@pytest.mark.parametrize("status", [503, 500, 401, 404])
async def test_nothing_is_lost_while_the_server_is_away(sm: SalesManago, gateway: Gateway, status: int) -> None:
    async with sm.contacts.buffer() as buffer:
        gateway.away = status
        early = [await buffer.add(contact(number)) for number in range(3)]
        await anyio.sleep(1800)
        assert [receipt.outcome for receipt in early] == [None] * 3
        gateway.away = None
        late = await buffer.add(contact(3))
        outcomes = [await receipt for receipt in [*early, late]]
    assert [outcome.state for outcome in outcomes] == ["accepted"] * 4
    assert [outcome.position for outcome in outcomes] == [1, 2, 3, 4]


async def test_the_last_record_of_a_contact_wins(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer() as buffer:
        receipts = [await buffer.add(contact(1, name="first"))]
        await anyio.sleep(5)
        gateway.away = 503
        receipts += [await buffer.add(contact(1, name=f"no. {number}")) for number in range(2)]
        await anyio.sleep(200)
        gateway.away = None
        receipts += [await buffer.add(contact(1, name="last"))]
        assert [(await receipt).state for receipt in receipts] == ["accepted"] * 4
    [found] = await sm.contacts.get(["c1@example.com"])
    assert found.name == "last"


async def test_events_are_not_doubled_if_the_answer_is_lost(sm: SalesManago, simulator: Simulator) -> None:
    async with sm.contacts.buffer() as contacts:
        await contacts.confirm(contact(1))
    simulator.faults = [Fault("reset-after", path=ADD, at=1)]
    async with sm.events.buffer() as buffer:
        receipts = [await buffer.add(purchase(number, of=1)) for number in range(3)]
        assert [(await receipt).state for receipt in receipts] == ["accepted"] * 3
    [found] = await sm.contacts.get(["c1@example.com"])
    assert sorted(event.external_id or "" for event in found.contact_ext_events or ()) == ["E0", "E1", "E2"]


async def test_events_wait_for_their_contact(sm: SalesManago, gateway: Gateway) -> None:
    async with sm.contacts.buffer() as contacts, sm.events.buffer(after=contacts) as events:
        event = await events.add(purchase(1))
        first = await contacts.add(contact(1))
        second = await events.add(purchase(2, of=1))
        assert ((await first).state, (await second).state) == ("accepted", "accepted")
        assert (await event).state in {"accepted", "rejected"}
    assert gateway.times(ADD)[-1] > 90


async def test_a_listener_that_raises_stops_nothing(sm: SalesManago, caplog: pytest.LogCaptureFixture) -> None:
    def listen(_: Outcome) -> None:
        raise RuntimeError("ann@example.com")

    async with sm.contacts.buffer(on_outcome=listen) as buffer:
        outcomes = [await buffer.confirm(contact(number)) for number in range(2)]
    assert [outcome.state for outcome in outcomes] == ["accepted"] * 2
    assert "on_outcome has raised RuntimeError" in caplog.text
    assert "ann@example.com" not in caplog.text
