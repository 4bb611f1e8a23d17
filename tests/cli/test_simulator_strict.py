"""`salesmanago simulator` names undocumented fields on stderr; with --strict it refuses them."""

import json
import signal
import subprocess
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import pytest

pytestmark = pytest.mark.ci

Start = Callable[..., subprocess.Popen[str]]


@pytest.mark.parametrize("is_strict", [False, True])
def test_an_undocumented_field_is_named_or_refused(is_strict: bool, start: Start) -> None:
    process = start("simulator", "--port", "0", *(["--strict"] if is_strict else []), environ={})
    assert process.stdout
    lines = [process.stdout.readline().removeprefix("export SALESMANAGO_").rstrip("\n") for _ in range(5)]
    account = dict(line.split("=", 1) for line in lines)
    found: dict[str, Any] = {}
    body = {"username": account["OWNER"], "password": "demo-password", "nosuch": 1}
    for _ in range(2):
        request = Request(f"{account['BASE_URL']}/api/authorization/token", json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=10) as answer:
            found = json.load(answer)
        assert found["success"] is not is_strict
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=20)
    line = "authorization/token: nosuch is not a documented field; it is passed over\n"
    assert told == ("" if is_strict else line)
    assert found["message"] == (["nosuch: is not a documented field"] if is_strict else [])
    if not is_strict:
        assert found["endpoint"] == account["BASE_URL"]
