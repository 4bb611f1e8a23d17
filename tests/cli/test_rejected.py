"""`salesmanago rejected`: what an app's buffer could not get rid of comes out of its file."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from salesmanago_async import ExternalEvent, SalesManago
from salesmanago_async.outcome import State
from salesmanago_async.stores.queue import StoredQueue
from tests.serving import serving

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    """The file of an app that was killed: two events are rejected in it, one waits."""
    path = tmp_path / "events.db"

    async def leave() -> None:
        with serving() as environ:
            async with SalesManago.from_env(environ) as sm, sm.events.buffer(journal=path, max_delay=0.1) as buffer:
                for number in range(2):
                    await buffer.confirm(event(number))

    asyncio.run(leave())
    return path


def event(number: int) -> ExternalEvent:
    return ExternalEvent(email=f"nobody{number}@example.com", date=1_700_000_000_000, contact_ext_event_type="VISIT")


def test_they_are_written_as_they_can_be_imported(run: Command, queue: Path, tmp_path: Path) -> None:
    shown, again_shown = (run("rejected", queue, folder=tmp_path) for _ in range(2))
    assert (shown.returncode, shown.stderr) == (0, "2 rejected, 0 to be sent\n")
    assert again_shown.stdout == shown.stdout
    found = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [one["email"] for one in found] == ["nobody0@example.com", "nobody1@example.com"]
    assert all("failed" in one["_reason"] for one in found)
    again = tmp_path / "again.jsonl"
    again.write_text(shown.stdout)
    imported = run("import", "events", again, "--dry-run", folder=tmp_path)
    assert imported.returncode == 0, imported.stderr


def test_what_was_written_can_be_forgotten(run: Command, queue: Path, tmp_path: Path) -> None:
    assert len(run("rejected", queue, "--forget", folder=tmp_path).stdout.splitlines()) == 2
    assert run("rejected", queue, folder=tmp_path).stderr == "0 rejected, 0 to be sent\n"


async def fill(path: Path, states: Sequence[State]) -> None:
    queue, _ = await StoredQueue.open(path, {"kind": "buffer of contacts"})
    for number, state in enumerate(states, 1):
        await queue.insert(number, b'{"contact":{"email":"ann@example.com"}}')
        await queue.mark([number], state, chunk=number, request_id=7 if state == "submitted" else None)
    await queue.aclose()


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["not_sent", "in_doubt", "rejected"], "1 rejected, 2 to be sent"),
        (
            ["submitted", "not_sent"],
            "0 rejected, 1 to be sent, 1 sent and not yet confirmed (the next start of the app polls the jobs)",
        ),
    ],
)
def test_what_is_sent_and_not_confirmed_is_not_to_be_sent(
    run: Command, tmp_path: Path, states: Sequence[State], said: str
) -> None:
    asyncio.run(fill(tmp_path / "signups.db", states))
    assert run("rejected", "signups.db", folder=tmp_path).stderr == f"{said}\n"


def test_the_files_of_other_workers_are_named(run: Command, tmp_path: Path) -> None:
    names = ["signups.db", "signups.2.db", "signups.3.db"]
    for name in [*names, "signups-old.db"]:
        asyncio.run(fill(tmp_path / name, ["rejected"]))
    for name in names:
        shown = run("rejected", name, folder=tmp_path)
        others = ", ".join(sorted(set(names) - {name}))
        assert shown.stderr == (
            "1 rejected, 0 to be sent\n"
            f"Not counted: {others}, of other workers; run `salesmanago rejected` on each of them, too\n"
        )
        assert len(shown.stdout.splitlines()) == 1


def test_a_file_that_an_app_has_open_says_to_stop_it(run: Command, tmp_path: Path) -> None:
    async def ask_while_open() -> subprocess.CompletedProcess[str]:
        queue, _ = await StoredQueue.open(tmp_path / "signups.db", {"kind": "buffer of contacts"})
        try:
            return run("rejected", "signups.db", folder=tmp_path)
        finally:
            await queue.aclose()

    shown = asyncio.run(ask_while_open())
    assert shown.returncode == 2
    assert "signups.db: is in use by a running app or command; stop that first" in shown.stderr


def test_a_file_that_is_no_queue_is_named(run: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello " * 100)
    for name in ("missing.db", "notes.txt"):
        shown = run("rejected", tmp_path / name, folder=tmp_path)
        assert (shown.returncode, name in shown.stderr) == (2, True)
    assert not (tmp_path / "missing.db").exists()
