"""The keeper of a process: a task that has slots of a quota, and lets the process's `Pace` use them.

Each tick has four steps. The session looks (in a thread). The keeper decides, and lowers its limit at once. The session
gives, takes and reserves (in the thread). Then the keeper raises its limit. So a slot is given only after the limit has
excluded it: the other order would let one request too many start.

What the last tick has found holds for `LEASE` seconds. If no tick succeeds, nothing starts after that; requests that
wait for longer than `AWAY` raise `NoAnswer`. If the quota can never be used, all of them raise `Invalid`. A keeper
without any demand gives its slots back, and sleeps until a request waits.
"""

import math
import time
from collections.abc import Sequence
from random import Random, SystemRandom
from traceback import format_tb

import anyio
from attrs import define, field, frozen

from ..connection.pace import Pace
from ..errors import Invalid, NoAnswer
from ..support.spawn import spawn
from ..telemetry import tell
from ..telemetry.connection_events import QuotaFailed, QuotaLost, QuotaNotReturned
from ._decisions import Held, Mine, Move, decide, slots_to_give, starts_to_reserve
from ._postgresql import Flag, QuotaGone, Session, SessionLost, Sight
from ._session_thread import SessionThread
from ._starts import Starts
from .address import MOST_SLOTS

QUICK, CALM = 0.05, 0.1
"""Seconds between two ticks, while something is wanted that is not there, and else."""

LEASE = 3.0
"""Seconds for which a tick holds: shorter than the time after which the database frees the slots of a lost client."""

AWAY = 60.0
"""Seconds without the database after which requests no longer wait for it."""

LONGEST_TICK = 15.0
"""Seconds after which a tick that has not ended is given up, with its session."""

PEAK = 1.0
"""Seconds for which a demand counts after it has passed: slots are kept between one request and the next."""

REST = 0.15
"""Seconds for which a process that gave its only slot lets others go first."""

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds between two attempts to open another session."""


def now() -> float:
    """Return the seconds of a clock that goes on while the machine sleeps, where there is one."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


@define
class Peak:
    """The highest demand of the last moment."""

    value: int = 0
    at: float = -math.inf

    def note(self, demand: int, moment: float) -> int:
        """Note the demand at a moment; return the highest one of the last `PEAK` seconds."""
        if demand >= self.value or moment - self.at > PEAK:
            self.value, self.at = demand, moment
        return self.value


@frozen
class Plan:
    """What the session does in one tick."""

    ended: Sequence[int] = ()
    unsettled: Sequence[int] = ()
    free: Sequence[int] = ()
    take: int = 0
    flags: frozenset[Flag] = frozenset()
    reserve: int = 0
    hold_until: float = -math.inf


@define(eq=False)
class Keeper:
    """A process's part of a quota. It is the `Lease` of a pace; close it with `aclose` when no request uses it."""

    _pace: Pace
    name: str
    _thread: SessionThread
    _random: Random = field(factory=SystemRandom)
    _held: list[Held] = field(factory=list)
    _limit: int = 0
    _leased_until: float = -math.inf
    _rate: float | None = None
    _starts: Starts = field(factory=Starts)
    _used: bool = False
    _rests_until: float = -math.inf
    _hold_until: float = -math.inf
    _told_until: float = -math.inf
    """Until when the others know, by the database, that nothing starts."""
    _peak: Peak = field(factory=Peak)
    _is_hungry: bool = False
    _was_connected: bool = False
    _waits: float = FIRST_WAIT
    _failure: str | None = None
    _away_since: float | None = None
    _reason: str = "no answer"
    _wake: anyio.Event = field(factory=anyio.Event)
    _ended: anyio.Event | None = None
    _is_closing: bool = False

    # What the pace asks

    @property
    def limit(self) -> int:
        """How many requests of this process may be in flight now."""
        return self._limit if now() < self._leased_until else 0

    @property
    def next_start(self) -> float:
        """The earliest time of the next start, by the event loop's clock; infinity if none is reserved."""
        return -math.inf if self._rate is None else self._starts.next

    def check(self) -> None:
        """Raise `Invalid` if the quota can never be used, `NoAnswer` if its database has been away for long."""
        if self._failure:
            raise Invalid(self._failure, field=self.name)
        if self._away_since is not None and now() - self._away_since > AWAY:
            raise NoAnswer(f"the quota {self.name} has been out of reach for {AWAY:.0f} s: {self._reason}", sent=False)

    def wait_begun(self) -> None:
        """Begin the keeper's work at the first request; wake it if it does not know of this demand."""
        if self._ended is None:
            self._begin()
        if self._peak.note(self._pace.demand, now()) > len(self._held) and not self._is_hungry:
            self._wake.set()

    def started(self) -> None:
        """Note that a request has started."""
        self._starts.use()
        self._used = True
        self._peak.note(self._pace.demand, now())

    def hold(self, seconds: float) -> None:
        """Have nothing start for that long, in any process."""
        self._hold_until = max(self._hold_until, now() + seconds)
        self._wake.set()

    # The task

    def _begin(self) -> None:
        self._ended = anyio.Event()
        self._away_since = now()
        spawn(self._work, when_ended=self._ended.set)

    async def _work(self) -> None:
        try:
            while not self._is_closing:
                await self._tick_or_fail()
                await self._pause_between_ticks()
            await self._give_back()
        except Exception as error:  # a mistake of this program: requests must not wait for ever
            where = "".join(format_tb(error.__traceback__))  # without the text, which may be of the database
            tell(QuotaFailed(quota=self.name, failure=type(error).__name__, place=where))
            self._fail(f"its keeper has failed: {type(error).__name__}")
        finally:
            self._limit = 0
            self.abort()

    async def _tick_or_fail(self) -> None:
        try:
            with anyio.fail_after(LONGEST_TICK):
                await self._tick()
        except QuotaGone as error:
            self._lose(str(error))
            self._fail(f"cannot be used any longer: {error}")
        except SessionLost as error:
            self._lose(str(error))
        except TimeoutError:
            self._lose(f"no answer within {LONGEST_TICK:.0f} s")
        except Invalid as error:
            self._lose(error.rule)
            if not self._was_connected:
                self._fail(error.rule)

    async def _tick(self) -> None:
        began = now()
        await self._thread.open()
        self._was_connected = True
        sight = await self._thread.run(Session.look)
        plan, move = self._decide(sight)
        taken = await self._thread.run(lambda session: self._carry_out(session, plan))
        self._note(sight, move, *taken, began)

    def _decide(self, sight: Sight) -> tuple[Plan, Move]:
        """Return what to do; the limit is lowered to what stays."""
        moment = now()
        wanted = 0 if self._is_closing else self._peak.note(self._pace.demand, moment)
        mine = Mine(held=len(self._held), wanted=wanted, used=self._used, rests=moment < self._rests_until)
        move = decide(sight.slots, sight.others, mine, self._random.random())
        allowed = min(move.target, sum(slot.number <= sight.slots for slot in self._held))
        given = slots_to_give(self._held, target=allowed, slots=sight.slots, in_flight=self._pace.in_flight, now=moment)
        self._held = [slot for slot in self._held if slot not in given]
        self._limit = min(self._limit, allowed, self._usable(sight.slots, moment))
        self._rate = sight.rate
        if sight.rate is None or sight.pause > 0 or self._has_to_tell(moment):
            self._starts.clear()
        if sight.pause > 0:
            self._pace.pause(sight.pause)
        free = [*sight.free]
        self._random.shuffle(free)
        return Plan(
            ended=[slot.number for slot in given if slot.usable_from <= moment],
            unsettled=[slot.number for slot in given if slot.usable_from > moment],
            free=free,
            take=move.target - len(self._held),
            flags=_flags(move),
            reserve=self._starts_to_reserve(sight),
            hold_until=self._hold_until if self._has_to_tell(moment) else -math.inf,
        ), move

    def _carry_out(self, session: Session, plan: Plan) -> tuple[list[Held], list[float]]:
        """Give, take and reserve; return the slots that were taken, and the seconds until the starts."""
        if (hold := plan.hold_until - now()) > 0:
            session.hold(hold)
            self._told_until = plan.hold_until
        if plan.ended or plan.unsettled:
            session.give(plan.ended, plan.unsettled)
        session.tell(plan.flags)
        taken = session.take(plan.free, plan.take) if plan.take > 0 and plan.free else []
        starts = session.reserve(plan.reserve) if plan.reserve else []
        return [Held(number=slot.number, usable_from=math.inf if slot.was_left else 0.0) for slot in taken], starts

    def _note(self, sight: Sight, move: Move, taken: list[Held], starts: list[float], began: float) -> None:
        """Use what a tick has brought; a slot that somebody left is used after `settle` seconds."""
        moment = now()
        usable_from = moment + sight.settle
        self._held += [Held(number=slot.number, usable_from=min(slot.usable_from, usable_from)) for slot in taken]
        if taken:
            self._used = False
        if move.gave_its_turn:
            self._rests_until = moment + REST
        self._limit = min(move.target, self._usable(sight.slots, moment))
        self._starts.add(starts)
        self._leased_until = began + LEASE
        self._away_since = None
        self._waits = FIRST_WAIT
        self._is_hungry = self._wants_more(move)
        self._pace.recheck()

    def _wants_more(self, move: Move) -> bool:
        """Return whether the next tick should come soon."""
        waits_for_slots = len(self._held) != move.target or move.target < self._peak.value or self._limit < move.target
        return waits_for_slots or (self._rate is not None and self._pace.waiting > 0)

    def _has_to_tell(self, moment: float) -> bool:
        """Return whether a pause is not in the database yet."""
        return self._hold_until > max(moment, self._told_until)

    def _usable(self, slots: int, moment: float) -> int:
        return sum(slot.usable_from <= moment and slot.number <= slots for slot in self._held)

    def _starts_to_reserve(self, sight: Sight) -> int:
        started = self._starts.used_since()
        if sight.rate is None or sight.pause > 0 or self._has_to_tell(now()):
            return 0
        return starts_to_reserve(
            sight.rate,
            participants=sight.others.participants + 1,
            waiting=self._pace.waiting,
            reserved=len(self._starts),
            free=self._limit - self._pace.in_flight,
            started=started,
        )

    async def _pause_between_ticks(self) -> None:
        """Wait for the next tick; without slots and demand, until a request waits."""
        if self._is_closing:
            return
        self._wake = anyio.Event()
        if self._failure:
            await self._wake.wait()
        elif not self._thread.is_open:
            with anyio.move_on_after(self._waits):
                await self._wake.wait()
            self._waits = min(LONGEST_WAIT, 2 * self._waits)
        else:
            is_idle = not (self._held or self._pace.demand or self._has_to_tell(now()))
            with anyio.move_on_after(math.inf if is_idle else QUICK if self._is_hungry else CALM):
                await self._wake.wait()

    # Failures and the end

    def _lose(self, reason: str) -> None:
        """Go on without a session: its slots are lost, and nothing starts."""
        if self._thread.is_open:
            tell(QuotaLost(quota=self.name, failure=reason))
        self._thread.lose()
        self._held = []
        self._starts.clear()
        self._limit, self._leased_until = 0, -math.inf
        self._is_hungry = True  # a request that waits must not hasten the next attempt
        self._reason = reason
        if self._away_since is None:
            self._away_since = now()
        self._pace.recheck()

    def _fail(self, rule: str) -> None:
        self._failure = rule
        self._pace.recheck()

    async def _give_back(self) -> None:
        """Give all slots back that no request is using, and end the session."""
        if not self._thread.is_open:
            return
        moment = now()
        given = slots_to_give(self._held, target=0, slots=MOST_SLOTS, in_flight=self._pace.in_flight, now=moment)
        ended = [slot.number for slot in given if slot.usable_from <= moment]
        self._held, self._limit = [], 0

        def end(session: Session) -> None:
            if ended:
                session.give(ended)
            session.close()

        with anyio.move_on_after(LONGEST_TICK):
            try:
                await self._thread.run(end)
            except (SessionLost, QuotaGone) as error:
                tell(QuotaNotReturned(quota=self.name, failure=str(error)))

    def abort(self) -> None:
        """End the session at once; others wait for `settle` seconds before they use its slots."""
        self._thread.abort()

    async def aclose(self) -> None:
        """Give all slots back, and end the session."""
        self._is_closing = True
        self._wake.set()
        if self._ended:
            with anyio.CancelScope(shield=True):
                await self._ended.wait()


def _flags(move: Move) -> frozenset[Flag]:
    told = {Flag.TAKES_PART: move.takes_part, Flag.IS_STARVING: move.is_starving, Flag.IS_EAGER: move.is_eager}
    return frozenset(flag for flag, is_told in told.items() if is_told)
