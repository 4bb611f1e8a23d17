"""`sm.tasks`: tasks about contacts."""

from collections.abc import Sequence
from datetime import datetime

from ..api.tasks import Task, TaskReminder, TaskUpdated, UpdateTask
from .group import Group, call


class Tasks(Group):
    """Calls about tasks (reference: "API - Tasks")."""

    update = call(UpdateTask)

    async def add(
        self,
        contact_email: str,
        *,
        date: datetime | int,
        reminder: TaskReminder,
        note: str | None = None,
        cc: str | Sequence[str] | None = None,
    ) -> TaskUpdated:
        """Add a task about a contact; see `Task` for the arguments."""
        task = Task(contact_email=contact_email, date=date, reminder=reminder, note=note, cc=cc)
        return await self._connection.send(UpdateTask(task))

    async def complete(self, task_id: str) -> TaskUpdated:
        """Mark a task as completed."""
        return await self._connection.send(UpdateTask(Task(id=task_id, realized=True)))

    async def delete(self, task_id: str) -> TaskUpdated:
        """Delete a task."""
        return await self._connection.send(UpdateTask(Task(id=task_id), finished=True))
