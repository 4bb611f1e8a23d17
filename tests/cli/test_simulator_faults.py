"""`salesmanago simulator --fault … --seed …`: a server that misbehaves as it was told."""

import hashlib
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from http.client import RemoteDisconnected
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from attrs import fields_dict

from salesmanago_async.simulator import Fault
from salesmanago_async.simulator._faults import HOWS, KINDS

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Environ = Mapping[str, str]


def post(account: Environ, path: str, **fields: Any) -> dict[str, Any]:
    client, key, secret = (account[f"SALESMANAGO_{name}"] for name in ("CLIENT_ID", "API_KEY", "API_SECRET"))
    sha = hashlib.sha1((key + client + secret).encode()).hexdigest()
    head = {"clientId": client, "apiKey": key, "sha": sha, "requestTime": int(time.time() * 1000)}
    body = {**head, "owner": account["SALESMANAGO_OWNER"], **fields}
    address = f"{account['SALESMANAGO_BASE_URL']}/api/{path}"
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.fixture
def simulate(start: Start) -> Callable[..., tuple[subprocess.Popen[str], Environ]]:
    """Return a function that starts a simulator with options, and gives the process and the variables it prints."""

    def simulate(*options: str) -> tuple[subprocess.Popen[str], Environ]:
        process = start("simulator", "--port", "0", "--job-seconds", "0", *options, environ={})
        assert process.stdout
        lines = [process.stdout.readline().removeprefix("export ").rstrip("\n") for _ in range(5)]
        return process, dict(line.split("=", 1) for line in lines)

    return simulate


def end(process: subprocess.Popen[str]) -> str:
    """Stop the server, and return what it complained of."""
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=20)[1]


def test_a_served_simulator_misbehaves_as_it_was_told(simulate: Callable[..., Any]) -> None:
    process, account = simulate(
        *("--fault", "503,path=contact/upsert,at=1,retry-after=2"),
        *("--fault", "reset-after,path=contact/upsert,at=2-3"),
        *("--fault", "failed-job"),
    )
    with pytest.raises(HTTPError) as fault:
        post(account, "contact/upsert", contact={"email": "a@example.com"})
    with fault.value as answer:
        assert (answer.code, answer.headers["Retry-After"]) == (503, "2")
    for name in "bc":
        with pytest.raises((ConnectionResetError, RemoteDisconnected)):
            post(account, "contact/upsert", contact={"email": f"{name}@example.com"})
    assert post(account, "contact/upsert", contact={"email": "d@example.com"})["success"] is True
    there = [post(account, "contact/hasContact", email=f"{name}@example.com")["result"] for name in "abcd"]
    assert there == [False, True, True, True]
    number = post(account, "contact/batchupsertv2", upsertDetails=[{"contact": {"email": "e@example.com"}}])[
        "requestId"
    ]
    assert post(account, "job/status", requestId=number)["success"] is False
    assert end(process) == ""


def test_a_seed_gives_the_same_faults_again(simulate: Callable[..., Any]) -> None:
    def statuses(seed: int) -> list[int]:
        process, account = simulate("--seed", str(seed), "--fault", "500,share=0.5")
        found = []
        for _ in range(40):
            try:
                post(account, "contact/hasContact", email="a@example.com")
                found.append(200)
            except HTTPError as error:
                with error:
                    found.append(error.code)
        end(process)
        return found

    first = statuses(1)
    assert first == statuses(1) != statuses(2)
    assert set(first) == {200, 500}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nosuch,at=1", ("'nosuch'", "reset-after", "failed-job", "503")),
        ("503,att=1", ("'att=1'", "retry-after=")),
        ("503,path=contact/upsrt", ("path", "'contact/upsert'")),
        ("slow", ("seconds", "needed")),
    ],
)
def test_a_bad_fault_is_one_line_that_names_the_part(text: str, said: tuple[str, ...], salesmanago: Command) -> None:
    ended = salesmanago("simulator", "--port", "0", "--fault", "503,at=1", "--fault", text)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert all(part in ended.stderr for part in (f"--fault {text!r}", *said))


def test_help_tells_the_grammar(salesmanago: Command) -> None:
    told = salesmanago("simulator", "--help")
    assert told.returncode == 0
    hows = [f"how={how}" for hows in HOWS.values() for how in hows]
    parts = [f"{name.replace('_', '-')}=" for name in fields_dict(Fault) if name not in {"kind", "status"}]
    for word in ("503", *KINDS[1:], *hows, *parts, "--seed"):
        assert f" {word}" in told.stdout


def test_every_fault_of_the_help_is_one(salesmanago: Command) -> None:
    told = salesmanago("simulator", "--help").stdout
    examples = re.findall(r"--fault (\S+,\S+)", told.partition("Examples:")[2])
    assert len(examples) >= 3
    for example in examples:
        Fault.parse(example)
