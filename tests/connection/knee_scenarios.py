"""Servers that a client does not know: 18 that the constants of `Knee` were chosen on, and 20 to check the choice.

Each names the best fixed setting: what a user would choose who knew the server. A client that finds its own has to get
nine tenths of its speed, without a queue, and with hardly a refusal.
"""

from attrs import frozen

from salesmanago_async.connection.knee import Knee

from .knee_simulation import Fixed, Measured, Phases, Policy, Server, simulate

FIXED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
CAP = 64


@frozen
class Found:
    """How a client did: its part of the best speed, how slow answers were, the part that was refused."""

    speed: float
    p95: float
    refused: float

    @property
    def is_good(self) -> bool:
        return self.speed >= 0.9 and self.p95 <= 2 and self.refused <= 0.01


@frozen
class Scenario:
    name: str
    best: int
    phases: Phases
    seconds: float = 180.0
    seed: int = 1

    def measure(self, policy: Policy) -> Measured:
        return simulate(policy, self.phases, seconds=self.seconds, seed=self.seed)

    def found(self) -> Found:
        """Return how a client did that knew nothing of the server."""
        measured = self.measure(Knee(CAP))
        return Found(measured.goodput / self.measure(Fixed(self.best)).goodput, measured.p95, measured.refused)


def always(name: str, best: int, server: Server) -> Scenario:
    return Scenario(name, best, [(0.0, server)])


CHOSEN_ON = [
    always("constant 50 ms", 12, Server(latency=0.05)),
    always("constant 200 ms", 32, Server(latency=0.2)),
    always("constant 500 ms", 64, Server(latency=0.5)),
    always("4 workers", 6, Server(workers=4)),
    always("16 workers", 24, Server(workers=16)),
    always("64 workers", 64, Server(latency=0.5, workers=64)),
    always("16 workers that thrash", 16, Server(workers=16, thrashing=True)),
    Scenario(
        "32, then 8, then 32 workers",
        32,
        [(0.0, Server(workers=32)), (60.0, Server(workers=8)), (120.0, Server(workers=32))],
    ),
    always("a line of 5/s", 3, Server(line=5.0)),
    always("a line of 25/s", 12, Server(line=25.0)),
    always("429 above 5/s", 2, Server(rate=5.0)),
    always("429 above 20/s", 4, Server(rate=20.0)),
    always("429 above 60/s", 12, Server(rate=60.0)),
    always("429 above 20/s, Retry-After 2", 4, Server(rate=20.0, retry_after=2.0)),
    always("429 above 40/s, 8 workers", 8, Server(rate=40.0, workers=8)),
    always("429 above 8 at once", 12, Server(at_once=8)),
    always("noisy 200 ms", 48, Server(noise=0.3)),
    Scenario("latency doubles", 64, [(0.0, Server()), (90.0, Server(latency=0.4))]),
]


def other(number: int, name: str, best: int, *servers: Server) -> Scenario:
    phases = [(240.0 * place / len(servers), server) for place, server in enumerate(servers)]
    return Scenario(name, best, phases, seconds=240.0, seed=100 + number)


OTHERS = [
    other(1, "constant 30 ms", 8, Server(latency=0.03)),
    other(2, "constant 100 ms", 24, Server(latency=0.1)),
    other(3, "constant 350 ms", 64, Server(latency=0.35)),
    other(4, "constant 1 s", 64, Server(latency=1.0)),
    other(5, "2 workers", 3, Server(workers=2)),
    other(6, "6 workers of 500 ms", 8, Server(workers=6, latency=0.5)),
    other(7, "24 workers", 32, Server(workers=24)),
    other(8, "48 workers of 400 ms", 64, Server(workers=48, latency=0.4)),
    other(9, "10 workers that thrash", 12, Server(workers=10, latency=0.3, thrashing=True)),
    other(10, "32 workers that thrash", 32, Server(workers=32, latency=0.4, thrashing=True)),
    other(11, "12, then 4, then 20 workers", 24, Server(workers=12), Server(workers=4), Server(workers=20)),
    other(12, "a line of 2/s", 3, Server(line=2.0)),
    other(13, "a line of 12/s, 300 ms", 8, Server(line=12.0, latency=0.3)),
    other(14, "a line of 50/s", 16, Server(line=50.0)),
    other(15, "429 above 8/s, no burst", 6, Server(rate=8.0, burst=0.0)),
    other(16, "429 above 35/s, burst of 2 s", 6, Server(rate=35.0, burst=2.0)),
    other(17, "429 above 15/s, Retry-After 5", 3, Server(rate=15.0, retry_after=5.0)),
    other(18, "429 above 20 at once", 24, Server(at_once=20, latency=0.3)),
    other(19, "noisy 100 ms, 12 workers", 24, Server(noise=0.3, latency=0.1, workers=12)),
    other(20, "latency falls to a half", 64, Server(latency=0.6), Server(latency=0.3)),
]

MISSED = {
    "a line of 5/s": Found(1.01, 2.64, 0.0),
    "429 above 5/s": Found(0.97, 1.30, 0.022),
    "2 workers": Found(0.99, 2.35, 0.0),
    "a line of 2/s": Found(1.00, 3.11, 0.0),
    "429 above 8/s, no burst": Found(0.81, 1.31, 0.008),
    "429 above 15/s, Retry-After 5": Found(0.76, 1.32, 0.004),
}
"""Where the client falls short: where two in flight are already too many, where a rate is so low that the few refusals
at the start weigh, and where each refusal holds up everything for seconds."""
