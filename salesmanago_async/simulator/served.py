"""`SimulatorServer`: a simulator that is served at an address."""

from collections.abc import Mapping

from attrs import field, frozen

from .app import Simulator


@frozen
class SimulatorServer:
    """A simulated account that is served at `url`; `environ` has the variables SALESMANAGO_* of its clients."""

    url: str
    simulator: Simulator
    environ: Mapping[str, str] = field(repr=False)
