"""Memory is bounded by what is in flight, not by what is read."""

import sys

import pytest

from tests.peak_memory import run_and_measure

pytestmark = pytest.mark.ci

RUN = """
import sys
import anyio, httpx, orjson
from salesmanago_async import Credentials, SalesManago

JOBS = {number: b'{"success":true,"message":[],"fileUrl":"https://files.example.com/1"}' for number in range(1)}

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    if scope["path"].endswith("batchupsertv2"):
        body = b'{"success":true,"message":[],"requestId":1}'
    elif scope["path"].endswith("job/status"):
        body = JOBS[0]
    else:
        body = b'{"success":true,"contactIds":{},"message":[],"invalidContacts":[]}'
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})

def contacts(count):
    for number in range(count):
        yield {"email": f"c{number}@example.com", "name": f"Name {number}", "tags": ["A", "B"], "properties.size": "XL"}

async def main(count):
    credentials = Credentials(client_id="c", api_key="k", api_secret="s")
    transport = httpx.ASGITransport(app=app)
    async with SalesManago(credentials, owner="o@x.pl", transport=transport, poll_interval=POLL) as sm:
        report = await sm.contacts.upsert_many(contacts(count))
    assert report.accepted == count, report

anyio.run(main, int(sys.argv[1]))
"""


def peak_megabytes(count: int, poll_interval: float) -> float:
    return run_and_measure(RUN.replace("POLL", str(poll_interval)), count)[1]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of a process in /proc")
@pytest.mark.parametrize("poll_interval", [0.01, 2.0], ids=["jobs are soon done", "all jobs are outstanding at once"])
def test_eight_times_the_records_take_no_more_memory(poll_interval: float) -> None:
    assert peak_megabytes(80_000, poll_interval) - peak_megabytes(10_000, poll_interval) < 8
