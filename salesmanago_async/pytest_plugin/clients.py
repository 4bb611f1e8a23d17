"""Clients of a simulator in the same process, which wait as little as possible."""

import httpx

from ..client import SalesManago
from ..settings import Retries
from ..simulator import DEMO_PRODUCTS_KEY, Simulator

POLL_INTERVAL = 0.01
RETRIES = Retries(first_wait=0.001, longest_wait=0.01)


def make_client(simulator: Simulator) -> SalesManago:
    """Return a client of a simulator. It opens no socket, so nothing is left if it is not closed."""
    return SalesManago(
        simulator.credentials,
        owner=simulator.owner,
        products_key=DEMO_PRODUCTS_KEY,
        transport=httpx.ASGITransport(app=simulator),
        poll_interval=POLL_INTERVAL,
        retries=RETRIES,
        clock=simulator.clock,
    )
