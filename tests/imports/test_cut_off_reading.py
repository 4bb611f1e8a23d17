"""A source that ends the program (Ctrl-C, `sys.exit`) while it is read: the report adds up all the same."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import Outcomes, Report, SalesManago
from tests.imports.harness import STATES

pytestmark = pytest.mark.anyio


class Quit(BaseException):
    """Is no error that a run handles, as KeyboardInterrupt is none."""


class Quitting(dict[str, Any]):
    """A row that quits when it is encoded."""

    def items(self) -> Any:
        raise Quit

    __iter__ = keys = get = __getitem__ = items  # type: ignore[assignment]


def row(position: int) -> dict[str, Any]:
    return {"email": f"c{position}@example.com" if position % 5 else "nobody"}


def raising(at: int) -> Iterator[Any]:
    yield from map(row, range(at))
    raise Quit


def encoding(at: int) -> Iterator[Any]:
    yield from map(row, range(at))
    yield Quitting(email="a@example.com")


async def raising_later(at: int) -> AsyncIterator[Any]:
    for each in raising(at):
        yield each


async def encoding_later(at: int) -> AsyncIterator[Any]:
    for each in encoding(at):
        yield each


SOURCES = [raising, encoding, raising_later, encoding_later]
OPTIONS = [{}, {"batch_size": 2}, {"dry_run": True}, {"journal": True}]


async def report_of(sm: SalesManago, source: Any, **options: Any) -> Report:
    """Execute a run that is cut off, and return its report."""
    async with sm.contacts.upserting(source, **options) as outcomes:
        with pytest.raises(Quit):
            await read_to_end(outcomes)
        return outcomes.report


async def read_to_end(outcomes: Outcomes[Any]) -> None:
    async for _ in outcomes:
        pass


@pytest.mark.parametrize("at", [0, 1, 99, 100, 250, 1200])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("source", SOURCES)
async def test_the_report_adds_up(
    sm: SalesManago, tmp_path: Path, source: Callable[[int], Any], options: dict[str, Any], at: int
) -> None:
    if options.get("journal"):
        options = {"journal": tmp_path / "journal"}
        await sm.contacts.upsert_many(map(row, range(at // 2)), **options)
    report = await report_of(sm, source(at), **options)
    assert at <= report.read <= at + 1
    assert report.read == sum(getattr(report, state) for state in STATES)
    assert report.rejected == (at + 4) // 5
