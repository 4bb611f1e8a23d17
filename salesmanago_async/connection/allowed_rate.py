"""Finds how fast requests may start, for a server that refuses what comes faster. Pure: times and counts go in.

After a refusal, requests start a little slower than those before it were taken. They come up to that rate within some
hundred answers, hold it for as long again, and then try ever higher rates: the true rate is met soon, and refuses a
request or two, and a rate that is no more is forgotten. A rate that is met again where it was is tried more rarely.
"""

import math
from collections import deque
from math import inf

from attrs import define, field

BACK_TO = 0.92
"""The part of the measured rate to begin with: what the server allows for bursts is used up, and has to come back."""
SLIGHTLY_LESS = 0.97
"""The part of the rate that is left if it is refused after it was held for some time: it was nearly right."""
FIRST_STEP = 0.03
"""How far the first trial goes beyond the rate; each further one goes twice as far."""
SAME, FORGOTTEN = 1.2, 3.0
"""A refusal below the first part of the rate confirms it; beyond the second there is no rate."""
HELD, LONGEST_HELD = 500, 2000
"""The answers before a trial: at first, and after it was confirmed several times."""
STEP_ANSWERS = 100
ANSWERS_PER_SECOND = 5
"""A second counts at least so many answers, so that a very low rate is tried again within minutes."""
SPAN, ENOUGH = 2.0, 10
"""A rate is measured over these seconds, or over so many answers if these take longer."""
SHORTEST_SPAN = 0.2


@define
class AllowedRate:
    """The requests per second that the server takes, if it has refused any for their rate."""

    _base: float | None = None
    _held: int = HELD
    _answers: int = 0
    _since: float = 0.0
    _busy_since: float = -inf
    _taken: deque[float] = field(factory=lambda: deque[float]())

    def at(self, now: float) -> float:
        """Return the requests per second that may start now; infinity: as many as one likes."""
        return self._base * self._part(now) if self._base else inf

    def answered(self, now: float) -> None:
        """Note that a request was taken."""
        self._taken.append(now)
        while len(self._taken) > ENOUGH and self._taken[0] < now - SPAN:
            self._taken.popleft()
        self._answers += 1
        if self._base and self._part(now) > FORGOTTEN:
            self._base, self._held = None, HELD

    def refused(self, now: float) -> None:
        """Lower the rate, or stay with it if it has only been met again."""
        rate, count, part = self.at(now), self._count(now), self._part(now)
        if self._base is None or self._answers < SPAN * rate or part > SAME:
            self._base, self._held = min(rate, self._measured(now)), HELD
        elif count < self._held:
            self._base = SLIGHTLY_LESS * rate
        else:
            self._held = min(LONGEST_HELD, 2 * self._held)
        self._answers, self._since = 0, now

    def paused_until(self, then: float) -> None:
        """Leave the time before it out of what is measured."""
        self._busy_since = max(self._busy_since, then)

    def taken_since_change(self) -> int:
        """Return how many requests were taken since the rate was last changed."""
        return self._answers

    def _count(self, now: float) -> float:
        return max(self._answers, ANSWERS_PER_SECOND * (now - self._since))

    def _part(self, now: float) -> float:
        beyond = self._count(now) - self._held
        if beyond < 0:
            return BACK_TO + (1 - BACK_TO) * min(1.0, 2 * self._count(now) / self._held)
        return 1 + FIRST_STEP * math.pow(2, min(64, beyond // STEP_ANSWERS))

    def _measured(self, now: float) -> float:
        within = [at for at in self._taken if at > now - SPAN]
        recent = within if len(within) >= ENOUGH else list(self._taken)[-ENOUGH:]
        recent = [at for at in recent if at >= self._busy_since]
        return len(recent) / max(SHORTEST_SPAN, now - recent[0]) if recent else inf
