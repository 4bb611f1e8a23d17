"""A stateful replacement for SALESmanago, as an ASGI app: for trying things out, and for testing integrations.

    simulator = Simulator()
    sm = SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.ASGITransport(app=simulator))

It refuses what the reference refuses, and fails on request:

    simulator.faults = [
        Fault("status", status=503, path="contact/batchupsertv2", at=1, retry_after=5),
        Fault("truncated", path="files", after=1000, at=1),  # "files" stands for the links to exports
    ]

With `state="account.db"` the account is kept when the process ends. `salesmanago simulator` serves it over a socket.
"""

from ._faults import Fault
from .app import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PASSWORD, Simulator

__all__ = ["DEMO_CREDENTIALS", "DEMO_OWNER", "DEMO_PASSWORD", "Fault", "Simulator"]
