"""What a run would cost: its requests, and its time. Pure: no I/O, no clock."""

from typing import Any

from attrs import asdict, frozen

from ..planning import JOB_SECONDS, LATENCY, Pacing, Plan, Workload, make_plan


@frozen(kw_only=True)
class Estimate:
    """What a run would send, and what decides how long that takes.

    `records` go in `chunks`, one request each, and `jobs` are the server jobs of the chunks. `polls` is the lowest
    number of polls that end them; 0 if they are not followed. `preparing` is how many seconds it took to read, check
    and encode the records. `confirmations` counts the contacts that are asked by e-mail to confirm their consent, and
    `confirmations_if_new` those that are asked only if they are new: both are 0 unless double opt-in is on, and both
    are upper bounds. The other fields are settings: at most `outstanding` jobs are followed, and each is polled once in
    a `poll_interval` (seconds).
    """

    records: int
    chunks: int
    jobs: int
    polls: int
    preparing: float
    concurrency: int
    rate: float | None
    poll_interval: float
    outstanding: int
    confirmations: int = 0
    confirmations_if_new: int = 0

    @property
    def requests(self) -> int:
        """The lowest possible number of requests: the chunks, the polls, and as many result files."""
        return self.chunks + 2 * self.polls

    @property
    def most_confirmations(self) -> int:
        """The most confirmation e-mails that the server may send."""
        return self.confirmations + self.confirmations_if_new

    def plan(self, *, latency: float = LATENCY, job_seconds: float = JOB_SECONDS) -> Plan:
        """Return the plan of the run, if each request takes `latency` seconds and each server job `job_seconds`.

        Raises `Invalid` for seconds below 0.
        """
        return make_plan(
            Workload(records=self.records, chunks=self.chunks, preparing=self.preparing, follows_jobs=self.polls > 0),
            Pacing(
                latency=latency,
                job_seconds=job_seconds,
                concurrency=self.concurrency,
                rate=self.rate,
                poll_interval=self.poll_interval,
                outstanding=self.outstanding,
            ),
        )

    def seconds_at(self, *, latency: float = LATENCY, job_seconds: float = JOB_SECONDS) -> float:
        """Return about how many seconds the run takes, at least; see `plan`."""
        return self.plan(latency=latency, job_seconds=job_seconds).seconds

    def as_dict(self, *, latency: float = LATENCY, job_seconds: float = JOB_SECONDS) -> dict[str, Any]:
        """Return the estimate as plain JSON, with what it assumes, the `seconds` that follow, and their `limit`."""
        plan = self.plan(latency=latency, job_seconds=job_seconds)
        fields = {**asdict(self), "preparing": round(self.preparing, 3)}
        assumed = {"latency": latency, "job_seconds": job_seconds}
        return {"requests": self.requests, **fields, **assumed, "seconds": round(plan.seconds, 3), "limit": plan.limit}
