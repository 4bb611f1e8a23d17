"""Whole runs: rows → bodies → requests → jobs → results. All ways send three requests for each thousand of contacts.

One posts the contacts, one looks at the job, one gets its result file, which names every contact. 16 are in flight. The
server answers at once. Each way runs in a process of its own, as a program does, and is measured in time of the
processor: nothing of another way is imported there, and the garbage collector works as it does anywhere.

The peers are of two kinds. Careful code uses a fast client and a fast codec; what checks as much as ours does is told
apart from what checks nothing. The other kind is what people write first. The price of the journal is told in floors of
contacts, as a part of the run it would look worse with every gain elsewhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks import floors, ours, toolkit, written
from benchmarks.alone import cpu_alone
from benchmarks.certificate import trusted_certificate
from benchmarks.optional import installed
from benchmarks.peers import sending
from benchmarks.peers.clients import Name
from benchmarks.row import FLOOR, OURS, Row, Way, Ways, faster, price, times
from benchmarks.sink import sink

IN_FLIGHT = 16
OVER_AIOHTTP = "ours, over aiohttp"
CHECKED = "aiohttp + orjson + msgspec"
SEMAPHORE = "httpx + semaphore + cattrs"
WITHOUT_JOURNAL, WITHOUT_TLS, PLAIN = "the run without", "the run without TLS", "the run of a plain generator"


def _ours(address: str, size: int) -> Ways:
    return {
        OURS: cpu_alone(ours.run, address, size, in_flight=IN_FLIGHT),
        OVER_AIOHTTP: cpu_alone(ours.run, address, size, in_flight=IN_FLIGHT, transport="aiohttp")
        if installed("aiohttp")
        else None,
    }


def _floor(address: str, size: int) -> Way:
    return cpu_alone(floors.upsert_all, address, size, in_flight=IN_FLIGHT)


def _careful(address: str, size: int, client: Name, codec: sending.Codec) -> Way:
    """Return the way of careful code."""
    if not (installed(client) and (codec == "unchecked" or installed("msgspec"))):
        return None
    return cpu_alone(sending.upsert_all, address, size, in_flight=IN_FLIGHT, client=client, codec=codec)


@contextmanager
def _whole(size: int) -> Iterator[Ways]:
    with sink() as address:
        yield {
            **_ours(address, size),
            FLOOR: _floor(address, size),
            CHECKED: _careful(address, size, "aiohttp", "checked"),
            SEMAPHORE: cpu_alone(written.upsert_with_semaphore, address, size, in_flight=IN_FLIGHT),
            "aiohttp + orjson, nothing checked": _careful(address, size, "aiohttp", "unchecked"),
            "httpx + orjson + msgspec": _careful(address, size, "httpx", "checked"),
            "pyreqwest + orjson + msgspec": _careful(address, size, "pyreqwest", "checked"),
            "pyreqwest + orjson, nothing checked": _careful(address, size, "pyreqwest", "unchecked"),
            "httpx + gather + cattrs": cpu_alone(written.upsert_with_gather, address, size),
            "salesmanago-toolkit, jobs not followed": toolkit.way(address, size, in_flight=IN_FLIGHT),
        }


@contextmanager
def _asynchronous(size: int) -> Iterator[Ways]:
    with sink() as address:
        yield {
            OURS: cpu_alone(ours.run, address, size, in_flight=IN_FLIGHT, asynchronous=True),
            PLAIN: cpu_alone(ours.run, address, size, in_flight=IN_FLIGHT),
        }


@contextmanager
def _tls(size: int) -> Iterator[Ways]:
    if not installed("trustme"):
        yield {OURS: None}
        return
    with trusted_certificate() as certificate, sink() as plain, sink(certificate=certificate) as address:
        yield {
            **_ours(address, size),
            WITHOUT_TLS: cpu_alone(ours.run, plain, size, in_flight=IN_FLIGHT),
            CHECKED: _careful(address, size, "aiohttp", "checked"),
        }


@contextmanager
def _journal(kind: ours.Kind, size: int) -> Iterator[Ways]:
    with sink() as address:
        yield {
            OURS: cpu_alone(ours.run_with_journal, address, size, kind=kind, in_flight=IN_FLIGHT),
            WITHOUT_JOURNAL: cpu_alone(ours.run, address, size, kind=kind, in_flight=IN_FLIGHT),
            FLOOR: _floor(address, size),
        }


ROWS = (
    Row(
        name="run",
        what="whole run, mappings, no journal",
        ways=_whole,
        targets=(
            times(2.8, quick=3.6),
            times(2.3, way=OVER_AIOHTTP, quick=3.2),
            faster(1.1, CHECKED, way=OVER_AIOHTTP, quick=0.8),
            faster(4.0, SEMAPHORE, quick=2.8),
        ),
        size=100_000,
        quick_size=20_000,
    ),
    Row(
        name="run-async",
        what="whole run, mappings of an asynchronous generator",
        ways=_asynchronous,
        targets=(times(1.5, PLAIN, quick=2.0),),
        size=100_000,
        quick_size=20_000,
    ),
    Row(
        name="run-tls",
        what="whole run over TLS",
        ways=_tls,
        targets=(times(1.3, WITHOUT_TLS),),
        size=100_000,
        quick_size=20_000,
    ),
    Row(
        name="journal",
        what="the journal's price, contacts",
        ways=partial(_journal, "contacts"),
        targets=(price(0.35, WITHOUT_JOURNAL, quick=0.9),),
        size=100_000,
        quick_size=20_000,
    ),
    Row(
        name="journal-events",
        what="the journal's price, events",
        ways=partial(_journal, "events"),
        targets=(price(0.35, WITHOUT_JOURNAL, quick=0.9),),
        size=100_000,
        quick_size=None,
    ),
)
