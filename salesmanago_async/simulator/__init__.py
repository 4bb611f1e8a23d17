"""A stateful stand-in for SALESmanago, as an ASGI app: to try things out, and to test an integration against.

    simulator = Simulator()
    sm = SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.ASGITransport(app=simulator))

It refuses what the reference refuses. `salesmanago simulator` serves it over a socket.
"""

from .app import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PASSWORD, Simulator

__all__ = ["DEMO_CREDENTIALS", "DEMO_OWNER", "DEMO_PASSWORD", "Simulator"]
