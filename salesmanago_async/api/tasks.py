"""contact/updateTask: tasks about contacts (reference: "API - Tasks")."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from attrs import field, frozen

from ..errors import Invalid
from .fields import EmailText, Form, JsonPath, LongText, Moment, NameText, Text
from .request import Answer, Request

__all__ = ["UpdateTask"]

TaskReminder: TypeAlias = Literal["15_MIN", "30_MIN", "1_HOUR", "12_HOUR", "1_DAY", "1_WEEK"] | str
"""How long before a task its reminder is sent: an open set."""


@frozen(kw_only=True)
class Task:
    """A task about a contact. A new one needs `contact_email`, `date` and `reminder`; an existing one needs `id`.

    `note` takes 2048 characters; `cc`, addresses that are reminded too, 255 as text with commas or as a sequence.
    `date` is an aware datetime or UNIX milliseconds. `realized=True` marks the task as completed.
    """

    contact_email: EmailText | None = None
    id: NameText | None = None
    note: LongText | None = None
    date: Moment | None = None
    cc: Annotated[str | Sequence[str] | None, Form.COMMA_LIST, Text(255)] = None
    reminder: Annotated[TaskReminder | None, Text(255, clearable=False)] = None
    realized: bool | None = None


@frozen(kw_only=True)
class TaskUpdated(Answer):
    """`task_id` is the id of the task that was added, changed or deleted."""

    task_id: str | None = None


@frozen
class UpdateTask(Request[TaskUpdated]):
    """Add a task, change the one with `task.id`, or delete it with `finished=True` (reference: "Contacts' tasks")."""

    path = "contact/updateTask"
    needs_owner = False
    repeatable = False
    task: Annotated[Task, JsonPath("smContactTaskReq")]
    finished: bool = field(default=False, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if a task without an id is to be deleted, or if a new one lacks a required field."""
        task = body["smContactTaskReq"]
        needed = ("id",) if body["finished"] else () if "id" in task else ("contactEmail", "date", "reminder")
        for name in needed:
            if name not in task:
                raise Invalid("is missing", field=f"smContactTaskReq.{name}")
