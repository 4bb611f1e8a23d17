"""Tasks and notes of the simulated account, tested through the client."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from salesmanago_async import Contact, ContactExport, Email, Refused, SalesManago
from salesmanago_async.api.contact_details import ContactDetails
from salesmanago_async.api.tasks import Task

pytestmark = pytest.mark.anyio

ANN, BOB = "ann@example.com", "bob@example.com"
NOW = datetime.fromtimestamp(1_700_000_000, UTC)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def contact(sm: SalesManago, email: str = ANN) -> ContactDetails:
    (found,) = await sm.contacts.get([email])
    return found


async def exported(sm: SalesManago, part: str) -> ContactExport:
    async with (await sm.contacts.export([Email(ANN)], [part])).records() as records:
        (record,) = [record async for record in records]
    return record


async def new_task(sm: SalesManago, **options: Any) -> str:
    await sm.contacts.upsert(Contact(email=ANN))
    added = await sm.tasks.add(ANN, **{"date": NOON, "reminder": "30_MIN", "note": "Call", **options})
    assert added.task_id
    return added.task_id


async def test_a_task_is_listed_and_exported(sm: SalesManago) -> None:
    task_id = await new_task(sm, cc=["a@x.pl", "b@x.pl"])
    (task,) = (await contact(sm)).contact_tasks
    assert (task.id, task.note, task.date, task.cc) == (task_id, "Call", NOON, "a@x.pl,b@x.pl")
    assert (await exported(sm, "TASKS")).tasks_data == (task,)


@pytest.mark.parametrize(
    ("reminder", "before"),
    [
        ("15_MIN", 15 * MINUTE),
        ("30_MIN", 30 * MINUTE),
        ("1_HOUR", HOUR),
        ("12_HOUR", 12 * HOUR),
        ("1_DAY", 24 * HOUR),
        ("1_WEEK", 7 * 24 * HOUR),
    ],
)
async def test_a_reminder_is_due_before_the_task(reminder: str, before: timedelta, sm: SalesManago) -> None:
    await new_task(sm, reminder=reminder)
    (task,) = (await contact(sm)).contact_tasks
    assert task.reminder == NOON - before


async def test_a_change_keeps_the_other_fields(sm: SalesManago) -> None:
    first, second = await new_task(sm), await new_task(sm, note="Write")
    assert first != second
    changed = await sm.tasks.update(Task(id=first, date=NOON + HOUR))
    assert changed.task_id == first
    await sm.tasks.update(Task(id=second, note="Visit", reminder="1_HOUR"))
    one, two = (await contact(sm)).contact_tasks
    assert (one.note, one.date, one.reminder) == ("Call", NOON + HOUR, NOON + HOUR - 30 * MINUTE)
    assert (two.note, two.date, two.reminder) == ("Visit", NOON, NOON - HOUR)


async def test_a_task_can_move_to_another_contact(sm: SalesManago) -> None:
    task_id = await new_task(sm)
    await sm.contacts.upsert(Contact(email=BOB))
    await sm.tasks.update(Task(id=task_id, contact_email=BOB))
    assert (await contact(sm)).contact_tasks == ()
    assert [task.id for task in (await contact(sm, BOB)).contact_tasks] == [task_id]


async def test_a_completed_task_stays_and_a_deleted_one_disappears(sm: SalesManago) -> None:
    task_id = await new_task(sm)
    assert (await sm.tasks.complete(task_id)).task_id == task_id
    assert [task.id for task in (await contact(sm)).contact_tasks] == [task_id]
    assert (await sm.tasks.delete(task_id)).task_id == task_id
    assert (await contact(sm)).contact_tasks == ()
    for again in (sm.tasks.delete(task_id), sm.tasks.complete(task_id)):
        with pytest.raises(Refused, match="Task does not exist"):
            await again


async def test_an_invalid_task_is_refused_and_changes_nothing(sm: SalesManago) -> None:
    task_id = await new_task(sm)
    with pytest.raises(Refused, match="reminder"):
        await sm.tasks.update(Task(id=task_id, reminder="2_DAY", note="x"))
    with pytest.raises(Refused, match="Contact does not exist"):
        await sm.tasks.update(Task(id=task_id, contact_email="nobody@example.com", note="x"))
    with pytest.raises(Refused, match="Contact does not exist"):
        await sm.tasks.add("nobody@example.com", date=NOON, reminder="1_DAY")
    (task,) = (await contact(sm)).contact_tasks
    assert (task.note, task.reminder) == ("Call", NOON - 30 * MINUTE)


async def test_a_note_is_listed_and_exported(sm: SalesManago) -> None:
    made = await sm.contacts.upsert(Contact(email=ANN))
    answer = await sm.notes.add("Likes blue", email=ANN)
    await anyio.sleep(60)
    await sm.notes.add("Rude", contact_id=made.contact_id, priv=True)
    assert answer.message == ("Note was added to contact",)
    notes = (await contact(sm)).contact_notes
    assert [(note.note, note.date, note.priv) for note in notes] == [
        ("Likes blue", NOW, False), ("Rude", NOW + MINUTE, True),
    ]  # fmt: skip
    assert (await exported(sm, "NOTES")).notes_data == notes


async def test_a_note_without_contact_or_owner_is_refused(sm: SalesManago) -> None:
    with pytest.raises(Refused, match="Contact does not exist"):
        await sm.notes.add("Hi", email=ANN)
    with pytest.raises(Refused, match="invalid owner"):
        await sm.notes.add("Hi", email=ANN, owner="nobody@vendor.pl")
