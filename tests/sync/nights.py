"""Syncs of one account, which may be killed at any of their requests."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from attrs import define, field

from salesmanago_async import SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from salesmanago_async.sync.report import SyncReport
from tests.conftest import wall_clock

PEOPLE = range(10)


class Killed(BaseException):
    """Ends a sync without giving it the time to write its state."""


def address(number: int) -> str:
    """The address of a contact."""
    return f"c{number}@example.com"


def row(number: int, version: int = 0) -> dict[str, str]:
    """A row of a source: a contact in one of its versions."""
    return {"email": address(number), "name": f"version {version}"}


@define
class Account:
    """A simulated account. It dies, as its caller sees it, at a request: before it is processed, or after."""

    simulator: Simulator = field(factory=lambda: Simulator(clock=wall_clock, job_seconds=1.0))
    dies_at: int | None = None
    dies_after: bool = False
    requests: int = 0
    is_dead: bool = False
    on_request: Callable[[httpx.Request], None] = lambda _: None

    def client(self, **options: Any) -> SalesManago:
        """Return a client of the account."""
        chosen = {"owner": DEMO_OWNER, "transport": _Mortal(self), "clock": wall_clock, "poll_interval": 2.0}
        return SalesManago(DEMO_CREDENTIALS, **{**chosen, **options})

    async def names(self, numbers: Iterable[int] = PEOPLE) -> dict[int, str | None]:
        """Return the name of each contact that is in the account."""
        async with self.client(transport=httpx.ASGITransport(app=self.simulator)) as sm:
            found = {contact.email: contact.name for contact in await sm.contacts.get(map(address, numbers))}
        return {number: found[address(number)] for number in numbers if address(number) in found}

    async def sync(self, rows: Any, state: Path, **options: Any) -> SyncReport:
        """Sync rows with a new client."""
        async with self.client() as sm:
            return await sm.contacts.sync(rows, state=state, **options)

    async def killed_sync(self, rows: Any, state: Path, *, at: int, after: bool = False, **options: Any) -> None:
        """Sync rows, and be killed at a request, if there are so many."""
        self.requests, self.dies_at, self.dies_after = 0, at, after
        try:
            await self.sync(rows, state, **options)
        except BaseException as error:
            if not is_killed(error):
                raise
        finally:
            self.dies_at, self.is_dead = None, False


class _Mortal(httpx.ASGITransport):
    def __init__(self, account: Account) -> None:
        super().__init__(app=account.simulator)
        self._account = account

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        account = self._account
        account.on_request(request)
        account.requests += 1
        dies = account.requests == account.dies_at
        account.is_dead = account.is_dead or (dies and not account.dies_after)
        if account.is_dead:
            raise Killed
        response = await super().handle_async_request(request)
        if dies:
            account.is_dead = True
            raise Killed
        return response


def is_killed(error: BaseException) -> bool:
    """Return whether an error is `Killed`, or a group of nothing else."""
    return isinstance(error, Killed) or (
        isinstance(error, BaseExceptionGroup) and all(map(is_killed, error.exceptions))
    )


def last_versions(rows: Iterable[Mapping[str, str]]) -> dict[int, str]:
    """Return the name that each contact has in its last row."""
    return {int(each["email"][1:].partition("@")[0]): each["name"] for each in rows}
