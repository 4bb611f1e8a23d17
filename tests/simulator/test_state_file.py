"""The state file, in which a simulated account outlives its simulator."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import attrs
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, Email, ExternalEvent, Invalid, Refused, SalesManago, Tag
from salesmanago_async.api import REQUESTS, BatchUpsertContacts
from salesmanago_async.api.funnels import FunnelStage
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PASSWORD, DEMO_PRODUCTS_KEY, Fault, Simulator
from salesmanago_async.simulator._state import StateFile
from salesmanago_async.simulator.handlers.system import Tokens
from tests.conftest import EPOCH, MakeClient, VirtualTimeLoop, examples, wall_clock
from tests.simulator import test_model
from tests.simulator.product_model import SETTINGS
from tests.simulator.test_model import Step, first_steps, nothing, steps
from tests.simulator.test_urllib import OWNERS, PREPARE

ANN = "ann@example.com"
JOB_SECONDS = 90.0


def opened(path: Path, **options: Any) -> Simulator:
    return Simulator(
        **{"state": path, "clock": wall_clock, "job_seconds": JOB_SECONDS, "products": SETTINGS, **options}
    )


def client(simulator: Simulator) -> SalesManago:
    transport = httpx.ASGITransport(app=simulator)
    return SalesManago(
        DEMO_CREDENTIALS,
        owner=DEMO_OWNER,
        products_key=DEMO_PRODUCTS_KEY,
        transport=transport,
        clock=wall_clock,
        random=Random(7),
        poll_interval=10,
    )


def held(simulator: Simulator) -> dict[str, Any]:
    """Return the present content of an account, except for tokens and links."""
    store = simulator._store
    store.catch_up()
    sections = {kind.__name__: attrs.asdict(section) for kind, section in store._sections.items() if kind is not Tokens}
    return {
        "contacts": [attrs.asdict(contact) for contact in store.contacts.values()],
        "addresses": {email: ids for email, ids in store._by_email.items() if ids},
        "jobs": {number: attrs.asdict(job) for number, job in store.jobs.items()},
        "sections": filled(sections),
        "to do": sorted((plan.when, plan.seed) for plan in store._agenda),
        "owners": store.owners,
    }


def filled(value: Any) -> Any:
    """Leave out empty values: reading a section creates it, empty."""
    if not isinstance(value, Mapping):
        return value
    inner = {name: filled(part) for name, part in value.items()}
    return {name: part for name, part in inner.items() if part not in ({}, [])}


async def live(sm: SalesManago, simulator: Simulator) -> None:
    """Make a call of each kind, some of which take effect later."""
    ann = await sm.contacts.upsert(Contact(email=ANN, phone="1", tags=["A"], force_phone_opt_in=True))
    await anyio.sleep(1)
    await sm.contacts.upsert_many([Contact(email=f"c{number}@example.com") for number in range(5)])
    added = await sm.events.add(ExternalEvent(email=ANN, date=EPOCH_MS, contact_ext_event_type="CART"))
    await sm.events.add(ExternalEvent(email="late@example.com", date=EPOCH_MS, contact_ext_event_type="CART"))
    with pytest.raises(Refused):
        await sm.coupons.add("nobody@example.com", name="spring", length=10)
    await sm.coupons.add(ANN, name="spring", length=10)
    await sm.messages.send([Tag("A")], name="now", text_content="hi")
    await sm.messages.send([Tag("A")], name="soon", text_content="hi", time=EPOCH_MS + 10**6)
    await sm.funnels.add("Leads", stages=[FunnelStage("new", 1)])
    await sm.funnels.add_contact([Email(ANN)], funnel="Leads", stage="new")
    await sm.notes.add("a note", email=ANN)
    await sm.contacts.delete("c3@example.com")
    await sm.events.delete(event_id=str(added.event_id))
    simulator.faults = [Fault("failed-job", at=1), Fault("slow", seconds=50, path="contact/upsert", at=1)]
    await sm.send(BatchUpsertContacts([Contact(email="never@example.com")]))
    with anyio.move_on_after(10):
        await sm.contacts.upsert(Contact(email="slow@example.com"))
    await anyio.sleep(60)
    await sm.send(BatchUpsertContacts([Contact(email="later@example.com")]))
    await sm.contacts.export([Email(ANN)])
    assert (await sm.contacts.has("slow@example.com")).result
    assert ann.contact_id


EPOCH_MS = int(EPOCH * 1000)


@pytest.mark.anyio
async def test_the_next_simulator_has_the_same_account(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    first = opened(path)
    async with client(first) as sm:
        await live(sm, first)
    first.close()
    second = opened(path)
    assert held(second) == held(first)
    await anyio.sleep(5000)  # scheduled acts happen in the same way
    assert held(second) == held(first)
    assert {contact.email for contact in second._store.contacts.values()} >= {"later@example.com", "slow@example.com"}
    assert "never@example.com" not in second._store._by_email
    second.close()


async def play(script: list[Step], path: Path) -> None:
    first = opened(path, job_seconds=test_model.JOB_SECONDS)
    model = nothing()
    async with client(first) as sm:
        for step in script:
            await step(sm, model)
    first.close()
    second = opened(path)
    try:
        assert held(second) == held(first)
    finally:
        second.close()


@settings(max_examples=examples(40), deadline=None)
@given(first_steps, st.lists(steps, min_size=5, max_size=30))
def test_the_next_simulator_has_the_same_account_after_any_calls(first: list[Step], then: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "account.db"
        anyio.run(play, [*first, *then], path, backend_options={"loop_factory": VirtualTimeLoop})


@pytest.mark.anyio
async def test_a_state_file_can_be_opened_repeatedly_with_other_settings(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    for number, job_seconds in enumerate((0.0, 1000.0, 5.0), 1):
        owner = f"{number}@vendor.pl"
        simulator = opened(path, job_seconds=job_seconds, owners=(DEMO_OWNER, owner))
        async with client(simulator) as sm:
            started = await sm.send(BatchUpsertContacts([Contact(email=f"c{number}@example.com")], owner=owner))
        assert started.request_id == number
        simulator.close()
    simulator = opened(path)
    assert simulator._store.owners == [DEMO_OWNER, "1@vendor.pl", "2@vendor.pl", "3@vendor.pl"]
    async with client(simulator) as sm:
        jobs = [sm.jobs.attach(number) for number in (1, 2, 3)]
        assert [(await job.status()).state for job in jobs] == ["done", "running", "running"]
        await anyio.sleep(5)
        assert [(await job.status()).state for job in jobs] == ["done", "running", "done"]
        await sm.contacts.upsert_many([Contact(email=ANN)])  # takes as long as the new setting says
        found = await sm.contacts.get(["c3@example.com", ANN])
    times = [EPOCH + 5, EPOCH + 5 + JOB_SECONDS]
    assert [contact.created_on for contact in found] == [datetime.fromtimestamp(time, UTC) for time in times]
    simulator.close()


@pytest.mark.anyio
async def test_a_state_file_is_private_and_holds_no_secret(tmp_path: Path, make_client: MakeClient) -> None:
    simulator = opened(tmp_path / "account.db")
    async with make_client(simulator) as sm:
        await sm.contacts.upsert(Contact(email=ANN))
        await sm.system.authorise(DEMO_OWNER, password=DEMO_PASSWORD)
        files = list(tmp_path.iterdir())
        assert {path.name for path in files} >= {"account.db", "account.db-wal"}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        written = b"".join(path.read_bytes() for path in files)
    simulator.close()
    mine = DEMO_CREDENTIALS
    assert ANN.encode() in written
    for secret in (mine.api_secret, mine.api_key, mine.signature(), DEMO_PASSWORD):
        assert str(secret).encode() not in written


def test_an_unusable_state_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all" * 1000)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE deeds (a)")
    other.close()
    for name, said in (
        ("text.db", "is not a state file"),
        ("other.db", "is not a state file"),
        ("no/such.db", "No such file"),
    ):
        with pytest.raises(Invalid, match=said) as refused:
            Simulator(state=tmp_path / name)
        assert refused.value.field == str(tmp_path / name)
    with pytest.raises(Invalid, match="directory"):
        Simulator(state=tmp_path)


def test_only_one_simulator_can_open_a_state_file(tmp_path: Path) -> None:
    first = Simulator(state=tmp_path / "account.db")
    with pytest.raises(Invalid, match="in use"):
        Simulator(state=tmp_path / "account.db")
    first.close()
    Simulator(state=tmp_path / "account.db").close()


def test_a_call_that_is_refused_now_is_named(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    Simulator(state=path).close()
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO deeds VALUES (1, 0.0, 0, 'contact/addNote', '{\"note\": \"a\"}', 1.0, 0)")
    database.close()
    for _ in range(2):  # the file is closed after the failure
        with pytest.raises(Invalid, match="call 1, to contact/addNote"):
            Simulator(state=path)


@pytest.mark.parametrize("step", ["owners", "calls"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), sqlite3.OperationalError("disk I/O error")])
def test_a_state_file_is_closed_if_opening_fails(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: Any) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(StateFile, step, end)
        expected = Invalid if isinstance(error, sqlite3.Error) else type(error)  # SQLite errors become Invalid
        with pytest.raises(expected) as raised:  # its traceback keeps the frames alive, and these the database
            Simulator(state=tmp_path / "account.db")
    Simulator(state=tmp_path / "account.db").close()
    assert str(error) in str(raised.value)


Catalogue = dict[str, dict[str, Any]]


class Direct:
    """A simulator that is called directly, without an event loop, with its own time."""

    def __init__(self, **options: Any) -> None:
        self.time = EPOCH
        self.simulator = Simulator(clock=lambda: self.time, job_seconds=JOB_SECONDS, **options)

    def post(self, path: str, sample: dict[str, Any]) -> dict[str, Any]:
        """Post a sample with the account's credentials, and return the answer, which must not be a refusal."""
        mine = DEMO_CREDENTIALS
        proof = {"clientId": mine.client_id, "apiKey": mine.api_key, "sha": mine.signature(), "requestTime": 1}
        body = {**sample, **({} if path == "system/authorise" else proof)}
        body.update({name: DEMO_OWNER for name in OWNERS if name in sample})
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": json.dumps(body).encode()}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": f"/api/{path}", "scheme": "http", "headers": headers}
        with suppress(StopIteration):
            self.simulator(scope, receive, send).send(None)
        answer: dict[str, Any] = json.loads(b"".join(message.get("body", b"") for message in sent))
        assert answer["success"] is True, answer
        return answer

    def post_samples(self, path: str, catalogue: Catalogue) -> None:
        """Post the documented samples of a path, after the calls that they need."""
        if path in {"funnel/addContact", "funnel/count", "funnel/delete"}:
            self.post_samples("funnel/add", catalogue)
        for sample in catalogue[path]["requests"]:
            other = PREPARE[path](self.post, sample) if path in PREPARE else None
            before = held(self.simulator)
            self.post(path, {**sample, **(other if isinstance(other, dict) else {})})
            assert not REQUESTS[path].changes_nothing or held(self.simulator) == before


SAMPLES = sorted(REQUESTS.keys() - {"email/sendWithAttachment", "job/status"})  # a form; and see below


@pytest.mark.sampled
@pytest.mark.parametrize("path", SAMPLES)
def test_every_sample_that_changes_the_account_is_stored(path: str, catalogue: Catalogue, tmp_path: Path) -> None:
    first = Direct(state=tmp_path / "account.db")
    first.post_samples(path, catalogue)
    first.simulator.close()
    second = Direct(state=tmp_path / "account.db")
    for direct in (first, second):
        direct.time += 10 * JOB_SECONDS
    assert held(second.simulator) == held(first.simulator)
    second.simulator.close()


def test_polling_a_job_changes_nothing(catalogue: Catalogue) -> None:
    direct = Direct()
    number = direct.post("contact/export/data", catalogue["contact/export/data"]["requests"][0])["requestId"]
    for field in ("message", "fileUrl"):
        before = held(direct.simulator)
        assert direct.post("job/status", {"requestId": number})[field]
        assert held(direct.simulator) == before
        direct.time += JOB_SECONDS


def test_calls_that_are_not_stored_can_be_repeated() -> None:
    assert all(known.repeatable for known in REQUESTS.values() if known.changes_nothing)
