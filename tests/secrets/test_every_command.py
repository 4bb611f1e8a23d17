"""Every command, with all loggers at DEBUG: no secret is in its output, its arguments or a file that it leaves."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import click
import pytest
from attrs import define

from salesmanago_async import Credentials
from salesmanago_async.cli._commands import salesmanago
from salesmanago_async.simulator import DEMO_OWNER, DEMO_PASSWORD, DEMO_PRODUCTS_KEY, Fault, Simulator
from tests.secrets.watching import content_of, leaks
from tests.serving import serving_app

pytestmark = pytest.mark.ci

API_KEY, SECRET = "k3y-of-mine", "s3cret-of-mine"
CREDENTIALS = Credentials(client_id="client", api_key=API_KEY, api_secret=SECRET)
SECRETS = (API_KEY, SECRET, CREDENTIALS.signature(), DEMO_PRODUCTS_KEY, DEMO_PASSWORD)
DATABASE_PASSWORD = "passw0rd-of-a-database"
PEOPLE = ("ann.kowalska@example.com", "Kowalska")

STDIN = {"init": f"client\n{API_KEY}\n{SECRET}\n{DEMO_OWNER}\n\n", "login": f"{DEMO_PASSWORD}\n"}

DEBUG = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
for name in ("httpx", "httpcore", "aiohttp", "asyncio", "salesmanago_async"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from salesmanago_async.cli import main
main()
"""

FILES = {
    "people.csv": "email,name,tags\nann.kowalska@example.com,Kowalska,VIP\nbob@example.com,Bob,\nKowalska,x,\n",
    "more.csv": "email,name\ncara@example.com,Kowalska\n",
    "events.csv": "email,date,contactExtEventType,value\nann.kowalska@example.com,2024-01-01,PURCHASE,9.99\n"
    "ann.kowalska@example.com,yesterday,PURCHASE,1\n",
    "products.csv": "productId,name,mainCategory,productUrl,available,price\n1,Tea,Drinks,https://shop.example/1,true,2\n",
    "leads.csv": "email,name\nann.kowalska@example.com,Kowalska\n",
    "page.html": "<html><script>var _smid = 'x';</script></html>",
    "feed.csv": "id,title,url,price\n1,Tea,https://shop.example/1,2\n",
}

COMMANDS: dict[str, str] = {
    "check": "check -v",
    "import contacts": "import contacts people.csv -v --journal people.db --rejects rejects.csv --report report.json",
    "resume": "resume people.db -v",
    "import events": "import events events.csv -v --journal events.db --rejects rejects2.csv",
    "import products": "import products products.csv -v --catalog {catalog} --journal products.db",
    "import leadoo": "import leadoo leads.csv -v",
    "sync contacts": "sync contacts more.csv -v --state state.db",
    "sync products": "sync products products.csv -v --catalog {catalog} --state products-state.db",
    "export contacts": "export contacts -v --tag VIP --out exported.csv",
    "export events": "export events -v --tag VIP --out exported-events.csv",
    "job status": "job status 1 -v",
    "job save": "job save {job} -v --out saved.json",
    "call": "call contact/hasContact - -v",
    "catalog list": "catalog list",
    "catalog create": "catalog create Main --currency EUR --location shop_de",
    "catalog delete": "catalog delete {catalog} --yes",
    "check-page": "check-page page.html",
    "leadoo-feed": "leadoo-feed feed.csv feed",
    "plan": "plan 2M",
    "init": "init settings.env",
    "login": "login --user {owner} --password-stdin --out account.env",
}
WITH_A_DATABASE: dict[str, str] = {
    "journal init": "journal init {database}",
    "quota set": "quota set {database}&quota=account&slots=2",
    "import contacts": "import contacts people.csv -v --journal {database}&run=a --quota {database}&quota=account",
    "resume": "resume {database}&run=a -v --quota {database}&quota=account",
    "journal list": "journal list {database}",
    "journal show": "journal show {database}&run=a",
    "quota show": "quota show {database}",
    "journal remove": "journal remove {database}&run=a",
}
"""Commands with an address that has a password. The arguments show it, as whoever gives it there knows."""
ELSEWHERE = {
    "demo": "it has no credentials but those of the simulated account",
    "rejected": "it prints the rows of a buffer by purpose, and has no credentials",
    "simulator": "it prints the credentials of the simulated account by purpose",
}
OF_PEOPLE = (
    "exported",
    "saved",
    "rejects",
    "people.csv",
    "more.csv",
    "events.csv",
    "leads.csv",
    "settings.env",
    "account.env",
)
"""Files that hold people, or credentials, by purpose."""


def leaves(command: click.Command, name: str = "") -> Iterator[str]:
    """Yield the names of all commands that do something."""
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from leaves(inner, f"{name} {word}".strip())
    else:
        yield name


def test_each_command_is_run_here_or_elsewhere() -> None:
    assert set(leaves(salesmanago)) == COMMANDS.keys() | WITH_A_DATABASE.keys() | ELSEWHERE.keys()


@define
class Ran:
    """What others may see of a command."""

    code: int
    said: str
    arguments: str


def arguments_of(process: int) -> str:
    """The arguments of a process and its children, as `ps` shows them to every user of the machine."""
    try:
        own = Path(f"/proc/{process}/cmdline").read_text(errors="replace")
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return ""
    return "\n".join([own, *(arguments_of(int(child)) for child in children)])


def run(words: str, folder: Path, environ: Mapping[str, str], stdin: str = "") -> Ran:
    """Run a command with all loggers at DEBUG, and look at its arguments while it runs."""
    command = [sys.executable, "-W", "ignore", "-c", DEBUG, *words.split()]
    said = folder / "said.txt"
    with said.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environ), stdin=subprocess.PIPE, stdout=output, stderr=output, text=True
        )
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        arguments = set[str]()
        while process.poll() is None:
            arguments.add(arguments_of(process.pid))
            time.sleep(0.02)
    text = said.read_text()
    said.unlink()
    return Ran(process.returncode, text, "\n".join(arguments))


@cache
def bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SALESMANAGO_")}


@pytest.fixture
def account() -> Iterator[tuple[Simulator, dict[str, str]]]:
    faults = [Fault("503", share=0.1), Fault("reset-before", share=0.1)]
    simulator = Simulator(CREDENTIALS, owners=(DEMO_OWNER,), job_seconds=0.05, faults=faults)
    with serving_app(simulator) as url:
        yield (
            simulator,
            {
                **bare(),
                "SALESMANAGO_BASE_URL": url,
                "SALESMANAGO_PRODUCTS_URL": url,
                "SALESMANAGO_CLIENT_ID": "client",
                "SALESMANAGO_API_KEY": API_KEY,
                "SALESMANAGO_API_SECRET": SECRET,
                "SALESMANAGO_OWNER": DEMO_OWNER,
                "SALESMANAGO_PRODUCTS_KEY": DEMO_PRODUCTS_KEY,
                "NO_PROXY": "*",
            },
        )


def test_no_command_shows_or_leaves_a_secret(account: tuple[Simulator, dict[str, str]], tmp_path: Path) -> None:
    simulator, environ = account
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    made = run("catalog create First --currency EUR --location shop_pl", tmp_path, environ)
    (catalog,) = re.findall(r'"catalog_id":"([^"]+)"', made.said)
    words = {"catalog": catalog, "job": "1", "owner": DEMO_OWNER}
    failed: dict[str, str] = {}
    for name, command in COMMANDS.items():
        if name == "job save":
            words["job"] = str(max(simulator._store.jobs))
        stdin = STDIN.get(name, '{"email": "ann.kowalska@example.com"}')
        quick = " --poll-interval 0.2" if " -v" in command else ""
        ran = run(command.format(**words) + quick, tmp_path, environ, stdin)
        if ran.code not in {0, 1}:
            failed[name] = ran.said[-500:]
        links = list(simulator._store._links)
        assert leaks(ran.said, (*SECRETS, *links)) == set(), name
        assert leaks(ran.arguments, SECRETS) == set(), name
        if name not in {"call", "init", "login"}:
            assert leaks(ran.said, PEOPLE) == set(), name
    assert failed == {}
    links = list(simulator._store._links)
    for path, content in content_of(tmp_path):
        text = content.decode(errors="replace")
        if path.suffix != ".env":
            assert leaks(text, (*SECRETS, *links)) == set(), path
        if not path.name.startswith(OF_PEOPLE):
            assert leaks(text, PEOPLE) == set(), path


def test_no_command_with_a_database_shows_its_password(
    account: tuple[Simulator, dict[str, str]], database: str, tmp_path: Path
) -> None:
    _, environ = account
    (tmp_path / "people.csv").write_text(FILES["people.csv"])
    address = database.replace("postgres@", f"postgres:{DATABASE_PASSWORD}@")
    for name, command in WITH_A_DATABASE.items():
        ran = run(command.format(database=address), tmp_path, {**environ, "SALESMANAGO_POLL_INTERVAL": "0.2"})
        assert ran.code in {0, 1}, (name, ran.said)
        assert leaks(ran.said, (*SECRETS, DATABASE_PASSWORD, *PEOPLE)) == set(), name
    for path, content in content_of(tmp_path):
        assert leaks(content.decode(errors="replace"), (*SECRETS, DATABASE_PASSWORD)) == set(), path


@pytest.mark.parametrize("wrong", ["SALESMANAGO_API_SECRET", "SALESMANAGO_PRODUCTS_KEY", "SALESMANAGO_BASE_URL"])
def test_no_failing_command_shows_a_secret(
    account: tuple[Simulator, dict[str, str]], tmp_path: Path, wrong: str
) -> None:
    _, environ = account
    (tmp_path / "people.csv").write_text(FILES["people.csv"])
    value = f"http://user:{SECRET}@127.0.0.1:1" if wrong.endswith("URL") else f"{SECRET}2"
    command = "catalog list" if wrong.endswith("PRODUCTS_KEY") else "import contacts people.csv -v --patience 1"
    ran = run(command, tmp_path, {**environ, wrong: value})
    assert ran.code in {2, 3}, ran.said
    assert leaks(ran.said, (*SECRETS, f"{SECRET}2", *PEOPLE)) == set()
