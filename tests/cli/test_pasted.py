"""What commands print to be pasted: it is run here as a shell would, and has to work."""

import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from salesmanago_async.api import ALL_REQUESTS
from salesmanago_async.simulator import DEMO_OWNER
from tests.cli.conftest import COMMAND

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Paste = Callable[[str], subprocess.CompletedProcess[str]]
QUICK = ("--poll-interval", "0.1")


def printed_commands(text: str) -> list[str]:
    """The commands in a text: those that end a line, and those in quotes."""
    return re.findall(r"(?:^ |:) (salesmanago .*)$", text, re.MULTILINE) + re.findall(r"'(salesmanago [^'\n]*)'", text)


@pytest.fixture
def paste(bare: Mapping[str, str], served: Mapping[str, str], tmp_path: Path) -> Paste:
    """Return a function that has a shell run a line, in which `salesmanago` is the command under test."""

    def paste(line: str) -> subprocess.CompletedProcess[str]:
        shell = f'salesmanago() {{ {shlex.join(COMMAND)} "$@"; }}\n{line}\n'
        return subprocess.run(
            ["sh", "-c", shell], cwd=tmp_path, env={**bare, **served}, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip

    return paste


@pytest.mark.parametrize(
    "options",
    [
        ("--out", "x.csv"),
        ("--out", "-"),
        ("--out", "-dashed name.jsonl"),
        ("--out", "my file.txt", "--format", "csv", "--raw-cells"),
        ("--out", "x.json", "--owner", DEMO_OWNER),
    ],
)
def test_the_line_that_fetches_an_export_once_more(
    salesmanago: Command, paste: Paste, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert salesmanago("call", "contact/upsert", '{"contact": {"email": "a@paste.pl"}}').returncode == 0
    ended = salesmanago("export", "contacts", "--email", "a@paste.pl", *options, *QUICK)
    assert ended.returncode == 0, ended.stderr
    target = tmp_path / options[1]
    before = ended.stdout if options[1] == "-" else target.read_text()
    if options[1] != "-":
        target.unlink()
    (line,) = printed_commands(ended.stderr)
    pasted = paste(line)
    assert pasted.returncode == 0, pasted.stderr
    assert (pasted.stdout if options[1] == "-" else target.read_text()) == before


def test_an_export_of_a_simulated_account_prints_nothing_to_paste(salesmanago: Command) -> None:
    ended = salesmanago("export", "contacts", "--email", "a@paste.pl", "--out", "x.csv", "--simulate")
    assert (ended.returncode, printed_commands(ended.stderr)) == (0, [])


@pytest.mark.parametrize("journal", ["it's.db", "run.db", "my run.db", "-run.db"])
def test_the_line_that_goes_on_with_an_import(
    salesmanago: Command, start: Start, paste: Paste, tmp_path: Path, journal: str
) -> None:
    rows = "".join(f"c{number}@paste.pl\n" for number in range(300))
    (tmp_path / "people.csv").write_text(f"email\n{rows}")
    process = start("import", "contacts", "people.csv", f"--journal={journal}", "--batch-size", 5, "--rate", 20, *QUICK)
    while not (tmp_path / journal).exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 3, err
    assert "check the network" not in err
    (line,) = (line for line in printed_commands(err) if line.startswith("salesmanago resume "))
    pasted = paste(line + " --rate 1000")
    assert pasted.returncode == 0, pasted.stderr
    assert re.search(r"^accepted +300$", pasted.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--owner", "nobody@vendor.pl"),
        ("call", "contact/hasContac", "--fields"),
        ("import", "contacts", "people.csv", "--owner", "nobody@vendor.pl"),
        ("simulator", "--fault", "nonsense"),
        ("resume", "nothing.db"),
    ],
)
def test_a_command_that_an_error_names_is_one(
    salesmanago: Command, paste: Paste, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "people.csv").write_text("email\na@paste.pl\n")
    ended = salesmanago(*arguments)
    assert ended.returncode == 2
    for line in printed_commands(ended.stderr):
        assert paste(line).returncode == 0, line


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost"])
def test_the_lines_of_a_simulator_make_the_next_command_work(
    start: Start, bare: Mapping[str, str], tmp_path: Path, host: str
) -> None:
    owner = "it's me@shop.pl"
    process = start("simulator", "--port", "0", "--host", host, environ={"SALESMANAGO_OWNER": owner})
    assert process.stdout
    exports = "".join(process.stdout.readline() for _ in range(5))
    shell = f"{exports}\n{shlex.join(COMMAND)} call user/listByClient"
    ended = subprocess.run(["sh", "-c", shell], env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["users"] == [owner]


def test_every_path_of_the_list_is_one(salesmanago: Command) -> None:
    listed = [line.split()[0] for line in salesmanago("call", "--list").stdout.splitlines()]
    assert listed == list(ALL_REQUESTS)
