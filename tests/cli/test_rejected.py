"""`salesmanago rejected`: what an app's buffer could not get rid of comes out of its file."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from salesmanago_async import ExternalEvent, SalesManago
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


def test_a_file_that_is_no_queue_is_named(run: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello " * 100)
    for name in ("missing.db", "notes.txt"):
        shown = run("rejected", tmp_path / name, folder=tmp_path)
        assert (shown.returncode, name in shown.stderr) == (2, True)
    assert not (tmp_path / "missing.db").exists()
