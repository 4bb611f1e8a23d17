"""`salesmanago simulator --page --log`: the page at its address, and a line for each request."""

import signal
import subprocess
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from salesmanago_async.simulator import DEMO_CREDENTIALS
from tests.cli.accounts import ask

pytestmark = pytest.mark.ci

Start = Callable[..., subprocess.Popen[str]]


class Served:
    """A simulator that was started with options, its variables, and the line after them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        self.process = process
        lines = [process.stdout.readline().rstrip("\n") for _ in range(8)]
        self.environ: Mapping[str, str] = dict(line.removeprefix("export ").split("=", 1) for line in lines[:7])
        self.remark = lines[7]
        self.address = self.environ["SALESMANAGO_BASE_URL"]

    def end(self) -> str:
        """End it with Ctrl-C; return what it wrote on stderr."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)[1]


@pytest.fixture
def simulate(start: Start) -> Callable[..., Served]:
    return lambda *options: Served(start("simulator", "--port", "0", "--job-seconds", "0", *options, environ={}))


def read(address: str) -> str:
    with urlopen(address, timeout=20) as answer:
        return str(answer.read().decode())


def test_the_page_is_at_its_address(simulate: Callable[..., Any]) -> None:
    served = simulate()
    assert served.remark == f"# The page: {served.address}/; Ctrl-C ends the simulator."
    ask(served.environ, "contact/upsert", contact={"email": "ann@example.com"})
    assert "ann@example.com" in read(f"{served.address}/")
    assert served.end() == ""


def test_there_may_be_no_page(simulate: Callable[..., Any]) -> None:
    served = simulate("--no-page")
    assert served.remark == "# Ctrl-C ends the simulator."
    for path in ("/", "/-/requests/1"):
        with pytest.raises(HTTPError) as missing:
            read(served.address + path)
        with missing.value as answer:
            assert answer.code == 404


@pytest.mark.parametrize("page", ["--page", "--no-page"])
def test_the_log_has_a_line_for_each_request(page: str, simulate: Callable[..., Any]) -> None:
    served = simulate("--log", page, "--fault", "slow,seconds=0,path=contact/hasContact")
    ask(served.environ, "contact/batchupsertv2", upsertDetails=[{"contact": {"email": f"{n}@a.example"}} for n in "ab"])
    ask(served.environ, "contact/hasContact", email="a@a.example")
    ask(served.environ, "contact/upsert", contact={"email": "a@a.example", "nmae": "Ann"})
    ask(served.environ, "contact/upsert", contact={"email": "nobody"})
    written = served.end()
    lines = [line for line in written.splitlines() if line[2:3] == ":"]
    assert [line.split()[1:3] for line in lines] == [
        ["200", "contact/batchupsertv2"],
        ["200", "contact/hasContact"],
        ["200", "contact/upsert"],
        ["200", "contact/upsert"],
    ]
    for line, said in zip(
        lines,
        [
            "2 records",
            "fault slow,path=contact/hasContact,seconds=0",
            "not documented: contact.nmae",
            "is not an e-mail",
        ],
        strict=True,
    ):
        assert said in line
    assert not [secret for secret in (DEMO_CREDENTIALS.api_secret, DEMO_CREDENTIALS.signature()) if secret in written]
