"""The recipes for schedulers and Kafka in `integrations.past_one_machine`, with what they call of Kafka played here."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from attrs import define, field

from salesmanago_async import Invalid, RunIncomplete, SalesManago
from salesmanago_async.simulator import Fault, Simulator
from tests.cli.accounts import contacts_of
from tests.readme import docstring_example
from tests.serving import Counted, serving_account

pytestmark = [pytest.mark.ci, pytest.mark.anyio]
ADD_EVENTS, UPSERT = "contact/batchAddContactExtEvent", "contact/batchupsertv2"
EVENTS = 2500


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, database: str) -> Any:
    counted = Counted(Simulator(job_seconds=0.1))
    with serving_account(counted) as environ:
        for name, value in {**environ, "JOURNALS": database}.items():
            monkeypatch.setenv(name, value)
        yield counted


@pytest.fixture
def recipe(account: Counted) -> Mapping[str, Any]:
    """What the example defines; an address that has parameters takes another one."""
    names: dict[str, Any] = {}
    code = docstring_example("integrations/past_one_machine.py")
    assert code.count("}?run={run}") == 2
    mark = "&" if "?" in os.environ["JOURNALS"] else "?"
    exec(code.replace("}?run={run}", f"}}{mark}run={{run}}"), names)
    return names


class Partition(NamedTuple):
    topic: str
    partition: int


class Message(NamedTuple):
    offset: int
    value: dict[str, Any]


@define
class Topic:
    """A topic of one partition, and what is committed in it; it lives on when its consumers die."""

    messages: Sequence[Message]
    committed: dict[Partition, int] = field(factory=dict)


@define
class Consumer:
    """The methods of aiokafka's consumer that the recipe calls; `available` limits what there is to read."""

    topic: Topic
    available: int = EVENTS
    at: dict[Partition, int] = field(factory=lambda: defaultdict(int))

    async def committed(self, partition: Partition) -> int | None:
        return self.topic.committed.get(partition)

    def seek(self, partition: Partition, offset: int) -> None:
        self.at[partition] = offset

    async def getmany(self, partition: Partition, *, timeout_ms: int) -> dict[Partition, Sequence[Message]]:
        first = self.at[partition]
        found = self.topic.messages[first : min(first + 500, self.available)]
        self.at[partition] += len(found)
        return {partition: found} if found else {}

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.topic.committed.update(offsets)


ORDERS = Partition("orders", 3)


@pytest.fixture
def topic() -> Topic:
    return Topic([Message(number, {"order": number}) for number in range(EVENTS)])


def event_of(message: Message) -> dict[str, Any]:
    number = message.value["order"]
    return {
        "email": f"c{number % 50}@example.com",
        "date": 1_767_225_600_000 + number,
        "contactExtEventType": "PURCHASE",
        "externalId": f"ORDER-{number}",
    }


async def make_contacts() -> None:
    async with SalesManago.from_env(poll_interval=0.1) as sm:
        await sm.contacts.upsert_many([{"email": f"c{number}@example.com"} for number in range(50)])


def orders_in_account() -> list[str]:
    contacts = contacts_of(os.environ, [f"c{number}@example.com" for number in range(50)])
    return [event["externalId"] for contact in contacts for event in contact["contactExtEvents"]]


async def test_a_slice_of_a_topic_that_fails_goes_on_and_doubles_nothing(
    recipe: Mapping[str, Any], topic: Topic, account: Counted
) -> None:
    import_slice = recipe["import_slice"]
    await make_contacts()
    account.app.faults = [Fault.parse(f"401,path={ADD_EVENTS},at=2-")]
    with pytest.raises(RunIncomplete):
        await import_slice(Consumer(topic), ORDERS, event_of)
    assert topic.committed == {}
    account.app.faults = []
    sent = account.requests[ADD_EVENTS]
    with pytest.raises(Invalid, match="the source has changed"):
        await import_slice(Consumer(topic, available=500), ORDERS, event_of)
    assert account.requests[ADD_EVENTS] == sent
    assert await import_slice(Consumer(topic), ORDERS, event_of) == EVENTS
    assert topic.committed == {ORDERS: EVENTS}
    assert sorted(orders_in_account()) == sorted(f"ORDER-{number}" for number in range(EVENTS))
    assert await import_slice(Consumer(topic), ORDERS, event_of) == 0


async def test_a_task_that_is_tried_again_sends_nothing_again(
    recipe: Mapping[str, Any], account: Counted, tmp_path: Any
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email\nann@example.com\nbob@example.com\n")
    for _ in range(2):
        counts = await recipe["import_people"](str(path), "day-1")
        assert counts["accepted"] == 2
    assert account.requests[UPSERT] == 1
