"""`salesmanago simulator --state DB`: the account outlives the process, however that ends."""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.request import urlopen

import pytest

from tests.cli.test_simulator_faults import Environ, Start, end, post

pytestmark = pytest.mark.ci

Simulate = Callable[..., tuple[subprocess.Popen[str], Environ]]


@pytest.fixture
def simulate(start: Start) -> Simulate:
    """Return a function that starts a simulator with a state file, and gives the process and the printed variables."""

    def simulate(*options: str) -> tuple[subprocess.Popen[str], Environ]:
        command = ("simulator", "--port", "0", "--job-seconds", "0", "--state", "account.db")
        process = start(*command, *options, environ={})
        assert process.stdout
        lines = [process.stdout.readline().removeprefix("export ").rstrip("\n") for _ in range(5)]
        return process, dict(line.split("=", 1) for line in lines)

    return simulate


def file_of(account: Environ, number: int) -> dict[str, Any]:
    with urlopen(post(account, "job/status", requestId=number)["fileUrl"], timeout=20) as file:
        found: dict[str, Any] = json.load(file)
    return found


def test_a_killed_simulator_is_found_again_as_it_was(simulate: Simulate) -> None:
    process, account = simulate()
    ann = post(account, "contact/upsert", contact={"email": "ann@example.com", "name": "Ann"})["contactId"]
    event = {"date": 1714550400000, "contactExtEventType": "CART"}
    event_id = post(account, "v2/contact/addContactExtEvent", email="ann@example.com", contactEvent=event)["eventId"]
    entries = [{"contact": {"email": f"c{number}@example.com"}} for number in range(100)]
    number = post(account, "contact/batchupsertv2", upsertDetails=entries)["requestId"]
    before = (post(account, "contact/list", email=["ann@example.com"]), file_of(account, number))
    process.kill()
    process.wait(timeout=20)

    process, account = simulate()
    assert (post(account, "contact/list", email=["ann@example.com"]), file_of(account, number)) == before
    (contact,) = before[0]["contacts"]
    assert (contact["id"], contact["contactExtEvents"][0]["eventId"]) == (ann, event_id)
    assert len(before[1]["contactIds"]) == 100
    assert post(account, "contact/batchupsertv2", upsertDetails=entries)["requestId"] == number + 1
    assert end(process) == ""


def test_what_was_answered_is_there_whenever_the_simulator_is_killed(simulate: Simulate) -> None:
    process, account = simulate()
    answered: list[str] = []
    killer = Timer(0.3, process.kill)
    killer.start()
    with suppress(OSError, HTTPException):
        while True:
            email = f"c{len(answered)}@example.com"
            post(account, "contact/upsert", contact={"email": email})
            answered.append(email)
    killer.join()
    assert answered

    process, account = simulate()
    there = [post(account, "contact/hasContact", email=email)["result"] for email in answered]
    assert there == [True] * len(answered)
    assert end(process) == ""


def test_an_unusable_state_file_is_one_line(simulate: Simulate, start: Start, tmp_path: Path) -> None:
    simulate()
    (tmp_path / "text.db").write_text("no database" * 100)
    for name, said in (("account.db", "in use"), ("text.db", "not a state file")):
        process = start("simulator", "--port", "0", "--state", name, environ={})
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err.count("\n")) == (2, "", 1)
        assert f"--state {name}: " in err
        assert said in err
