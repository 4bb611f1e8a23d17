"""contact/updateTask: adds, changes and deletes tasks."""

from collections.abc import Mapping
from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact

_MINUTE, _HOUR = 60_000, 3_600_000
REMINDERS = {
    "15_MIN": 15 * _MINUTE,
    "30_MIN": 30 * _MINUTE,
    "1_HOUR": _HOUR,
    "12_HOUR": 12 * _HOUR,
    "1_DAY": 24 * _HOUR,
    "1_WEEK": 7 * 24 * _HOUR,
}
"""Reminder → how many milliseconds before the task it is due."""


def update(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """contact/updateTask. [guess] the texts for an unknown task or contact.

    A completed task is kept: only `finished` is documented to delete a task, and no answer contains `realized`.
    """
    given = body["smContactTaskReq"]
    if given.get("reminder", "15_MIN") not in REMINDERS:
        raise RefusedCall(f"reminder: {given['reminder']} is not one of {', '.join(REMINDERS)}")
    if body["finished"]:
        holder, task = _found(store, given["id"])
        holder.tasks.remove(task)
    elif "id" in given:
        task = _change(store, given)
    else:
        task = {"id": store.new_id(), "note": None, "cc": "", **_timed(given, {})}
        _contact(store, given["contactEmail"]).tasks.append(task)
    return {"taskId": task["id"]}


def _change(store: AccountStore, given: Mapping[str, Any]) -> dict[str, Any]:
    """Change the given fields of a task, and keep the others [guess: as elsewhere in this API]."""
    holder, task = _found(store, given["id"])
    target = _contact(store, given["contactEmail"]) if "contactEmail" in given else holder
    task.update(_timed(given, task))
    if target is not holder:
        holder.tasks.remove(task)
        target.tasks.append(task)
    return task


def _timed(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields, with the reminder as the time it is due."""
    lead = REMINDERS[given["reminder"]] if "reminder" in given else before["date"] - before["reminder"]
    date = given.get("date", before.get("date"))
    texts = {name: given[name] for name in ("note", "cc") if name in given}
    return {**texts, "date": date, "reminder": date - lead}


def _found(store: AccountStore, task_id: str) -> tuple[StoredContact, dict[str, Any]]:
    for contact in store.contacts.values():
        for task in contact.tasks:
            if task["id"] == task_id:
                return contact, task
    raise RefusedCall("Task does not exist")


def _contact(store: AccountStore, email: str) -> StoredContact:
    contact = store.find({"email": email})
    if contact is None:
        raise RefusedCall("Contact does not exist")
    return contact


HANDLERS: dict[str, Handler] = {"contact/updateTask": update}
