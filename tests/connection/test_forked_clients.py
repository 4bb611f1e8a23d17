"""Processes that are forked after a client was made: no socket, buffer or random number is shared with the parent."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import Simulator
from tests.serving import SlowAccount, serving, serving_account

pytestmark = [pytest.mark.ci, pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")]

COMMON = """
import asyncio, multiprocessing, os, sys, traceback
from salesmanago_async import ClientClosed, JournalFailed, SalesManago

def begun(act):
    \"\"\"Begin something in a forked child, as multiprocessing does.\"\"\"
    sys.stdout.flush()
    child = multiprocessing.get_context("fork").Process(target=act)
    child.start()
    return child

def ended(child):
    \"\"\"Wait for the end of a child.\"\"\"
    child.join(20)
    assert child.exitcode == 0, child.exitcode

def refused(error, work):
    \"\"\"Print why something is refused in an event loop of its own.\"\"\"
    async def try_it():
        try:
            await work()
        except error as raised:
            print(type(raised).__name__, "forked" if "before this process was forked" in str(raised) else raised)
    asyncio.run(asyncio.wait_for(try_it(), 10))
"""


def run(script: str, folder: Path, environ: dict[str, str], *arguments: Any) -> list[str]:
    """Run a script, and return what it prints."""
    (folder / "script.py").write_text(COMMON + script)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "script.py", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env={**environ}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


USED = """
async def main():
    transport = "aiohttp" if sys.argv[1] == "aiohttp" else None
    async with SalesManago.from_env(transport=transport) as sm:
        await sm.tags.list()
        asked = asyncio.create_task(sm.tags.list())
        await asyncio.sleep(0.1)

        def child():
            refused(ClientClosed, sm.tags.list)
            refused(ClientClosed, lambda: sm.contacts.upsert_many([{"email": "ann@example.com"}]))
            asyncio.run(sm.aclose())

        await asyncio.to_thread(ended, begun(child))
        print((await asyncio.wait_for(asked, 10)).success, (await sm.tags.list()).success)

asyncio.run(main())
"""


@pytest.mark.parametrize("transport", ["httpx", "aiohttp"])
def test_a_client_in_use_is_the_parents_and_closing_it_in_a_child_cuts_off_nothing(
    transport: str, tmp_path: Path
) -> None:
    with serving_account(SlowAccount(latency=0.5)) as environ:
        shown = run(USED, tmp_path, environ, transport)
    assert shown == ["ClientClosed forked", "ClientClosed forked", "True True"]


UNUSED = """
sm = SalesManago.from_env()

def child():
    async def use():
        async with sm:
            print((await sm.tags.list()).success, sm._connection.random.random())
    asyncio.run(use())

ended(begun(child))
ended(begun(child))
child()
"""


def test_a_client_that_was_not_used_works_in_every_child_and_waits_at_random_in_each(tmp_path: Path) -> None:
    with serving() as environ:
        shown = [line.split() for line in run(UNUSED, tmp_path, environ)]
    assert [success for success, _ in shown] == ["True"] * 3
    assert len({number for _, number in shown}) == 3


BUFFERS = """
async def main():
    async with SalesManago.from_env(poll_interval=0.1) as sm, sm.contacts.buffer(journal="people.db") as buffer:
        await buffer.add({"email": "ann@example.com"})

        def child():
            refused(ClientClosed, lambda: buffer.add({"email": "child@example.com"}))
            asyncio.run(buffer.aclose())
            asyncio.run(sm.aclose())

        await asyncio.to_thread(ended, begun(child))
        await buffer.add({"email": "bob@example.com"})
        await asyncio.wait_for(buffer.join(), 10)

asyncio.run(main())
"""

BLOCKING_BUFFERS = """
from salesmanago_async import blocking

with blocking.SalesManago.from_env(poll_interval=0.1) as sm, sm.contacts.buffer(journal="people.db") as buffer:
    buffer.add({"email": "ann@example.com"})

    def child():
        try:
            buffer.add({"email": "child@example.com"})
        except ClientClosed as raised:
            print("ClientClosed", "forked" if "before this process was forked" in str(raised) else raised)
        buffer.close()
        sm.close()

    ended(begun(child))
    buffer.add({"email": "bob@example.com"})
    buffer.join()
"""


@pytest.mark.parametrize("script", [BUFFERS, BLOCKING_BUFFERS], ids=["async", "blocking"])
def test_a_buffer_with_a_journal_is_the_parents(script: str, tmp_path: Path) -> None:
    simulator = Simulator(job_seconds=0.0)
    with serving_account(simulator) as environ:
        shown = run(script, tmp_path, environ)
        assert shown == ["ClientClosed forked"]
        assert {contact.email for contact in simulator.contacts} == {"ann@example.com", "bob@example.com"}
    assert {path.name for path in tmp_path.iterdir()} == {"people.db", "script.py"}
