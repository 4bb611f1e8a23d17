"""No command ends in a traceback: odd file names and encodings, damaged state files, and what nobody thought of."""

import encodings.aliases
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import anyio
import httpx
import pytest
from click.testing import CliRunner, Result

from salesmanago_async import Contact, Invalid, SalesManago
from salesmanago_async.cli._commands import salesmanago as commands
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator

Command = Callable[..., subprocess.CompletedProcess[str]]

CONTACTS = ("import", "contacts", "good.csv", "--simulate")
PATHS = {
    "contacts from csv": (("import", "contacts", "{}", "--simulate"), ".csv"),
    "contacts from jsonl": (("import", "contacts", "{}", "--simulate"), ".jsonl"),
    "contacts from parquet": (("import", "contacts", "{}", "--dry-run"), ".parquet"),
    "leads": (("import", "leadoo", "{}", "--simulate"), ".csv"),
    "events": (("import", "events", "{}", "--simulate"), ".csv"),
    "journal": ((*CONTACTS, "--journal", "{}"), ".db"),
    "rejects": ((*CONTACTS, "--rejects", "{}"), ".csv"),
    "report": ((*CONTACTS, "--report", "{}"), ".json"),
    "env-file": ((*CONTACTS, "--env-file", "{}"), ".env"),
    "resume": (("resume", "{}", "--simulate"), ".db"),
    "rejected": (("rejected", "{}"), ".db"),
    "out of all": (("export", "contacts", "--simulate", "--all", "--out", "{}"), ".jsonl"),
    "out as csv": (("export", "contacts", "--simulate", "--all", "--out", "{}"), ".csv"),
    "out of a job": (("job", "save", "1", "--simulate", "--out", "{}"), ".jsonl"),
    "state of an export": (
        ("export", "contacts", "--simulate", "--modified-since", "2024-01-01", "--out", "o.jsonl", "--state", "{}"),
        ".json",
    ),
    "settings": (("login", "--user", "a@b.pl", "--password-stdin", "--out", "{}"), ".env"),
    "page": (("check-page", "{}"), ".html"),
    "table of products": (("leadoo-feed", "{}", "out"), ".csv"),
    "feed of products": (("leadoo-feed", "{}", "out"), ".xml"),
    "folder of products": (("leadoo-feed", "good.csv", "{}"), ""),
    "state of a simulator": (("simulator", "--port", "0", "--host", "nowhere.invalid", "--state", "{}"), ".db"),
}
ODD = {
    "circle of links": "circle{}",
    "folder": "folder{}",
    "long name": "x" * 300 + "{}",
    "long path": "/".join(["y" * 200] * 30) + "{}",
    "below a file": "good.csv/x{}",
    "in no folder": "no/such/x{}",
    "empty": "",
    "this folder": ".",
}
MAY_BE = {
    ("folder of products", "this folder"),
    ("folder of products", "folder"),
    ("folder of products", "in no folder"),
}
"""What is no mistake."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a file of contacts, and of each suffix a link to itself and a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text("email,name,id,title,url\na@b.pl,A,1,One,https://x.pl/1\n")
    for suffix in {suffix for _, suffix in PATHS.values()}:
        (tmp_path / f"circle{suffix}").symlink_to(f"circle{suffix}")
        (tmp_path / f"folder{suffix}").mkdir()
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, env={"SALESMANAGO_CLIENT_ID": None, "SALESMANAGO_DEBUG": None})


@pytest.mark.sampled
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", PATHS)
def test_an_odd_name_of_a_file_is_said_in_words(name: str, odd: str, folder: Path) -> None:
    arguments, suffix = PATHS[name]
    if (name, odd) in MAY_BE:
        return
    path = ODD[odd].format(suffix)
    before = {*folder.rglob("*")}
    ended = invoke(*(argument.format(path) for argument in arguments))
    assert ended.exit_code == 2, (ended.output, ended.exception)
    assert isinstance(ended.exception, SystemExit | None)
    assert "of this program" not in ended.stderr
    assert ended.stderr.startswith(("salesmanago: ", "Usage: "))
    assert [path.name for path in {*folder.rglob("*")} - before if path.name != "out"] == []


@pytest.mark.sampled
@pytest.mark.parametrize("encoding", sorted({*encodings.aliases.aliases.values(), "idna", "punycode", "undefined"}))
def test_every_encoding_that_python_knows_is_read_or_refused(encoding: str, folder: Path) -> None:
    ended = invoke("import", "contacts", "good.csv", "--dry-run", "--encoding", encoding, "--extra-columns", "ignore")
    assert ended.exit_code in {0, 1, 2}, ended.output
    assert isinstance(ended.exception, SystemExit | None)
    assert "of this program" not in ended.stderr


@pytest.mark.parametrize(
    ("encoding", "says"),
    [
        ("utf-16", "good.csv: line 1 is not utf-16"),
        ("utf-32", "good.csv: line 1 is not utf-32"),
        ("rot13", "there is no encoding 'rot13'"),
        ("base64", "there is no encoding 'base64'"),
        ("idna", "good.csv: line 1 is not idna"),
        ("punycode", "good.csv: line 1 is not punycode"),
        ("\udcff", "there is no encoding"),
    ],
)
def test_an_encoding_that_does_not_fit_is_one_line(encoding: str, says: str, folder: Path, run: Command) -> None:
    ended = run("import", "contacts", "good.csv", "--dry-run", "--encoding", encoding, folder=folder)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1), ended.stderr
    assert says in ended.stderr


def test_a_name_that_is_no_utf_8_is_shown(folder: Path, run: Command) -> None:
    ended = run("export", "contacts", "--simulate", "--all", "--out", "\udcff.jsonl", folder=folder)
    assert ended.returncode == 0, ended.stderr
    assert "\\udcff.jsonl" in ended.stdout


async def fill(path: Path) -> bytes:
    """Make the state file of a simulator, and return what is in it."""
    simulator = Simulator(state=path, job_seconds=0.0)
    transport = httpx.ASGITransport(app=simulator)
    async with SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=transport, poll_interval=0.01) as sm:
        await sm.contacts.upsert_many(
            [Contact(email=f"c{number}@example.com", tags=["A"]) for number in range(20)], batch_size=10
        )
        for number in range(6):
            await sm.contacts.upsert(Contact(email=f"d{number}@example.com", properties={"size": "L"}))
    simulator.close()
    return path.read_bytes()


def spoilt(content: bytes, random: Random) -> bytes:
    """Return a file with odd bytes, a cut one, or one whose texts are others."""
    harmed = bytearray(content)
    how = random.choice(["bytes", "cut", "text"])
    if how == "cut":
        return bytes(harmed[: random.randrange(len(harmed))])
    if how == "bytes":
        for _ in range(random.randint(1, 40)):
            harmed[random.randrange(len(harmed))] = random.randrange(256)
    else:
        start = harmed.find(random.choice([b"contact", b"upsert", b"email", b"owner", b"moment"]))
        harmed[start : start + 3] = random.choice([b"\xff\xff\xff", b'"""', b"nul", b"\0\0\0"])
    return bytes(harmed)


@pytest.mark.anyio
async def test_a_damaged_state_of_a_simulator_is_refused_in_words(tmp_path: Path) -> None:
    content = await fill(tmp_path / "whole.db")
    random = Random(13)
    refused = 0
    for number in range(300):
        path = tmp_path / f"{number}.db"
        path.write_bytes(spoilt(content, random))
        try:
            Simulator(state=path).close()
        except Invalid:
            refused += 1
    assert refused > 100


@pytest.mark.ci
def test_a_damaged_state_ends_the_command_with_one_line(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    content = anyio.run(fill, tmp_path / "whole.db")
    place = content.index(b'"contact":')
    (tmp_path / "bad.db").write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    process = start("simulator", "--port", "0", "--state", "bad.db", environ={})
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("salesmanago: --state bad.db: is damaged")


BROKEN = """
import sys
from salesmanago_async import cli
from salesmanago_async.cli import call
call.reference_table = call._print_list = None
call.call.callback = lambda **_: [][1]
sys.argv = ["salesmanago", "call", "contact/hasContact"]
cli.main()
"""


@pytest.mark.sampled
@pytest.mark.parametrize(("environ", "lines"), [({}, 1), ({"SALESMANAGO_DEBUG": "1"}, None)])
def test_what_nobody_thought_of_is_one_line_and_a_traceback_on_demand(
    environ: Mapping[str, str], lines: int | None, bare: Mapping[str, str]
) -> None:
    command: Sequence[str] = (sys.executable, "-c", BROKEN)
    ended = subprocess.run(command, env={**bare, **environ}, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ("Traceback" in ended.stderr) is (lines is None)
    if lines:
        assert ended.stderr.count("\n") == lines
        assert "IndexError" in ended.stderr
        assert "SALESMANAGO_DEBUG=1" in ended.stderr
