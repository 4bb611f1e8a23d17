"""What a run would cost: its requests, and its time. Pure: no I/O, no clock."""

from math import ceil, inf
from typing import Any

from attrs import asdict, frozen

from ..errors import Invalid

LATENCY = 0.2
"""The default seconds that a request takes."""


@frozen(kw_only=True)
class Estimate:
    """What a run would send, and what decides how long that takes.

    `jobs` are the server jobs of the chunks. `polls` is the lowest number of polls that end them; 0 if they are not
    followed. `preparing` is how many seconds it took to read, check and encode the records. `confirmations` counts the
    contacts that are asked by e-mail to confirm their consent, and `confirmations_if_new` those that are asked only if
    they are new: both are 0 unless double opt-in is on, and both are upper bounds. The other fields are settings: at
    most `outstanding` jobs are followed, `pollers` of them are polled concurrently, and each once in a `poll_interval`
    (seconds).
    """

    chunks: int
    jobs: int
    polls: int
    preparing: float
    concurrency: int
    rate: float | None
    poll_interval: float
    outstanding: int
    pollers: int
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

    def seconds_at(self, *, latency: float = LATENCY) -> float:
        """Return about how many seconds the run takes if each request takes `latency` seconds.

        The result is the longest of its bounds: preparing the records, the permits, the rate, the outstanding jobs, and
        the pollers with a poll interval and the last poll after the last chunk. It does not include jobs that need a
        second poll, records that wait for an earlier one of their contact, retries, this machine's own work for each
        request, and the jitter of the polls. So a run rarely takes less. Raises `Invalid` for a latency below 0.
        """
        if not 0 <= latency < inf:
            raise Invalid(f"is {latency}; give the seconds that a request takes", field="latency")
        if not self.chunks:
            return self.preparing
        sent = self._all_sent(latency)
        return max(sent + self.poll_interval, self._last_poll(latency)) + 2 * latency if self.polls else sent

    def as_dict(self, *, latency: float = LATENCY) -> dict[str, Any]:
        """Return the estimate as plain JSON, with the latency and the `seconds` that follow from it."""
        estimate = {"latency": latency, "seconds": round(self.seconds_at(latency=latency), 3)}
        fields = {**asdict(self), "preparing": round(self.preparing, 3)}
        return {"requests": self.requests, **fields, **estimate}

    def _all_sent(self, latency: float) -> float:
        """Return when the last chunk is answered."""
        waits = (self.chunks - 1) // self.outstanding if self.polls else 0
        room = waits * (self.poll_interval + 2 * latency)  # a poll and a result file make room for the next job
        return latency + max(self.preparing, self._last_begins(self.chunks, latency), room)

    def _last_poll(self, latency: float) -> float:
        """Return when the last poll begins, if the chunks do not delay it."""
        rounds = ceil(self.polls / self.pollers) - 1
        polling = max(rounds * 2 * latency, self._last_begins(self.polls, latency))  # it reads the file, too
        return max(latency + self.poll_interval + polling, self._last_begins(self.chunks + self.polls, latency))

    def _last_begins(self, requests: int, latency: float) -> float:
        """Return when the last of so many requests can begin, by the permits and by the rate."""
        spacing = 1 / self.rate if self.rate else 0.0
        return max((ceil(requests / self.concurrency) - 1) * latency, (requests - 1) * spacing)
