"""How long an import takes, how many requests it needs, and what limits it. Pure: no I/O, no clock.

`make_plan` computes it for any size and any pace; a dry run does the same with the sizes that it has counted.

A chunk is one request. One of contacts starts a server job, which is polled until it has ended (see `poll_times`); then
its result file is read. Each of these limits a run, and the slowest one decides:

    preparing     how fast a process reads, checks and encodes records
    concurrency   how many requests are in flight, if the server takes so many; polls count, too
    rate          how many requests begin in a second; polls count, too
    outstanding   how many jobs are followed at once; the next chunk waits until one of them has ended
    last jobs     the wait for the last jobs, which begins when everything is sent

The time does not include records that wait for an earlier one of their contact, retries, this machine's own work for
each request, and the random part of the waits between polls. So a run rarely takes less, and up to a fifth more. If
polls are late because all requests are in flight, there may be more of them than planned.
"""

from collections.abc import Iterator, Mapping
from math import ceil, inf
from typing import Any, Literal, TypeAlias

from attrs import asdict, evolve, field, frozen

from .connection.knee import FEWEST_ANSWERS, FIRST_WINDOW
from .errors import Invalid
from .poll_times import EARLY_WAIT, MOST_FRUITLESS, LastPoll, early_wait, last_poll, workers
from .settings import DEFAULT_CONCURRENCY

LATENCY = 0.2
"""The default seconds that a request takes."""

JOB_SECONDS = 30.0
"""The default seconds that a server job takes."""

PREPARED_PER_SECOND = 60_000.0
"""How many records one process reads, checks and encodes in a second, if nothing has been measured."""

MOST_RAISED = 1e6
"""The most times that a number is raised: a request that takes nearly no time would ask for more than any."""

Limit: TypeAlias = Literal["preparing", "concurrency", "rate", "outstanding", "last jobs"]


def _positive(_: object, attribute: object, value: float | None) -> None:
    if value is not None and not 0 < value < inf:
        raise Invalid(f"is {value}; give a number above 0", field=_name(attribute))


def _seconds(_: object, attribute: object, value: float) -> None:
    if not 0 <= value < inf:
        raise Invalid(f"is {value}; give seconds, 0 or more", field=_name(attribute))


def _name(attribute: object) -> str:
    return str(getattr(attribute, "name", ""))


@frozen(kw_only=True)
class Workload:
    """What is sent: `records` in so many `chunks`, which one process prepares in `preparing` seconds.

    `follows_jobs` says whether each chunk starts a server job that is followed to its end: chunks of contacts do,
    unless the run does not wait.
    """

    records: int
    chunks: int
    preparing: float
    follows_jobs: bool


@frozen(kw_only=True)
class Pacing:
    """How fast the server and this side are.

    A request takes `latency` seconds, and a server job `job_seconds`. All processes together have up to
    `concurrency` requests in flight, if the server takes so many, and begin up to `rate` requests in a second (None: no
    limit). Each process follows `outstanding` jobs, and polls each of them once in `poll_interval` seconds.
    """

    latency: float = field(default=LATENCY, validator=_seconds)
    job_seconds: float = field(default=JOB_SECONDS, validator=_seconds)
    concurrency: int = field(default=DEFAULT_CONCURRENCY, validator=_positive)
    rate: float | None = field(default=None, validator=_positive)
    poll_interval: float = field(default=60.0, validator=_positive)
    outstanding: int = field(default=1000, validator=_positive)
    processes: int = field(default=1, validator=_positive)


@frozen(kw_only=True)
class Plan:
    """What a run takes: its `requests`, of which `polls` are polls, its `seconds`, and the `limit` that decides them.

    `bounds` are the seconds that each limit alone would take.
    """

    work: Workload
    pacing: Pacing
    polls: int
    seconds: float
    bounds: Mapping[Limit, float]

    @property
    def limit(self) -> Limit:
        """What the run waits for most."""
        return max(self.bounds, key=lambda limit: self.bounds[limit])

    @property
    def jobs(self) -> int:
        """The server jobs that are followed."""
        return self.work.chunks if self.work.follows_jobs else 0

    @property
    def requests(self) -> int:
        """The requests that count for the concurrency and the rate: chunks and polls, without the result files."""
        return self.work.chunks + self.polls

    @property
    def records_per_second(self) -> float:
        """The records that are sent and settled in a second, on average."""
        return self.work.records / self.seconds if self.seconds else 0.0

    @property
    def outstanding(self) -> int:
        """About how many jobs are outstanding at once, over all processes."""
        pacing = self.pacing
        followed = self.bounds.get("last jobs", 0.0)
        sending = max((bound for limit, bound in self.bounds.items() if limit != "last jobs"), default=0.0)
        at_once = ceil(self.jobs * followed / sending) if sending > followed else self.jobs
        return min(at_once, self.jobs, pacing.outstanding * pacing.processes)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON: its results, what it assumes, and the same with the limit raised."""
        raised = self.raised()
        return {
            **self._results(),
            "bounds": {limit: round(bound, 3) for limit, bound in self.bounds.items()},
            "work": asdict(self.work),
            "pacing": asdict(self.pacing),
            "raised": {**raised._results(), "pacing": asdict(raised.pacing)} if raised else None,
        }

    def _results(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 3),
            "records_per_second": round(self.records_per_second, 1),
            "requests": self.requests,
            "polls": self.polls,
            "jobs": self.jobs,
            "outstanding": self.outstanding,
            "limit": self.limit,
        }

    def raised(self) -> "Plan | None":
        """Return the plan with the number of its `limit` changed so far that something else limits the run.

        Return None if nothing else limits it, or if it waits for jobs that end no sooner whatever is changed.
        """
        others = max(bound for limit, bound in self.bounds.items() if limit != self.limit)
        better = (
            _raised(self.work, self.pacing, self.limit, factor=min(MOST_RAISED, self.bounds[self.limit] / others))
            if others
            else None
        )
        return make_plan(self.work, better) if better else None


def workload(
    records: int, *, follows_jobs: bool, batch_size: int = 1000, prepared_per_second: float = PREPARED_PER_SECOND
) -> Workload:
    """Return the work of so many records, `batch_size` in each request."""
    for name, value in (("records", records), ("batch_size", batch_size), ("prepared_per_second", prepared_per_second)):
        if not 0 < value < inf:
            raise Invalid(f"is {value}; give a number above 0", field=name)
    return Workload(
        records=records,
        chunks=ceil(records / batch_size),
        preparing=records / prepared_per_second,
        follows_jobs=follows_jobs,
    )


def make_plan(work: Workload, pacing: Pacing) -> Plan:
    """Return the plan of this work at this pace."""
    if not (work.follows_jobs and work.chunks):
        return _plan(work, pacing, None)
    usual = _last_poll(pacing, steady=False)
    plan = _plan(work, pacing, usual)
    if plan.limit == "outstanding":  # then long jobs are polled as often as others, until everything is sent
        steady = _plan(work, pacing, _last_poll(pacing, steady=True), tail=usual)
        return steady if steady.limit == "outstanding" else min([plan, steady], key=_seconds_of_plan)
    if plan.limit in {"concurrency", "rate"}:  # then polls are late, and fewer: the requests are shared with chunks
        late = (_plan(work, pacing, last) for last in _late_polls(usual.number, pacing.job_seconds))
        return min([plan, *late], key=_seconds_of_plan)
    return plan


def _seconds_of_plan(plan: Plan) -> float:
    return plan.seconds


def _late_polls(most: int, job_seconds: float) -> Iterator[LastPoll]:
    """Yield the last poll if a job of `job_seconds` is polled fewer than `most` times, evenly, at a random phase."""
    number = 1
    while number < most:
        yield LastPoll(number, number * job_seconds / (number - 0.5))
        number = max(number + 1, round(1.2 * number))


def _last_poll(pacing: Pacing, *, steady: bool) -> LastPoll:
    if pacing.job_seconds <= early_wait(pacing.poll_interval) < inf:
        return LastPoll(1, EARLY_WAIT)
    return last_poll(pacing.job_seconds, pacing.poll_interval, steady=steady)


def _plan(work: Workload, pacing: Pacing, last: LastPoll | None, *, tail: LastPoll | None = None) -> Plan:
    """Return the plan if `last` is the poll that finds a job ended; None if no jobs are followed.

    `tail` is the poll that finds the last jobs ended, if it is another one.
    """
    polls = work.chunks * last.number + _fruitless(work, pacing) if last else 0
    requests = work.chunks + polls
    bounds: dict[Limit, float] = {
        "preparing": work.preparing / pacing.processes,
        "concurrency": requests * pacing.latency / pacing.concurrency,
    }
    if pacing.rate:
        bounds["rate"] = requests / pacing.rate
    if last:
        followed = last.age + 2 * pacing.latency  # a poll and a result file make room for the next job
        bounds["outstanding"] = work.chunks * followed / (pacing.outstanding * pacing.processes)
        bounds["last jobs"] = _age_at_end(work, pacing, tail or last) + 3 * pacing.latency
    seconds = _seconds_of(work, pacing, last, tail or last) if last else _seconds_to_send(work, pacing)
    return Plan(work=work, pacing=pacing, polls=polls, seconds=seconds, bounds=bounds)


def _fruitless(work: Workload, pacing: Pacing) -> int:
    """Return how many early polls find a job running."""
    is_early = pacing.job_seconds <= early_wait(pacing.poll_interval) or pacing.poll_interval <= EARLY_WAIT
    return 0 if is_early else min(MOST_FRUITLESS, work.chunks)


def _age_at_end(work: Workload, pacing: Pacing, last: LastPoll) -> float:
    """Return how old the last job is at its last poll: an early poll that finds it running delays the others."""
    fruitless = _fruitless(work, pacing)
    return last.age + (EARLY_WAIT if fruitless == work.chunks else 0.0)


def _seconds_to_send(work: Workload, pacing: Pacing, *, waits: float = 0.0) -> float:
    """Return when the last chunk is answered; `waits` are the seconds in which chunks wait for others' jobs."""
    preparing = work.preparing / pacing.processes
    if not work.chunks:
        return preparing
    return pacing.latency + max(preparing, _last_begins(work.chunks, pacing), waits)


def _seconds_of(work: Workload, pacing: Pacing, last: LastPoll, tail: LastPoll) -> float:
    """Return the seconds of a run that follows jobs, until the last result file is read."""
    latency, fruitless = pacing.latency, _fruitless(work, pacing)
    rounds = (work.chunks - 1) // (pacing.outstanding * pacing.processes)
    sent = _seconds_to_send(work, pacing, waits=rounds * (last.age + 2 * latency))
    polls = work.chunks * last.number + fruitless
    reading = (ceil(work.chunks / workers(pacing.concurrency)) - 1) * 2 * latency  # the last poll, and the file
    polled = latency + last.age + max(reading, _last_begins(work.chunks, pacing), EARLY_WAIT if fruitless else 0.0)
    requested = _last_begins(work.chunks + polls, pacing)
    return max(sent + _age_at_end(work, pacing, tail), polled, requested) + 2 * latency


def _last_begins(requests: int, pacing: Pacing) -> float:
    """Return when the last of so many requests can begin, by the requests in flight and by the rate."""
    spacing = 1 / pacing.rate if pacing.rate else 0.0
    return max((_waves(requests, pacing) - 1) * pacing.latency, (requests - 1) * spacing)


def _waves(requests: int, pacing: Pacing) -> int:
    """Return how many requests one after the other take as long as all of these, if as many as may be are in flight.

    Each process begins with few in flight, and doubles them after a round of answers: see `Knee`.
    """
    window, waves, left = FIRST_WINDOW * pacing.processes, 0, requests
    while window < pacing.concurrency and left > 0:
        of_round = ceil(max(1.0, FEWEST_ANSWERS * pacing.processes / window))
        taken = min(of_round, ceil(left / window))
        waves, left, window = waves + taken, left - taken * window, 2 * window
    return waves + ceil(max(0, left) / pacing.concurrency)


def _raised(work: Workload, pacing: Pacing, limit: Limit, *, factor: float) -> Pacing | None:
    """Return the pace with the number behind a limit raised by a factor; for "last jobs", more frequent polls."""
    match limit:
        case "preparing":
            return evolve(pacing, processes=ceil(pacing.processes * factor))
        case "concurrency":
            return evolve(pacing, concurrency=ceil(pacing.concurrency * factor))
        case "rate":
            return evolve(pacing, rate=ceil((pacing.rate or 0) * factor))
        case "outstanding":
            return evolve(pacing, outstanding=_fewer_waves(work, pacing, factor))
        case "last jobs":
            shorter = max(EARLY_WAIT, float(ceil(pacing.job_seconds)))
            return evolve(pacing, poll_interval=shorter) if shorter < pacing.poll_interval else None


def _fewer_waves(work: Workload, pacing: Pacing, factor: float) -> int:
    """Return how many jobs must be outstanding; jobs that began together end together, so chunks go in waves."""
    waves = max(1, int(work.chunks / (pacing.outstanding * pacing.processes * factor)))
    return ceil(work.chunks / (waves * pacing.processes))
