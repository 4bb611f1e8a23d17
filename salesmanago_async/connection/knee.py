"""Finds how many requests in flight a server takes before they only wait in it. Pure: counts and times go in.

With few in flight, a server answers in its own time. From some number on, its knee, one more in flight only makes all
of them slower. The time of an answer ÷ the time without load tells how many wait: if the requests of a window take
twice as long, half of them. The window doubles until some wait. From then on it is kept where one or two do.

A round is a window of answers to requests that began in it. A round in which the window was never full says nothing.
The time without load is about the shortest median of a round, for each kind of request. From time to time, and when a
smaller window has not helped, a round at half the window measures it again: a server that is slower from now on is not
a server with a queue.

A refusal (429, 503) means one of three things. If hardly any request was taken that began with as many in flight, there
were too many: the window ends below, and is tried again after some hundred answers. If others were taken, they came too
fast: see `AllowedRate`. If a whole window is refused and nothing is taken, the server is down: the window is halved, as
after a time-out.
"""

from collections import deque
from math import inf
from statistics import median

from attrs import define, field, frozen

from .allowed_rate import AllowedRate

FIRST_WINDOW = 3
FEWEST_ANSWERS = 8
"""The answers of the shortest round, and of a round that measures the times without load."""
STEADY = 1.3
"""The window no longer doubles when the median request takes this many times its time without load."""
FEW, MANY = (1.5, 0.15), (2.2, 0.4)
"""The window grows while fewer requests wait than `FEW`, and shrinks if more do than `MANY`: a number, or a part of the
window if that is more."""
DAMPING = 0.3
"""How far a shorter median moves the time without load: the shortest of many would be shorter than the truth."""
ROUNDS = 80
"""The rounds after which the times without load are measured again."""
KEPT, KNOWN, ENOUGH = 100, 10, 5
"""A number in flight is too high if, of the last 100 requests taken, and at least 10, fewer than 5 began with it."""
HELD = 500
"""The answers after which a window that refusals have ended is tried with one more, then with two more, and so on."""
MOST_KINDS = 100
SHORTEST = 0.005
"""Seconds below which the differences are those of our own event loop."""


@frozen
class Start:
    """A request's start: its time, its round, and how many were in flight then, itself included."""

    at: float
    round: int
    in_flight: int


@define
class _Round:
    """What has been answered in a round: seconds of each kind, and whether the window was ever full."""

    number: int = 0
    times: list[tuple[str, float]] = field(factory=lambda: list[tuple[str, float]]())
    was_full: bool = False

    def medians(self) -> dict[str, float]:
        kinds = dict.fromkeys(kind for kind, _ in self.times)
        return {kind: median(seconds for one, seconds in self.times if one == kind) for kind in kinds}


@define
class _Ceiling:
    """The window that is not exceeded: `cap`, or less after refusals."""

    cap: int
    value: int
    _answers: int = 0
    _step: int = 1

    def lower(self, value: int) -> None:
        self.value, self._answers, self._step = value, 0, 1

    def count_answer(self) -> None:
        self._answers += 1
        if self._answers >= HELD and self.value < self.cap:
            self.value, self._answers, self._step = min(self.cap, self.value + self._step), 0, 2 * self._step


class Knee:
    """The window and the spacing for one server, from what its answers tell. `cap` is the largest window."""

    def __init__(self, cap: int) -> None:
        self._window = min(FIRST_WINDOW, cap)
        self._ceiling = _Ceiling(cap, cap)
        self._rate = AllowedRate()
        self._doubles = True
        self._round = _Round()
        self._times_without_load: dict[str, float] = {}
        self._measures = False
        self._rounds_left = ROUNDS
        self._shrunk = 0
        self._levels_taken: deque[int] = deque(maxlen=KEPT)
        self._refused_in_a_row = 0
        self._changed_at = -inf

    @property
    def window(self) -> int:
        """How many requests may be in flight now."""
        return max(1, self._window // 2) if self._measures else self._window

    @property
    def found(self) -> int:
        """The window, as far as it is known, also while the times without load are measured at half of it."""
        return self._window

    def spacing(self, now: float) -> float:
        """Return the seconds that must lie between this start and the next; 0.0: none."""
        return 1 / self._rate.at(now)

    def begin(self, in_flight: int, now: float) -> Start:
        """Note a start; `in_flight` includes it. Return what the outcome has to be reported with."""
        self._round.was_full = self._round.was_full or in_flight >= self.window
        return Start(now, self._round.number, in_flight)

    def answered(self, start: Start, kind: str, seconds: float, now: float) -> None:
        """Note that a request was taken, and answered after so many seconds since it was written."""
        self._rate.answered(now)
        self._levels_taken.append(start.in_flight)
        self._refused_in_a_row = 0
        self._ceiling.count_answer()
        if start.round == self._round.number:
            self._round.times.append((kind, max(seconds, SHORTEST)))
            needed = FEWEST_ANSWERS if self._measures else max(FEWEST_ANSWERS, self._window)
            if len(self._round.times) >= needed:
                self._end_round()

    def refused(self, start: Start, now: float, pause: float = 0.0) -> None:
        """Note that a request was refused for load; `pause` is how long nothing will start."""
        self._refused_in_a_row += 1
        if self._is_too_many(start.in_flight):
            self._window = min(self._window, start.in_flight - 1)
            self._ceiling.lower(self._window)
            self._doubles = False
        elif self._rate.taken_since_change() >= ENOUGH:
            if start.at > self._changed_at and now - self._changed_at >= 1:
                self._rate.refused(now)
                self._changed_at, self._refused_in_a_row = now, 0
        elif self._refused_in_a_row >= self._window:
            self._halve(now)
        if pause:
            self._rate.paused_until(now + pause)

    def timed_out(self, start: Start, now: float) -> None:
        """Note that the server, or a gateway before it, took too long. Several at the same time count once."""
        if start.at > self._changed_at:
            self._halve(now)

    def _is_too_many(self, in_flight: int) -> bool:
        as_many = sum(level >= in_flight for level in self._levels_taken)
        return in_flight > 1 and len(self._levels_taken) >= KNOWN and as_many < ENOUGH

    def _halve(self, now: float) -> None:
        self._window = max(1, self._window // 2)
        self._doubles = False
        self._changed_at, self._refused_in_a_row = now, 0

    def _end_round(self) -> None:
        medians = self._round.medians()
        if self._measures:
            self._times_without_load |= medians
            self._measures, self._rounds_left = False, ROUNDS
        else:
            self._lower_times_without_load(medians)
            self._rounds_left -= 1
            self._measures = self._rounds_left <= 0
            if self._round.was_full:
                self._window = max(1, min(self._next_window(), self._ceiling.value))
        self._round = _Round(self._round.number + 1)

    def _lower_times_without_load(self, medians: dict[str, float]) -> None:
        if len(self._times_without_load) > MOST_KINDS:
            self._times_without_load.clear()
        for kind, seconds in medians.items():
            known = self._times_without_load.setdefault(kind, seconds)
            self._times_without_load[kind] = known + DAMPING * min(0.0, seconds - known)

    def _next_window(self) -> int:
        slowness = median(seconds / self._times_without_load[kind] for kind, seconds in self._round.times)
        if self._doubles and slowness < STEADY:
            return 2 * self._window
        self._measures = self._measures or self._doubles
        self._doubles = False
        few, many = (max(number, part * self._window) for number, part in (FEW, MANY))
        waiting = self._window * (1 - 1 / slowness)
        self._shrunk = self._shrunk + 1 if waiting > many else 0
        self._measures = self._measures or self._shrunk == 2
        if waiting < few:
            return self._window + max(1, self._window // 8)
        return round(self._window / slowness + few) if waiting > many else self._window
