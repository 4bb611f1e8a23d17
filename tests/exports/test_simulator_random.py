"""Exports from a simulator with random faults, at random places of a big file."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Retries, SalesManagoError
from salesmanago_async.simulator import Fault
from tests.conftest import BACKENDS, EPOCH, examples, run_virtually
from tests.exports.harness import KINDS, Account, Export, connected, contacts, opened
from tests.exports.hosts import small_blocks


def clock() -> float:
    """A time that stands still, because one account is used on many event loops."""
    return EPOCH


@cache
def small() -> Account:
    """Return an account with files of some hundred bytes."""
    return run_virtually("asyncio", lambda: opened(contacts(3), ["TAG"], clock=clock))


@cache
def big() -> Account:
    """Return an account with an array of 800 KB: more than a spool keeps in memory."""
    return run_virtually("asyncio", lambda: opened(contacts(200, noise=3000), ["CONTACT", "PROPERTIES"], clock=clock))


def export(account: Account, kind: str, *faults: Fault, backend: str, **options: Any) -> Export:
    async def act() -> Export:
        async with connected(account, clock=clock, **options) as world:
            return await world.export(kind, *faults)

    return run_virtually(backend, act)


BREAKS: list[Any] = ["truncated", "reset-after", "expired"]


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None, max_examples=examples(10))
@given(st.lists(st.tuples(st.sampled_from(BREAKS), st.integers(0, 400_000)), max_size=5))
def test_a_big_file_that_breaks_at_random_places_comes_whole(backend: str, breaks: list[tuple[Any, int]]) -> None:
    account = big()
    assert account.sizes["json"] > 700_000
    faults = [Fault(kind, path="files", after=after, at=2 * number + 1) for number, (kind, after) in enumerate(breaks)]
    found = export(account, "json", *faults, backend=backend, retries=Retries(tries=9))
    assert found.error is None
    assert found.records == account.records["json"]


PLACES = st.integers(0, 400)
HOWS = {"other-file": ["reordered", "page", "bomb", "outside"], "wrong-range": ["ignored", "start", "total", "version"]}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """A random fault of files, at some of the requests."""
    at = draw(st.none() | st.lists(st.integers(1, 8), min_size=1, max_size=4))
    kind: Any = draw(st.sampled_from([*BREAKS, *HOWS, "garbled", "wrong-length", "status", "reset-before", "trickle"]))
    extra: dict[str, Any] = {}
    if kind in {*BREAKS, "garbled"}:
        extra["after"] = draw(st.none() | PLACES)
    elif kind == "wrong-length":
        extra["by"] = draw(st.integers(-400, 400).filter(bool))
    elif kind in HOWS:
        extra["how"] = draw(st.sampled_from(HOWS[kind]))
    elif kind == "status":
        extra["status"] = draw(st.sampled_from([400, 403, 404, 410, 416, 429, 500, 503]))
    elif kind == "trickle":
        extra["seconds"] = draw(st.sampled_from([1, 100]))
    return Fault(kind, path="files", at=at, **extra)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None, max_examples=examples(60))
@given(st.sampled_from(KINDS), st.lists(faults(), min_size=1, max_size=5), st.integers(1, 100))
def test_any_host_yields_one_whole_version_or_an_error(
    backend: str, kind: str, script: list[Fault], block: int
) -> None:
    account = small()
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, block)
        found = export(account, kind, *script, backend=backend)
    versions = [account.records[kind], account.records[kind][::-1]]
    if found.error is None:
        assert found.records in versions
    else:
        assert isinstance(found.error, SalesManagoError)
        assert any(records[: len(found.records)] == found.records for records in versions)
