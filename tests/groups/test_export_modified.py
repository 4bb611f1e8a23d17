"""`export_modified`: every change comes once, for any changes at the server and any clock."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import Any

import anyio
import httpx
import hypothesis.strategies as st
import pytest
from attrs import define, field
from hypothesis import example, given, settings

from salesmanago_async import Contact, ContactId, Credentials, Invalid, NoAnswer, Retries, SalesManago, Unreadable
from salesmanago_async.errors import JournalFailed
from salesmanago_async.groups._modified import ModifiedContactReader
from salesmanago_async.groups.changed_contacts import modified_export
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from salesmanago_async.stores.addresses import DatabaseAddress
from tests.conftest import EPOCH, MakeClient, VirtualTimeLoop, examples, in_ci, wall_clock
from tests.postgresql import query, run_in

DAY = 86_400.0
START = int(EPOCH * 1000)


# Against the simulator


@pytest.fixture
async def emails(sm: SalesManago) -> list[str]:
    """120 contacts, created at the same time."""
    made = [f"c{number}@example.com" for number in range(120)]
    await sm.contacts.upsert_many([{"email": email} for email in made])
    return made


async def changed(sm: SalesManago, since: int | None = START, **options: Any) -> list[str]:
    async with sm.contacts.export_modified(since, **options) as found:
        return [contact.email or "" async for contact in found]


@pytest.mark.anyio
@pytest.mark.parametrize("ordered", [True, False])
async def test_every_changed_contact_comes_once(sm: SalesManago, emails: list[str], ordered: bool) -> None:
    await anyio.sleep(DAY)
    async with sm.contacts.export_modified(START, ordered=ordered) as found:
        typed = [contact async for contact in found]
        span = (found.begin.timestamp(), found.end.timestamp())
    assert sorted(contact.email or "" for contact in typed) == sorted(emails)
    assert all(contact.modified_on and contact.properties == () for contact in typed)
    assert span == pytest.approx((EPOCH, EPOCH + anyio.current_time()), abs=2)
    async with sm.contacts.export_modified(datetime.fromtimestamp(EPOCH, UTC), raw=True) as records:
        raw = [record async for record in records]
    assert {record["email"] for record in raw} == set(emails)


@pytest.fixture(params=["file", *in_ci("database")])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Path | DatabaseAddress:
    """A place for a state that nobody has written yet."""
    return tmp_path / "nightly.json" if request.param == "file" else run_in(request.getfixturevalue("postgresql"))


@pytest.mark.sampled
@pytest.mark.anyio
async def test_with_one_state_each_change_comes_once_over_several_runs(
    sm: SalesManago, emails: list[str], state: Path | DatabaseAddress
) -> None:
    assert sorted(await changed(sm, state=state)) == sorted(emails)
    assert await changed(sm, None, state=state) == []
    await anyio.sleep(DAY)
    assert await changed(sm, state=state) == []  # `since` applies only to the first run
    await sm.contacts.upsert(Contact(email=emails[3], name="Eve"))
    assert await changed(sm, None, state=state) == [emails[3]]
    assert await changed(sm, None, state=state) == []
    await sm.contacts.upsert(Contact(email=emails[3], name="Ann"))
    await sm.contacts.upsert(Contact(email="new@example.com"))
    assert sorted(await changed(sm, None, state=state)) == [emails[3], "new@example.com"]


@pytest.mark.anyio
async def test_a_state_in_a_database_belongs_to_one_account(
    sm: SalesManago, emails: list[str], make_client: MakeClient, simulator: Simulator, postgresql: str
) -> None:
    state = run_in(postgresql)
    assert len(await changed(sm, state=f"{postgresql}&run={state.run}")) == 120
    async with make_client(
        simulator, credentials=Credentials(client_id="other", api_key="key", api_secret="secret")
    ) as stranger:
        with pytest.raises(Invalid, match="is the state of another account's contacts") as caught:
            await changed(stranger, state=state)
    assert caught.value.field == str(state)


@pytest.mark.anyio
async def test_of_two_exports_at_once_one_writes_the_state_in_a_database(
    sm: SalesManago, emails: list[str], postgresql: str
) -> None:
    state = run_in(postgresql)

    async def two_at_once(expected: list[str]) -> None:
        async with sm.contacts.export_modified(START, state=state) as slow:
            assert sorted([contact.email or "" async for contact in slow]) == sorted(expected)
            assert sorted(await changed(sm, state=state)) == sorted(expected)

    for expected in (emails, []):  # the first time there is no state yet
        with pytest.raises(JournalFailed, match="was written by another export meanwhile"):
            await two_at_once(expected)
        assert await changed(sm, None, state=state) == []


@pytest.mark.anyio
async def test_a_state_that_cannot_be_read_or_is_none_is_refused(sm: SalesManago, postgresql: str) -> None:
    state = run_in(postgresql)
    with pytest.raises(Invalid, match="the first run needs a time"):
        await changed(sm, None, state=state)
    query(state, "INSERT INTO salesmanago.states VALUES (%s, 1, '{}')", state.run)
    with pytest.raises(Invalid, match="is not the state of an export"):
        await changed(sm, state=state)
    with pytest.raises(Invalid, match="state: the address names no run"):
        await changed(sm, state="postgresql://host/db")
    with pytest.raises(Invalid, match="cannot be used: connection failed"):
        await changed(sm, state="postgresql://127.0.0.1:1/db?run=nightly")


@pytest.mark.anyio
async def test_contacts_deleted_meanwhile_are_named(
    make_client: MakeClient, simulator: Simulator, tmp_path: Path
) -> None:
    async with make_client(Deleting(simulator)) as sm:
        kept, deleted = [await sm.contacts.upsert(Contact(email=f"{name}@x.pl")) for name in ("ann", "eve")]
        await anyio.sleep(60)
        Deleting.victims = [deleted.contact_id or ""]
        async with sm.contacts.export_modified(START, state=tmp_path / "state.json") as found:
            assert [contact.id async for contact in found] == [kept.contact_id]
            assert list(found.unavailable) == [deleted.contact_id]
    assert json.loads((tmp_path / "state.json").read_bytes())["unavailable"] == [deleted.contact_id]


class Deleting:
    """Deletes contacts after they are listed and before they are read."""

    victims: list[str] = []  # noqa: RUF012 - set by the test

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("contact/listById"):
            client = SalesManago(
                DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.ASGITransport(app=self._simulator), clock=wall_clock
            )
            async with client as other:
                await other.contacts.delete_many([ContactId(*self.victims)])
        await self._simulator(scope, receive, send)


# Against an account that changes meanwhile


@define
class Person:
    modified_on: int
    version: int = 1


@define
class Account(httpx.AsyncBaseTransport):
    """Contacts that change at random, at every request; sorted lists of them by page, and their details.

    Its clock is ahead by `skew` seconds, its times are rounded down to `grain` ms, spans include their edges or not,
    and changes appear in the lists `lag` seconds late.
    """

    random: Random
    skew: float = 0.0
    grain: int = 1
    holds_ends: bool = True
    lag: float = 0.0
    tells_more: bool = True
    order: Callable[[tuple[str, int]], Any] = lambda entry: entry[1]
    busy: float = 0.0
    """The probability of a change at a request."""
    people: dict[str, Person] = field(factory=dict)
    index: dict[str, int] = field(factory=dict)
    pending: list[tuple[float, str, int]] = field(factory=list)
    deleted: set[str] = field(factory=set)
    moments: dict[tuple[str, str], int] = field(factory=dict)
    """The time of each version."""
    calls: Counter[str] = field(factory=Counter)

    def now(self) -> int:
        return int((wall_clock() + self.skew) * 1000)

    def change(self, id_: str) -> None:
        moment = self.now() // self.grain * self.grain
        known = self.people.get(id_)
        self.people[id_] = Person(moment, known.version + 1 if known else 1)
        self.pending.append((wall_clock() + self.lag, id_, moment))
        self.moments[id_, str(self.people[id_].version)] = moment

    def delete(self, id_: str) -> None:
        self.people.pop(id_)
        self.deleted.add(id_)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep(self.random.choice((0.0, 0.01, 0.7)))
        while self.random.random() < self.busy:
            self._live()
        body = json.loads(request.content)
        path = request.url.path.removeprefix("/api/")
        self.calls[path] += 1
        answer = self._page(body) if "from" in body else self._details(body)
        shown = datetime.fromtimestamp(self.now() // 1000, UTC)
        await anyio.sleep(self.random.choice((0.0, 0.7)))  # answers may arrive out of order
        return httpx.Response(
            200, json={"success": True, "message": [], **answer}, headers={"Date": format_datetime(shown, usegmt=True)}
        )

    def _live(self) -> None:
        if self.people and self.random.random() < 0.1:
            self.delete(self.random.choice(sorted(self.people)))
        elif self.people and self.random.random() < 0.7:
            self.change(self.random.choice(sorted(self.people)))
        else:
            self.change(f"n{len(self.moments)}")  # every id is new

    def _page(self, body: dict[str, Any]) -> dict[str, Any]:
        due = [entry for entry in self.pending if entry[0] <= wall_clock()]
        self.pending = [entry for entry in self.pending if entry[0] > wall_clock()]
        self.index.update((id_, moment) for _, id_, moment in due)
        edge = 0 if self.holds_ends else 1
        found = [entry for entry in self.index.items() if body["from"] + edge <= entry[1] <= body["to"] - edge]
        end = body["page"] * body["size"]
        page = sorted(found, key=self.order)[end - body["size"] : end]
        listed = [{"id": id_, "email": f"{id_}@x.pl"} for id_, _ in page]
        return {"modifiedContacts": listed, **({"hasMore": end < len(found)} if self.tells_more else {})}

    def _details(self, body: dict[str, Any]) -> dict[str, Any]:
        there = [id_ for id_ in body["contactId"] if id_ in self.people]
        contacts = [_told(id_, self.people[id_]) for id_ in there]
        return {"contacts": contacts, "unavailableContacts": [id_ for id_ in body["contactId"] if id_ not in there]}


def _told(id_: str, person: Person) -> dict[str, Any]:
    return {"id": id_, "modifiedOn": person.modified_on, "name": str(person.version)}


def client(account: Account, **options: Any) -> SalesManago:
    return SalesManago(DEMO_CREDENTIALS, owner="o@x.pl", transport=account, clock=wall_clock, **options)


Given = tuple[str, str]


async def given_by(
    sm: SalesManago, state: Path, since: int, *, size: int = 3, named: int = 2, ordered: bool = True
) -> list[Given]:
    """Make one run, with pages of three, and details of two at a time; return the ids and versions that it yields."""
    modified = ModifiedContactReader(sm._connection, "o@x.pl", size=size, named=named)
    making = modified_export(modified, since, dict, state=state, overlap=600_000, ordered=ordered)
    async with making as found:
        given = [(record["id"], record["name"]) async for record in found]
    assert len(set(given)) == len(given)
    return given


ORDERS: dict[str, Callable[[tuple[str, int]], Any]] = {
    "the earliest first": lambda entry: (entry[1], entry[0]),
    "the latest first": lambda entry: (-entry[1], entry[0]),
    "by name": lambda entry: entry[0],
}


async def some_changes(account: Account) -> None:
    for _ in range(account.random.randrange(12)):
        account.change(f"p{account.random.randrange(20)}")
        await anyio.sleep(account.random.choice((0.0, 0.0, 0.3, 70.0)))


async def check_runs(account: Account, state: Path, *, ordered: bool) -> None:
    """Run repeatedly while contacts change, and once more when they have stopped."""
    await some_changes(account)
    since = account.now()
    await some_changes(account)
    await anyio.sleep(account.lag + 1)
    given: Counter[Given] = Counter()
    async with client(account, concurrency=3) as sm:
        for _ in range(account.random.randrange(1, 5)):
            account.busy = account.random.choice((0.0, 0.2, 0.5))
            given.update(await given_by(sm, state, since, ordered=ordered))
            account.busy = 0.0
            for _ in range(account.random.randrange(4)):
                account._live()
                await anyio.sleep(account.random.choice((0.0, 0.3, 5.0, 400.0)))
            await anyio.sleep(account.random.choice((0.0, 60.0, 5000.0)))
        await anyio.sleep(account.lag)
        given.update(await given_by(sm, state, since, ordered=ordered))
        assert await given_by(sm, state, since, ordered=ordered) == []
    last = {(id_, str(person.version)) for id_, person in account.people.items() if person.modified_on >= since}
    doubled = [entry for entry, count in given.items() if count > 1]
    too_old = [entry for entry in given if account.moments[entry] < since - 1]
    assert (last - given.keys(), doubled, too_old) == (set(), [], [])


@pytest.mark.ci
@settings(max_examples=examples(60), deadline=None)
@given(
    seed=st.integers(0, 2**32),
    skew=st.sampled_from([0.0, 3600.0, -3600.0, 0.4]),
    grain=st.sampled_from([1, 1000]),
    holds_ends=st.booleans(),
    lag=st.sampled_from([0.0, 0.5, 300.0]),
    tells_more=st.booleans(),
    order=st.sampled_from(sorted(ORDERS)),
    ordered=st.booleans(),
)
@example(  # a contact moved from page 2 to page 1 between the two requests, and no answer had hasMore
    seed=305,
    skew=0.0,
    grain=1,
    holds_ends=False,
    lag=0.0,
    tells_more=False,
    order="the latest first",
    ordered=True,
)
def test_no_change_is_lost_and_none_comes_twice(
    tmp_path_factory: pytest.TempPathFactory, seed: int, order: str, ordered: bool, **kind: Any
) -> None:
    """With any changes before, between and during the runs, and any way in which the account reports them."""
    account = Account(random=Random(seed), order=ORDERS[order], **kind)
    state = tmp_path_factory.mktemp("run") / "state.json"

    async def check() -> None:
        await check_runs(account, state, ordered=ordered)

    anyio.run(check, backend_options={"loop_factory": VirtualTimeLoop})


@define
class Moving(httpx.AsyncBaseTransport):
    """Changes a contact of the first page before the second is sent, the first few times."""

    account: Account
    times: int
    first: str = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if body.get("page") == 2 and self.times:
            self.times -= 1
            self.account.change(self.first)
        answer = await self.account.handle_async_request(request)
        listed = json.loads(answer.content).get("modifiedContacts")
        if body.get("page") == 1 and listed:
            self.first = listed[0]["id"]
        return answer


@pytest.mark.anyio
@pytest.mark.parametrize("seconds", [0.0, 10.0], ids=["in one second", "in two minutes"])
@pytest.mark.parametrize("times", [1, 2, 5])
async def test_contacts_that_move_to_an_earlier_page_are_not_lost(tmp_path: Path, seconds: float, times: int) -> None:
    """A contact of the first page is modified, so that the first one of the second page moves to the first page."""
    account = Account(random=Random(1))
    for number in range(12):
        account.change(f"p{number:02}")
        await anyio.sleep(seconds)
    await anyio.sleep(2000)  # longer than the overlap, which would include them in the next run
    transport = Moving(account, times)
    async with SalesManago(DEMO_CREDENTIALS, owner="o@x.pl", transport=transport, clock=wall_clock) as sm:
        given = await given_by(sm, tmp_path / "state.json", START - 5000)
        given += await given_by(sm, tmp_path / "state.json", START - 5000)
    assert transport.times == (0 if seconds == 0 else times)  # spans that can be halved are read in one piece
    assert {id_ for id_, _ in given} == account.people.keys()
    assert {(id_, str(person.version)) for id_, person in account.people.items()} <= set(given)


@pytest.mark.anyio
async def test_spans_that_fill_more_than_a_page_are_halved(tmp_path: Path) -> None:
    account = Account(random=Random(1))
    for number in range(100):
        account.change(f"p{number:02}")
        await anyio.sleep(500)
    async with client(account) as sm:
        given = await given_by(sm, tmp_path / "state.json", START - 5000, size=10, named=50)
    assert [id_ for id_, _ in given] == [f"p{number:02}" for number in range(100)]
    assert account.calls["contact/paginatedModifiedContacts"] < 4 * 100 / 10 + 10
    assert account.calls["contact/listById"] == 2


@pytest.mark.anyio
async def test_a_second_that_never_stops_changing_is_an_error(tmp_path: Path) -> None:
    account = Account(random=Random(1))
    for number in range(200):
        account.change(f"p{number}")

    class Restless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep(5)
            account.change(min(account.people, key=lambda id_: account.people[id_].modified_on))
            return await account.handle_async_request(request)

    await anyio.sleep(100)
    async with SalesManago(DEMO_CREDENTIALS, owner="o@x.pl", transport=Restless(), clock=wall_clock) as sm:
        with pytest.raises(Unreadable, match="keep being modified"):
            await given_by(sm, tmp_path / "state.json", START - 5000, size=10, named=50)
    assert list(tmp_path.iterdir()) == []


# When the state is written


@define
class Steady(httpx.AsyncBaseTransport):
    """Two hundred contacts; `answers` may replace answers about them."""

    answers: dict[str, Any] = field(factory=dict)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.rpartition("/")[2]
        if isinstance(self.answers.get(path), Exception):
            raise self.answers[path]
        answer = self.answers.get(path) or self._answer(path, json.loads(request.content))
        return httpx.Response(200, json={"success": True, "message": [], **answer})

    def _answer(self, path: str, body: dict[str, Any]) -> Any:
        if path == "listById":
            return {"contacts": [{"id": id_, "modifiedOn": START} for id_ in body["contactId"]]}
        everyone = [{"id": f"p{number}"} for number in range(200)] if body["size"] > 1 else []
        return {"modifiedContacts": everyone, "hasMore": False}


async def take(sm: SalesManago, state: Path, *, most: int | None = None, error: Exception | None = None) -> int:
    taken = 0
    async with sm.contacts.export_modified(START - 1000, state=state, raw=True) as found:
        async for _ in found:
            taken += 1
            if taken == most:
                break
        if error:
            raise error
        assert not state.exists()
    return taken


@pytest.mark.anyio
async def test_the_state_is_written_only_after_a_complete_export(make_client: MakeClient, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    async with make_client(None, transport=Steady()) as sm:
        await anyio.sleep(60)
        assert await take(sm, state, most=50) == 50
        assert not state.exists()
        with pytest.raises(ValueError, match="the disk is full"):
            await take(sm, state, error=ValueError("the disk is full"))
        assert not state.exists()
        assert await take(sm, state) == 200
        assert state.exists()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"paginatedModifiedContacts": {"modifiedContacts": [{"email": "a@b.pl"}]}}, Unreadable),
        ({"paginatedModifiedContacts": {"modifiedContacts": ["a"]}}, Unreadable),
        ({"paginatedModifiedContacts": {"modifiedContacts": "none"}}, Unreadable),
        ({"paginatedModifiedContacts": {"modifiedContacts": [{"id": "a"}], "hasMore": True}}, Unreadable),
        ({"listById": {"contacts": "none"}}, Unreadable),
        ({"listById": {"contacts": [None]}}, Unreadable),
        ({"listById": httpx.ReadTimeout("")}, NoAnswer),
    ],
)
async def test_unreadable_contacts_are_an_error_and_leave_no_state(
    make_client: MakeClient, tmp_path: Path, answers: dict[str, Any], error: type[Exception]
) -> None:
    async with make_client(None, transport=Steady(answers), retries=Retries(tries=1)) as sm:
        await anyio.sleep(60)
        with pytest.raises(error):
            await take(sm, tmp_path / "state.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_first_run_without_since_is_invalid(sm: SalesManago, tmp_path: Path) -> None:
    naive = datetime(2023, 1, 1)  # noqa: DTZ001
    given: list[dict[str, Any]] = [{}, {"state": tmp_path / "none.json"}, {"since": naive}, {"since": START * 2}]
    for options in given:
        with pytest.raises(Invalid):
            async with sm.contacts.export_modified(**options):
                pass
