"""The memory of a command does not grow with its input, no more than that of the library."""

import sys
from pathlib import Path

import pytest

from benchmarks.sink import sink
from tests.peak_memory import run_and_measure

pytestmark = pytest.mark.ci

RUN = """
import sys
PACE = "--poll-interval", "0.2", "--concurrency", "8"  # memory grows with what is in flight
from salesmanago_async import cli

path, address = sys.argv[1:]
sys.argv = ["salesmanago", "import", "contacts", path, "--base-url", address, *PACE]
try:
    cli.main()
except SystemExit as ended:
    assert ended.code == 0, ended.code
"""


def peak_megabytes(folder: Path, rows: int, address: str) -> float:
    with (folder / "people.csv").open("w") as file:
        file.write("email,name,tags,properties.size\n")
        file.writelines(f"c{number}@example.com,Name {number},VIP,XL\n" for number in range(rows))
    printed, peak = run_and_measure(RUN, folder / "people.csv", address)
    assert f"accepted   {rows:>12,}" in printed
    return peak


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of a process in /proc")
def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENT_ID", "API_KEY", "API_SECRET"):
        monkeypatch.setenv(f"SALESMANAGO_{name}", "x")
    monkeypatch.setenv("SALESMANAGO_OWNER", "o@x.pl")
    with sink() as address:
        few, many = (peak_megabytes(tmp_path, rows, address) for rows in (15_000, 150_000))
    assert many - few < 20
