"""Files as they come on a command line: packed, through a pipe, of standard input; and what is written of them."""

import gzip
import json
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from salesmanago_async.cli._option_names import with_option_names
from tests.cli.conftest import COMMAND

Command = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--poll-interval", "0.1")
IMPORT = ("import", "contacts", *QUICK)
TABLE = 'email,name\n{0}1@input.pl,Ann\nnobody, "Bob"\n{0}2@input.pl,Cy\n'


def shell(line: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line in bash, in which `salesmanago` is the command."""
    line = line.replace("salesmanago", shlex.join(COMMAND), 1)
    command = ["bash", "-c", line]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def environ(bare: Mapping[str, str], served: Mapping[str, str]) -> Mapping[str, str]:
    return {**bare, **served}


def has(ask: Callable[..., dict[str, Any]], *emails: str) -> list[bool]:
    return [ask("contact/hasContact", email=email)["result"] for email in emails]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("dash", "cat people.csv | salesmanago import contacts - --format csv"),
        ("packed", "gzip -c people.csv | salesmanago import contacts - --format csv"),
        ("device", "cat people.csv | salesmanago import contacts /dev/stdin --format csv"),
        ("redirected", "salesmanago import contacts - --format csv < people.csv"),
        ("substitution", "salesmanago import contacts <(cat people.csv) --format csv"),
        ("file", "gzip -k people.csv; salesmanago import contacts people.csv.gz"),
    ],
)
def test_input_is_read_however_it_comes(
    tmp_path: Path, environ: Mapping[str, str], ask: Callable[..., dict[str, Any]], name: str, line: str
) -> None:
    (tmp_path / "people.csv").write_text(TABLE.format(name))
    process = shell(f"{line} --rejects bad.csv --poll-interval 0.1", tmp_path, environ)
    assert process.returncode == 1, process.stderr
    assert has(ask, f"{name}1@input.pl", f"{name}2@input.pl") == [True, True]
    assert (tmp_path / "bad.csv").read_text().splitlines()[1].startswith('nobody, "Bob",3,"email: is not an e-mail')


@pytest.mark.ci
def test_standard_input_is_counted_before_its_contacts_are_asked_to_confirm(
    tmp_path: Path, environ: Mapping[str, str], ask: Callable[..., dict[str, Any]]
) -> None:
    (tmp_path / "people.csv").write_text("email,forceOptIn\nd1@input.pl,true\n")
    line = "cat people.csv | salesmanago import contacts - --format csv --double-opt-in --poll-interval 0.1"
    assert "add --yes" in shell(line, tmp_path, environ).stderr
    assert has(ask, "d1@input.pl") == [False]
    process = shell(f"{line} --yes", tmp_path, environ)
    assert process.returncode == 0, process.stderr
    assert has(ask, "d1@input.pl") == [True]


@pytest.mark.ci
@pytest.mark.parametrize("option", ["--journal j.db", "--double-opt-in --yes"])
def test_a_pipe_that_would_be_read_again_is_refused(tmp_path: Path, environ: Mapping[str, str], option: str) -> None:
    process = shell(f"salesmanago import contacts <(echo email) --format csv {option}", tmp_path, environ)
    assert process.returncode == 2
    assert "can be read only once" in process.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("name", "content", "rejects"),
    [
        ("a.csv.gz", gzip.compress(TABLE.format("gz").encode(), mtime=0), "r.csv"),
        ("a.TSV.GZ", gzip.compress(TABLE.format("tsv").replace(",", "\t").encode(), mtime=0), "r.tsv"),
        ("a.json", orjson.dumps([{"email": "json@input.pl"}, {"email": "nobody"}]), "r.jsonl"),
        ("a.ndjson.gz", b'{"email": "nd@input.pl"}\n{"email": "nobody"}\n', "r.ndjson"),
    ],
)
def test_rejects_have_the_suffix_of_their_rows_and_are_rejected_again(
    salesmanago: Command, tmp_path: Path, name: str, content: bytes, rejects: str
) -> None:
    (tmp_path / name).write_bytes(content)
    wrong = salesmanago(*IMPORT, name, "--rejects", "r.parquet")
    assert f"must end in .{rejects.split('.')[1]}" in wrong.stderr.lower()
    suffix = wrong.stderr.strip().rpartition(".")[2]
    path = tmp_path / f"r.{suffix}"
    first = salesmanago(*IMPORT, name, "--rejects", path)
    assert first.returncode == 1, first.stderr
    before = path.read_bytes()
    assert b"nobody" in before
    again = salesmanago(*IMPORT, path, "--rejects", tmp_path / f"again.{suffix}")
    assert (again.returncode, b"nobody" in (tmp_path / f"again.{suffix}").read_bytes()) == (1, True)


def test_a_journal_remembers_the_format(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.dat").write_text(TABLE.format("journal"))
    arguments = (*IMPORT, "people.dat", "--format", "csv", "--journal", "j.db")
    assert salesmanago(*arguments).returncode == 1
    again = salesmanago("resume", "j.db", *QUICK)
    assert again.returncode == 1, again.stderr
    assert "settled earlier" in again.stdout


@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz"])
def test_a_file_without_rows_is_said(salesmanago: Command, tmp_path: Path, name: str) -> None:
    content = b"email,name\n"
    (tmp_path / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith("gz") else content)
    process = salesmanago(*IMPORT, name)
    assert (process.returncode, f"no rows in {name}" in process.stderr) == (0, True)


def test_messages_name_options_as_the_command_line_does() -> None:
    assert with_option_names("a.csv: is not UTF-8 (line 3); encoding=\"cp1250\" reads 'Żak'") == (
        "a.csv: is not UTF-8 (line 3); --encoding cp1250 reads 'Żak'"
    )
    assert with_option_names('date_format="%d.%m.%Y %H"') == "--date-format '%d.%m.%Y %H'"
    assert with_option_names('email="x"') == 'email="x"'
    assert with_option_names("not a number; decimal=… reads it") == "not a number; --decimal … reads it"
    assert with_option_names('has words such as NULL: null="NULL" makes') == "has words such as NULL: --null NULL makes"
    assert with_option_names("decimal=',' or date_format=...") == "--decimal , or --date-format ..."
    assert with_option_names("columns={'E mail': 'email', \"O'B\": 'name'} (columns=...), extra_columns='ignore'") == (
        "--map 'E mail=email' --map 'O'\"'\"'B=name' (--map ...), --extra-columns ignore"
    )
    assert with_option_names("columns={people}") == "columns={people}"


def test_warnings_name_options_as_the_command_line_does(salesmanago: Command, tmp_path: Path) -> None:
    rows = [{"email": "ann@example.com", "name": "NULL"}, *[{"email": "bob@example.com", "nmae": "Bob"}] * 3]
    (tmp_path / "people.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = salesmanago(*IMPORT, "people.jsonl")
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning")]
    assert warnings == [
        (
            "warning: nmae is not a field; did you mean 'name'? --map nmae=name maps it, "
            "--extra-columns ignore leaves such columns out (3, first in line 2)"
        ),
        "warning: name has words such as NULL: --null NULL makes them absent (1, first in line 1)",
    ]
    mapped = salesmanago(*IMPORT, "people.jsonl", "--map", "nmae=name", "--null", "NULL")
    assert (mapped.returncode, "warning" in mapped.stderr) == (0, False)
