"""Bad arguments, input, credentials and servers: exit 2, one line on stderr that names place and remedy, no results."""

import csv
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from attrs import field, frozen

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]

QUICK = ("--poll-interval", "0.1")
CONTACTS, EVENTS = ("import", "contacts", *QUICK), ("import", "events", *QUICK)
CALL, EXPORT = ("call",), ("export", "contacts", *QUICK)
EXPORT_ANN = (*EXPORT, "--email", "ann@example.com")
NO_CREDENTIALS = {f"SALESMANAGO_{name}": "" for name in ("CLIENT_ID", "API_KEY", "API_SECRET")}
EVENT = '{"email": "ann@example.com", "contactEvent": {"date": %s, "contactExtEventType": "CART"}}'


@frozen
class Bad:
    """What is run, and what its one line must say."""

    name: str
    arguments: Sequence[str]
    says: Sequence[str]
    stdin: str = ""
    environ: Mapping[str, str] = field(factory=dict)
    shows: Sequence[str] = ()
    """What each line of the output begins with."""


CHECKED = ("host", "credentials", "owner", "clock")
BAD = [
    # credentials and server
    Bad("no-credentials", ["check"], ["SALESMANAGO_CLIENT_ID", "API_SECRET", "salesmanago init", "--simulate"],
        environ=NO_CREDENTIALS, shows=CHECKED),
    Bad("no-api-key", [*CONTACTS, "good.csv"], ["set SALESMANAGO_API_KEY"], environ={"SALESMANAGO_API_KEY": ""}),
    Bad("wrong-secret", [*CONTACTS, "good.csv"], ["Not authenticated", "secret", "salesmanago check"],
        environ={"SALESMANAGO_API_SECRET": "wrong"}),
    Bad("unknown-owner", [*CONTACTS, "good.csv", "--owner", "nobody@vendor.pl"], ["owner", "salesmanago check"]),
    Bad("no-owner", [*EVENTS, "events.csv"], ["owner", "salesmanago check"], environ={"SALESMANAGO_OWNER": ""}),
    Bad("plain-http", ["check", "--base-url", "http://example.com"], ["http://example.com", "https"], shows=CHECKED),
    Bad("unreachable", ["check", "--base-url", "http://127.0.0.1:1"], ["127.0.0.1:1", "network", "base URL"],
        shows=CHECKED),
    Bad("html-200", ["check", "--base-url", "{html}/200"], ["200", "text/html", "<html>"], shows=CHECKED),
    Bad("html-502", ["check", "--base-url", "{html}/502"], ["502"], shows=CHECKED),
    Bad("html-404", ["check", "--base-url", "{html}/404"], ["404", "text/html", "base_url"], shows=CHECKED),
    Bad("yaml-env-file", ["check", "--env-file", "yaml.env"], ["yaml.env", "line 2", "SALESMANAGO_API_KEY='…'"]),
    Bad("binary-env-file", ["check", "--env-file", "binary.csv"], ["binary.csv"]),
    # files
    Bad("missing-file", [*CONTACTS, "nosuch.csv"], ["nosuch.csv", "No such file"]),
    Bad("folder", [*CONTACTS, "folder.csv"], ["folder.csv", "is a folder", "one by one"]),
    Bad("binary-csv", [*CONTACTS, "binary.csv"], ["binary.csv", "not a text file"]),
    Bad("unknown-suffix", [*CONTACTS, "people.dat"], ["people.dat", ".csv", ".jsonl", "--format csv"]),
    Bad("old-workbook", [*CONTACTS, "people.xls"], ["people.xls", "save it as .xlsx or .csv"]),
    Bad("wrong-encoding", [*CONTACTS, "cp1250.csv"], ["cp1250.csv", "not UTF-8 (line 2)", "--encoding cp1250"]),
    Bad("accent-in-header", [*CONTACTS, "accent.csv"], ["accent.csv", "column 2", "--encoding cp1250 reads 'Imię'"]),
    Bad("csv-named-jsonl", [*CONTACTS, "table.jsonl"], ["table.jsonl", "looks like CSV", "--format csv"]),
    Bad("jsonl-named-csv", [*CONTACTS, "lines.csv"], ["lines.csv", "looks like JSON lines", "--format jsonl"]),
    Bad("json-object", [*CONTACTS, "object.json"], ["object.json", "JSON lines", "--format jsonl"]),
    Bad("stdin-without-format", [*CONTACTS, "-"], ["standard input", "--format csv"], stdin="email\na@b.pl\n"),
    Bad("stdin-with-journal", [*CONTACTS, "-", "--format", "csv", "--journal", "j.db"],
        ["standard input", "only once", "leave out --journal"], stdin="email\na@b.pl\n"),
    Bad("stdin-twice", [*CONTACTS, "-", "-", "--format", "csv"], ["standard input", "twice"], stdin="email\na@b.pl\n"),
    Bad("empty-file", [*CONTACTS, "empty.csv"], ["empty.csv", "header"]),
    Bad("open-quote-in-header", [*CONTACTS, "quote.csv"], ["quote.csv", "header"]),
    Bad("half-a-utf-16-character", [*CONTACTS, "half.csv"], ["half.csv", "utf-16"]),
    Bad("unknown-encoding", [*CONTACTS, "good.csv", "--encoding", "nosuch"], ["nosuch", "encoding"]),
    Bad("long-delimiter", [*CONTACTS, "good.csv", "--delimiter", ";;"], ["delimiter", ";;"]),
    # columns
    Bad("misspelt-column", [*CONTACTS, "e_mial.csv"], ["e_mial.csv", "--map e_mial=email"]),
    Bad("strange-column", [*CONTACTS, "strange.csv"], ["strange.csv", "--map frobnicate=FIELD", "--extra-columns"]),
    Bad("duplicate-column", [*CONTACTS, "twice.csv"], ["twice.csv", "email", "2 times"]),
    Bad("map-without-equals", [*CONTACTS, "good.csv", "--map", "name"], ["--map", "COLUMN=FIELD"]),
    Bad("map-of-no-column", [*CONTACTS, "good.csv", "--map", "Nome=name"], ["good.csv", "Nome", "email, name"]),
    Bad("map-to-no-field", [*CONTACTS, "good.csv", "--map", "name=nam"], ["good.csv", "nam", "'name'"]),
    Bad("map-twice", [*CONTACTS, "good.csv", "--map", "name=email"], ["good.csv", "email", "2 times"]),
    # outputs
    Bad("report-in-no-folder", [*CONTACTS, "good.csv", "--report", "no/r.json"], ["no/r.json", "folder"]),
    Bad("report-is-folder", [*CONTACTS, "good.csv", "--report", "folder.csv", "--dry-run"], ["folder.csv"]),
    Bad("rejects-in-no-folder", [*CONTACTS, "good.csv", "--rejects", "no/r.csv"], ["no/r.csv"]),
    Bad("rejects-is-folder", [*CONTACTS, "good.csv", "--rejects", "folder.csv"], ["folder.csv", "folder"]),
    Bad("rejects-in-another-format", [*CONTACTS, "good.csv", "--rejects", "r.jsonl"], ["r.jsonl", ".csv"]),
    Bad("rejects-of-two-formats", [*CONTACTS, "good.csv", "good.jsonl", "--rejects", "r.csv"],
        ["good.jsonl", "one by one"]),
    Bad("rejects-of-two-headers", [*CONTACTS, "good.csv", "other.csv", "--rejects", "r.csv"],
        ["other.csv", "one by one"]),
    Bad("out-in-no-folder", [*EXPORT_ANN, "--out", "no/x.jsonl"], ["no/x.jsonl", "folder"]),
    Bad("out-is-folder", [*EXPORT_ANN, "--out", "folder.jsonl"], ["folder.jsonl"]),
    Bad("out-of-unknown-format", [*EXPORT_ANN, "--out", "x.xls"], ["x.xls", ".jsonl"]),
    Bad("nothing-selected", [*EXPORT, "--out", "x.jsonl"], ["--tag", "--email", "--contact-id"]),
    Bad("comma-in-selector", [*EXPORT, "--tag", "A,B", "--out", "x.jsonl"], ["Tag", "comma"]),
    # bodies
    Bad("malformed-json", [*CALL, "contact/hasContact", '{"email":'], ["body", "JSON"]),
    Bad("json-array", [*CALL, "contact/hasContact", "[]"], ["body", "JSON object"]),
    Bad("binary-stdin", [*CALL, "contact/hasContact", "-"], ["body", "JSON"], stdin="\udcff\udcfe{",
        environ={"PYTHONIOENCODING": "utf-8"}),
    Bad("unknown-field", [*CALL, "contact/hasContact", '{"email": "a@b.pl", "nosuch": 1}'], ["nosuch", "documented"]),
    Bad("missing-field", [*CALL, "contact/hasContact", "{}"], ["email", "missing"]),
    Bad("broken-rule", [*CALL, "contact/hasContact", '{"email": "ann"}'], ["email", "address"]),
    Bad("date-beyond-calendars", [*CALL, "v2/contact/addContactExtEvent", EVENT % 10**18], ["date"]),
    Bad("selector-is-text", [*CALL, "contact/export/data", '{"contacts": ["a@b.pl"], "data": [{"dataType": "TAG"}]}'],
        ["contacts"]),
    Bad("data-type-is-misnamed", [*CALL, "contact/export/data",
        '{"contacts": [{"addresseeType": "tag", "value": "A"}], "data": [{"type": "TAG"}]}'], ["data"]),
]  # fmt: skip

FILES: Mapping[str, bytes] = {
    "good.csv": b"email,name\ngood@bad-input.pl,Ann\n",
    "other.csv": b"name,email\nAnn,good@bad-input.pl\n",
    "good.jsonl": b'{"email": "good@bad-input.pl"}\n',
    "people.dat": b"email\n",
    "people.xls": b"\xd0\xcf\x11\xe0",
    "accent.csv": "email,Imię\na@bad-input.pl,Ann\n".encode("cp1250"),
    "cp1250.csv": "email,name\na@bad-input.pl,Zofia Żółć\nb@bad-input.pl,Łukasz\n".encode("cp1250"),
    "table.jsonl": b"email,name\ngood@bad-input.pl,Ann\n",
    "lines.csv": b'{"email": "good@bad-input.pl"}\n',
    "object.json": b'{"email": "good@bad-input.pl"}\n',
    "events.csv": b"email,date,contactExtEventType\ngood@bad-input.pl,2024-01-01,CART\n",
    "yaml.env": b"SALESMANAGO_CLIENT_ID=a\nSALESMANAGO_API_KEY: b\n",
    "binary.csv": bytes(range(256)) * 20,
    "empty.csv": b"\n\n",
    "quote.csv": b'"email,name\ngood@bad-input.pl,Ann\n',
    "half.csv": "email,name\n".encode("utf-16") + b"a",
    "e_mial.csv": b"e_mial,name\ngood@bad-input.pl,Ann\n",
    "strange.csv": b"email,frobnicate\ngood@bad-input.pl,1\n",
    "twice.csv": b"email,name,email\ngood@bad-input.pl,Ann,b@c.pl\n",
}


class HtmlPage(BaseHTTPRequestHandler):
    """Answers with a page of the status that the path begins with, as a proxy does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        page = b"<html><body>Maintenance</body></html>"
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def html() -> Iterator[str]:
    """The address of a server that knows only HTML."""
    with ThreadingHTTPServer(("127.0.0.1", 0), HtmlPage) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files above."""
    folder = tmp_path_factory.mktemp("bad")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    for name in ("folder.csv", "folder.jsonl"):
        (folder / name).mkdir()
    return folder


@pytest.fixture(scope="module")
def ended(run: Command, folder: Path, html: str) -> Iterator[Mapping[str, Future[subprocess.CompletedProcess[str]]]]:
    """What became of each command, run beside each other: some try again for seconds."""
    with ThreadPoolExecutor(4) as pool:

        def start(bad: Bad) -> Future[subprocess.CompletedProcess[str]]:
            arguments = [argument.replace("{html}", html) for argument in bad.arguments]
            return pool.submit(run, *arguments, folder=folder, stdin=bad.stdin, environ=bad.environ)

        yield {bad.name: start(bad) for bad in BAD}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_what_is_bad_is_said_in_one_line(
    bad: Bad, ended: Mapping[str, Future[subprocess.CompletedProcess[str]]]
) -> None:
    process = ended[bad.name].result()
    assert "Traceback" not in process.stderr
    assert (process.returncode, process.stderr.count("\n")) == (2, 1), process.stderr
    assert tuple(line.split()[0] for line in process.stdout.splitlines()) == bad.shows
    assert process.stderr.startswith("salesmanago: ")
    for part in bad.says:
        assert part in process.stderr


def test_nothing_was_sent_or_left_behind(
    ended: Mapping[str, Future[subprocess.CompletedProcess[str]]], folder: Path, ask: Callable[..., dict[str, Any]]
) -> None:
    for future in ended.values():
        future.result()
    assert ask("contact/hasContact", email="good@bad-input.pl")["result"] is False
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert {path.name for path in folder.iterdir()} - FILES.keys() <= {"folder.csv", "folder.jsonl", "r.csv"}


def test_a_report_that_cannot_be_written_is_said_before_anything_is_sent(
    salesmanago: Command, ask: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text("email\nreport@bad-input.pl\n")
    process = salesmanago("import", "contacts", "people.csv", "--report", tmp_path, "--poll-interval", "0.1")
    assert process.returncode == 2
    assert ask("contact/hasContact", email="report@bad-input.pl")["result"] is False


def test_what_is_bad_leaves_an_older_rejects_file_alone(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\na@bad-input.pl\n")
    with (tmp_path / "bad.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["email", "_line", "_reason"], ["corrected@bad-input.pl", 2, "email"]])
    before = (tmp_path / "bad.csv").read_bytes()
    wrong = {"SALESMANAGO_API_KEY": ""}
    assert salesmanago("import", "contacts", "people.csv", "--rejects", "bad.csv", environ=wrong).returncode == 2
    assert (tmp_path / "bad.csv").read_bytes() == before
