"""Night after night with any rows, kills and failures: after a night that goes well, the account is as the source says.

Besides, a night without any change sends only rows whose key is there more than once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.simulator import Fault, Simulator
from tests.conftest import BACKENDS, examples, run_virtually, wall_clock
from tests.sync.nights import PEOPLE, Account, last_versions, row
from tests.virtual_disk import virtual_disk

pytestmark = pytest.mark.ci

FAULTS = (
    "failed-job",
    "503,path=contact/batchupsertv2",
    "reset-after,path=contact/batchupsertv2",
    "garbled,path=files",
)


@frozen
class Night:
    """The rows of a night, and what goes wrong in it."""

    rows: Sequence[Mapping[str, str]]
    dies_at: int | None
    dies_after: bool
    fault: str | None
    is_full: bool


JOB_SECONDS = 1.0
BETWEEN_NIGHTS = 2 * JOB_SECONDS
"""Jobs of a sync that was killed end before the next one: one of them could add a contact after it is deleted."""
FEW = PEOPLE[:5]
"""So few that many nights have the same rows."""
INVALID = {"email": "no address", "name": "x"}
_valid_rows = st.lists(st.builds(row, st.sampled_from(FEW), st.integers(0, 1)), max_size=8)
_rows = st.lists(st.builds(row, st.sampled_from(FEW), st.integers(0, 1)) | st.just(INVALID), max_size=8)
_nights = st.builds(
    Night,
    rows=_rows,
    dies_at=st.none() | st.integers(1, 8),
    dies_after=st.booleans(),
    fault=st.none() | st.sampled_from(FAULTS),
    is_full=st.sampled_from([False, False, False, True]),
)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=examples(80), deadline=None)
@given(nights=st.lists(_nights, max_size=5), last=_valid_rows, removed=st.sampled_from(["keep", "delete"]))
def test_no_change_is_missed(
    backend: str,
    nights: Sequence[Night],
    last: Sequence[Mapping[str, str]],
    removed: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async def live_through_them() -> None:
        account = Account(Simulator(clock=wall_clock, job_seconds=JOB_SECONDS))
        with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
            state = Path(folder) / "customers.db"
            for night in nights:
                account.simulator.faults = [Fault.parse(f"{night.fault},share=0.5")] if night.fault else []
                await _spend(account, night, state, removed)
                await anyio.sleep(BETWEEN_NIGHTS)
            account.simulator.faults = []
            report = await account.sync(last, state, batch_size=2, removed=removed, max_removed=1)
            assert report.complete
            assert report.accepted == report.read
            names = await account.names()
            wanted = last_versions(last)
            assert {number: names[number] for number in wanted} == wanted
            if removed == "delete":
                assert {*names} == {*wanted}
            again = await account.sync(last, state, batch_size=2, removed=removed)
            repeated = sum(count for count in Counter(each["email"] for each in last).values() if count > 1)
            assert again.read <= repeated
            assert (again.added, again.removed) == (0, 0)

    with virtual_disk():
        run_virtually(backend, live_through_them)


async def _spend(account: Account, night: Night, state: Path, removed: str) -> None:
    options: dict[str, Any] = {"batch_size": 2, "full": night.is_full, "patience": 20, "removed": removed}
    options["max_removed"] = 1
    if night.dies_at is None:
        await account.sync(night.rows, state, **options)
    else:
        await account.killed_sync(night.rows, state, at=night.dies_at, after=night.dies_after, **options)
