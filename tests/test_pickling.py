"""Errors, reports and values can be pickled and copied without changes."""

import copy
import importlib
import inspect
import pickle
import pkgutil
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import MappingProxyType
from typing import Any

import pytest
from attrs import asdict

import salesmanago_async
from salesmanago_async import (
    Contact,
    Credentials,
    ExternalEvent,
    Login,
    Outcome,
    Refused,
    Report,
    Retries,
    SalesManago,
    SalesManagoError,
    ServerFault,
    Tag,
    Timeouts,
)
from salesmanago_async.api.contacts import HasContact, UpsertContact
from salesmanago_async.connection.identity import Difference
from salesmanago_async.jobs import JobStatus

REQUEST = UpsertContact(Contact(email="ann@example.com", tags=["VIP"]))
REPORT = Report(
    read=3,
    accepted=1,
    rejected=1,
    in_doubt=1,
    stopped=ServerFault("the server answered 502", status=502, request=HasContact("ann@example.com")),
    problems=(Outcome({"email": "x"}, 1, "rejected", "email: is not an e-mail address"),),
    reasons={"email: is not an e-mail address": 1},
)

SAMPLES: dict[str, Any] = {
    "suggestions": {"E-mail address": "email", "Colour": None},
    "others": {"First Name": "name", "Colour": None},
    "message": "something went wrong",
    "rule": "is not an e-mail address",
    "field": "email",
    "sent": None,
    "timed_out": True,
    "messages": ["first", "second"],
    "values": {"email": "is wrong"},
    "status": 502,
    "retry_after": 12.5,
    "request_id": 37,
    "waited": 61.0,
    "report": REPORT,
    "request": REQUEST,
    "difference": Difference("owner", "a fingerprint", "another"),
}
"""Arguments of errors by name; an argument that is not here gets a text."""

OF_A_STAGE_OF_ITS_OWN = ("airflow", "dlt", "pyspark")
"""What some integrations need and `dev` does not install: see .ci/past_one_machine."""

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "oldest pickle": lambda value: pickle.loads(pickle.dumps(value, 0)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def all_errors() -> list[type[SalesManagoError]]:
    """Return every error class of the library, in any module; new ones are found automatically."""
    for module in pkgutil.walk_packages(salesmanago_async.__path__, "salesmanago_async."):
        if "__main__" in module.name:
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in OF_A_STAGE_OF_ITS_OWN:
                raise
    found: list[type[SalesManagoError]] = [SalesManagoError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return list(dict.fromkeys(found))


def sample_of(kind: type[SalesManagoError]) -> SalesManagoError:
    parameters = inspect.signature(kind).parameters.values()
    usual = [SAMPLES.get(each.name, "some text") for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    named = {each.name: SAMPLES.get(each.name, "some text") for each in parameters if each.kind is each.KEYWORD_ONLY}
    error = kind(*usual, **named)
    error.maybe_applied = error.in_doubt = True
    error.add_note("noted")
    return error


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_can_be_copied_and_sent(kind: type[SalesManagoError], how: str) -> None:
    error = sample_of(kind)
    again = COPIES[how](error)
    assert type(again) is kind
    assert (str(again), again.args) == (str(error), error.args)
    assert _plain(again) == _plain(error)
    again.add_note("of the copy")
    assert error.__notes__ == ["noted"]


def _plain(error: SalesManagoError) -> dict[str, Any]:
    """Return the attributes of an error; errors inside, as in a report, are compared by their texts."""
    found = dict(vars(error))
    if isinstance(found.get("report"), Report):
        found["report"] = _as_text(found["report"])
    return found


def _as_text(report: Report) -> str:
    return str(asdict(report))


@pytest.mark.parametrize("how", COPIES)
def test_reports_and_outcomes_can_be_copied_and_sent(how: str) -> None:
    again: Report = COPIES[how](REPORT)
    assert _as_text(again) == _as_text(REPORT)
    assert again.problems == REPORT.problems
    assert isinstance(again.stopped, ServerFault)
    assert again.stopped.request == HasContact("ann@example.com")


async def people() -> AsyncGenerator[dict[str, str]]:
    yield {"email": "no address"}
    yield {"email": "ann@example.com"}


@pytest.mark.anyio
@pytest.mark.parametrize("how", COPIES)
async def test_the_report_of_a_real_run_can_be_copied_and_sent(sm: SalesManago, how: str) -> None:
    for dry_run in (False, True):
        report = await sm.contacts.upsert_many(people(), dry_run=dry_run)
        again = COPIES[how](report)
        assert again.as_dict() == report.as_dict()
        assert again == report


@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_a_record_that_cannot_be_pickled_is_sent_as_its_fields_or_left_out(protocol: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    row = connection.execute("select 'x' as email, 1 as number").fetchone()
    connection.close()
    sent = [pickle.loads(pickle.dumps(Outcome(record, 0, "rejected", "why"), protocol)) for record in (row, lambda: 1)]
    assert [outcome.record for outcome in sent] == [{"email": "x", "number": 1}, None]
    assert copy.copy(Outcome(row, 0, "rejected")).record is row


@pytest.mark.parametrize("how", COPIES)
def test_an_error_with_a_request_that_cannot_be_pickled_can_be_sent(how: str) -> None:
    contact = Contact(email="ann@example.com", properties=MappingProxyType({"size": "XL"}))
    error = ServerFault("the server answered 502", status=502, request=UpsertContact(contact))
    again = COPIES[how](error)
    assert (str(again), again.status) == (str(error), 502)
    assert again.request is (None if "pickle" in how else error.request)


VALUES = [
    Credentials(client_id="c", api_key="k", api_secret="s3cret"),
    Login(user_name="u", password="s3cret"),
    Retries(tries=3),
    Timeouts(read=5.0),
    JobStatus("done", ("ready",), "https://files.example.com/f?Signature=s3cret"),
    Contact(email="ann@example.com", properties={"size": "XL"}),
    ExternalEvent(email="ann@example.com", date=1_700_000_000_000, contact_ext_event_type="VISIT"),
    Tag("VIP"),
    REQUEST,
]


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_can_be_copied_and_sent(value: Any, how: str) -> None:
    again = COPIES[how](value)
    assert again == value
    assert "s3cret" not in repr(again)


def test_a_job_refuses_pickling_and_names_the_alternative(make_client: Callable[..., SalesManago]) -> None:
    job = make_client(None).jobs.attach(37)
    with pytest.raises(TypeError, match="send its request_id"):
        pickle.dumps(job)


def fail() -> None:
    raise Refused(["no such contact"], values={"email": "is unknown"}, status=400, request=HasContact("a@example.com"))


def report() -> Report:
    return REPORT


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as found:
        yield found


def test_errors_and_reports_can_be_returned_by_another_process(pool: ProcessPoolExecutor) -> None:
    with pytest.raises(Refused, match="no such contact") as refused:
        pool.submit(fail).result()
    assert refused.value.messages == ("no such contact",)
    assert refused.value.request == HasContact("a@example.com")
    assert _as_text(pool.submit(report).result()) == _as_text(REPORT)
