"""Events: each is one log record, whose facts structlog and JSON formatters see, under documented names."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from attrs import fields
from pythonjsonlogger.json import JsonFormatter

from salesmanago_async import Contact, telemetry
from salesmanago_async.simulator import Fault, Simulator
from salesmanago_async.telemetry import buffer_events, connection_events, events, job_events, run_events, tell
from tests.conftest import MakeClient, wall_clock

KINDS = [
    kind
    for module in (run_events, connection_events, job_events, buffer_events)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, events.Event) and name != "Event" and name[0] != "_"
]
SAMPLES: dict[str, Any] = {
    "kind": "contacts",
    "counts": "1 read: 1 accepted",
    "path": "contact/hasContact",
    "failure": "503",
    "wait_seconds": 1.5,
    "seconds_left": 300.0,
    "seconds": 3.0,
    "job_state": "done",
    "state": "rejected",
    "journal": "signups.db",
    "quota": "night",
    "place": "line 1",
}
"""Values of fields; all others are numbers."""


def sample(kind: type[events.Event], *, whole: bool) -> events.Event:
    """Return an event with all of its fields, or only with those that it needs."""
    given = [one for one in fields(kind) if whole or one.default is not None]
    return kind(**{one.name: SAMPLES.get(one.name, 7) for one in given})


def test_there_are_events() -> None:
    assert len(KINDS) > 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whole", [True, False])
def test_each_event_is_a_readable_record(
    kind: type[events.Event], caplog: pytest.LogCaptureFixture, *, whole: bool
) -> None:
    caplog.set_level(logging.DEBUG, "salesmanago_async")
    event = sample(kind, whole=whole)
    tell(event)
    (record,) = caplog.records
    assert record.name == f"salesmanago_async.{kind.logger}"
    assert record.levelno == event.severity()
    assert "%(" not in record.getMessage()
    assert "None" not in record.getMessage()
    assert record.filename == "test_events.py"
    facts = {name: value for name, value in vars(record).items() if name.startswith("sm_")}
    assert facts == event.facts()


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_is_documented(kind: type[events.Event]) -> None:
    documented = set(re.findall(r"\bsm_\w+", telemetry.__doc__ or ""))
    assert sample(kind, whole=True).facts().keys() <= documented


def test_each_documented_field_exists() -> None:
    documented = set(re.findall(r"\bsm_\w+", telemetry.__doc__ or "")) - {"sm_"}
    assert documented == {name for kind in KINDS for name in sample(kind, whole=True).facts()}


def test_a_record_factory_of_the_program_is_in_no_conflict() -> None:
    """Web frameworks add attributes such as `request_id` to each record; `extra=` must not overwrite them."""
    factory = logging.getLogRecordFactory()

    def with_names(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        vars(record).update(dict.fromkeys(("request_id", "path", "kind", "event", "state", "job_id"), "theirs"))
        return record

    logging.setLogRecordFactory(with_names)
    try:
        for kind in KINDS:
            tell(sample(kind, whole=True), logging.CRITICAL)
    finally:
        logging.setLogRecordFactory(factory)


@pytest.fixture
def written() -> Iterator[Callable[[logging.Formatter], StringIO]]:
    """Return a function that makes the library's loggers write to a text with a formatter."""
    logger, stream = logging.getLogger("salesmanago_async"), StringIO()
    handler, level = logging.StreamHandler(stream), logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)

    def with_formatter(formatter: logging.Formatter) -> StringIO:
        handler.setFormatter(formatter)
        return stream

    yield with_formatter
    logger.removeHandler(handler)
    logger.setLevel(level)


FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {
    "json": lambda: JsonFormatter("%(name)s %(levelname)s %(message)s"),
    "structlog": lambda: structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("formatter", FORMATTERS)
async def test_formatters_show_the_facts_as_fields(
    make_client: MakeClient, written: Callable[[logging.Formatter], StringIO], formatter: str
) -> None:
    stream = written(FORMATTERS[formatter]())
    simulator = Simulator(faults=[Fault("504", path="contact/batchupsertv2", at=1)], clock=wall_clock)
    async with make_client(simulator) as sm:
        await sm.contacts.upsert_many([Contact(email="ann@example.com")])
    lines = {line.pop("sm_event"): line for line in map(json.loads, stream.getvalue().splitlines())}
    assert [*lines] == ["run_began", "limit_lowered", "retry", "job_is_started", "job_ended", "run_ended"]
    assert lines["run_ended"]["message"] == "A run of contacts has ended: 1 read: 1 accepted"
    assert (lines["run_ended"]["sm_kind"], lines["run_ended"]["sm_accepted"]) == ("contacts", 1)
    assert (lines["retry"]["sm_path"], lines["retry"]["sm_failure"]) == ("contact/batchupsertv2", "504")
    assert (lines["retry"]["sm_attempt"], lines["limit_lowered"]["sm_limit"]) == (2, 1)
    assert lines["job_ended"]["sm_job_id"] == lines["job_is_started"]["sm_job_id"]
