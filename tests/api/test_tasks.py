"""The request contact/updateTask."""

from datetime import UTC, datetime
from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.api.tasks import Task, UpdateTask
from salesmanago_async.errors import Invalid

NEW: dict[str, Any] = {"contactEmail": "ann@example.com", "date": 1714564800000, "reminder": "1_DAY"}


def test_a_new_task_is_written_with_its_parts_in_one_object() -> None:
    when = datetime(2024, 5, 1, 12, tzinfo=UTC)
    task = Task(contact_email="ann@example.com", date=when, reminder="1_DAY", cc=["a@x.pl", "b@x.pl"])
    assert api.write_request(UpdateTask(task)) == {
        "finished": False, "smContactTaskReq": {**NEW, "cc": "a@x.pl,b@x.pl"},
    }  # fmt: skip


@pytest.mark.parametrize("left_out", ["contactEmail", "date", "reminder"])
def test_a_new_task_needs_contact_date_and_reminder(left_out: str) -> None:
    task = {name: value for name, value in NEW.items() if name != left_out}
    with pytest.raises(Invalid, match="missing") as caught:
        api.read_request("contact/updateTask", {"smContactTaskReq": {"note": "Call", **task}})
    assert caught.value.field == f"smContactTaskReq.{left_out}"


def test_an_existing_task_needs_its_id_only() -> None:
    for finished in (True, False):
        body = {"finished": finished, "smContactTaskReq": {"id": "T1", "note": "x"}}
        assert api.write_request(api.read_request("contact/updateTask", body)) == body


def test_deleting_a_task_needs_its_id() -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request("contact/updateTask", {"finished": True, "smContactTaskReq": NEW})
    assert caught.value.field == "smContactTaskReq.id"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contactEmail", "ann"),
        ("id", "x" * 256),
        ("note", "x" * 2049),
        ("cc", "x" * 256),
        ("reminder", "x" * 256),
        ("date", "soon"),
        ("realized", "perhaps"),
    ],
)
def test_an_invalid_field_is_refused_and_named(name: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request("contact/updateTask", {"smContactTaskReq": {**NEW, name: value}})
    assert caught.value.field == f"smContactTaskReq.{name}"


def test_updating_a_task_is_not_repeatable() -> None:
    assert UpdateTask.repeatable is False
