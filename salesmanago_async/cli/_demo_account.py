"""The account of `salesmanago demo`: a simulator behind a socket, which counts concurrent requests."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
from attrs import define

if TYPE_CHECKING:
    from ..simulator import Simulator

LATENCY = 0.15
"""Seconds that each request takes, so that several are in flight, and a worker can be killed among them."""
LONGEST_WAIT = 60.0
ADD_EVENTS = "/api/contact/batchAddContactExtEvent"


@define(eq=False)
class DemoAccount:
    """A simulator whose requests take a moment; it counts those that add events, and those in flight."""

    simulator: "Simulator"
    address: str = ""
    requests: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, as an ASGI app. The requests of a killed worker are completed."""
        self.requests += scope["path"] == ADD_EVENTS
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await anyio.sleep(LATENCY)
            await self.simulator(scope, receive, send)
        finally:
            self.in_flight -= 1

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many requests have come that add events; raise `TimeoutError` if they do not."""
        deadline = time.monotonic() + LONGEST_WAIT
        while self.requests < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {self.requests} of {count} requests have come")
            time.sleep(0.01)

    def environ(self) -> dict[str, str]:
        """Return the environment of a command for this account, and no other."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("SALESMANAGO_")}
        return {**others, **self.simulator.environment(self.address)}

    async def events(self, emails: Sequence[str]) -> Counter[str]:
        """Read the contacts back, and count their events by the `externalId`."""
        from ..client import SalesManago

        async with SalesManago.from_env(self.environ()) as sm:
            found = await sm.contacts.get(emails)
        return Counter(str(event.external_id) for contact in found for event in contact.contact_ext_events or ())


@contextmanager
def serving_demo() -> Iterator[DemoAccount]:
    """Serve an account at a free port of this machine, in a thread."""
    from ..simulator import Simulator
    from ..simulator.serve import serving_in_thread

    account = DemoAccount(Simulator(job_seconds=0.5))
    with serving_in_thread(account) as account.address:
        yield account
