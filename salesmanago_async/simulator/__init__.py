"""A stateful replacement for SALESmanago, as an ASGI app: for trying things out, and for testing integrations.

    simulator = Simulator()
    sm = SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.ASGITransport(app=simulator))

It refuses what the reference refuses, passes over what the reference does not name (`Simulator(strict=True)` refuses
that, too), and fails on request:

    simulator.faults = [
        Fault("status", status=503, path="contact/batchupsertv2", at=1, retry_after=5),
        Fault("truncated", path="files", after=1000, at=1),  # "files" stands for the links to exports
    ]

What it was sent, and what the account holds, can be looked at, and its clock be wound:

    assert simulator.contact("ann@example.com").tags == ["VIP"]
    assert [request.path for request in simulator.requests] == ["contact/upsert"]
    simulator.advance(3600)

With `state="account.db"` the account is kept when the process ends. `salesmanago simulator` serves it over a socket.
"""

from ._faults import Fault
from ._received import ReceivedRequest
from .app import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PASSWORD, DEMO_PRODUCTS_KEY, Simulator
from .inspection import SimulatedContact, SimulatedEvent, SimulatedJob, SimulatedProduct
from .products.account import ProductSettings
from .served import SimulatorServer

__all__ = [
    "DEMO_CREDENTIALS",
    "DEMO_OWNER",
    "DEMO_PASSWORD",
    "DEMO_PRODUCTS_KEY",
    "Fault",
    "ProductSettings",
    "ReceivedRequest",
    "SimulatedContact",
    "SimulatedEvent",
    "SimulatedJob",
    "SimulatedProduct",
    "Simulator",
    "SimulatorServer",
]
