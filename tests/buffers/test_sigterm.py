"""A separate program that is terminated: the records in its buffer are sent first."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from salesmanago_async import SalesManago
from tests.serving import serving

pytestmark = pytest.mark.ci

PROGRAM = """
import asyncio, os
from salesmanago_async import Contact, SalesManago
from salesmanago_async.buffers.sigterm import until_sigterm

async def main():
    sm = SalesManago.from_env(poll_interval=0.05)
    async with until_sigterm(), sm, sm.contacts.buffer(max_delay=3600) as buffer:
        await buffer.add(Contact(email="ann@example.com"))
        print("ready", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


def test_sigterm_drains_the_buffer_and_ends_the_process(tmp_path: Path) -> None:
    with serving(job_seconds=0.1) as environ:
        command = [sys.executable, "-c", PROGRAM]
        with subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == -signal.SIGTERM

        async def is_there() -> bool:
            async with SalesManago.from_env(environ) as sm:
                return bool((await sm.contacts.has("ann@example.com")).result)

        assert asyncio.run(is_there())


def test_a_block_that_ends_by_itself_is_left_alone(tmp_path: Path) -> None:
    program = PROGRAM.replace("await asyncio.sleep(3600)", "pass") + "print('done')"
    with serving(job_seconds=0.1) as environ:
        command = [sys.executable, "-c", program]
        shown = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout == "ready\ndone\n"
