"""`salesmanago` check, call, export, job, simulator; help, version and the file of variables."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import __version__

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Ask = Callable[..., dict[str, Any]]

HELP_OF_ALL = """
import sys, click
from click.testing import CliRunner
from salesmanago_async.cli._commands import salesmanago

def walk(command, path):
    answer = CliRunner().invoke(salesmanago, [*path, "--help"])
    assert answer.exit_code == 0 and answer.output.startswith("Usage: "), (path, answer.output)
    print(" ".join(path))
    for name, inner in getattr(command, "commands", {}).items():
        walk(inner, [*path, name])

walk(salesmanago, [])
loaded = [name for name in ("httpx", "uvicorn", "salesmanago_async.simulator") if name in sys.modules]
assert not loaded, loaded
"""


@pytest.mark.ci
def test_help_of_every_command_costs_no_http_stack(bare: Mapping[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HELP_OF_ALL], env=bare, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.splitlines()) >= {
        "", "import contacts", "import events", "export contacts", "job status", "job save", "call",
        "check", "simulator",
    }  # fmt: skip


def test_help_names_environment_and_exit_codes_and_version_is_the_package_s(salesmanago: Command) -> None:
    told = salesmanago("--help")
    assert (told.returncode, told.stderr) == (0, "")
    for name in ("CLIENT_ID", "API_KEY", "API_SECRET", "SHA", "OWNER", "BASE_URL"):
        assert f"SALESMANAGO_{name}" in told.stdout
    assert all(f"{code} " in told.stdout.split("Exit codes:")[1] for code in range(4))
    assert salesmanago("--version").stdout == f"salesmanago, version {__version__}\n"


def test_check_tells_what_is_right_and_whose_account_it_is(salesmanago: Command) -> None:
    right = salesmanago("check")
    assert (right.returncode, right.stderr) == (0, "")
    assert [line.split()[:2] for line in right.stdout.splitlines()] == [
        ["host", "ok"], ["credentials", "ok"], ["owner", "ok,"], ["clock", "ok"],
    ]  # fmt: skip
    wrong = salesmanago("check", "--owner", "nobody@vendor.pl")
    assert wrong.returncode == 2
    assert "owner        no user of the account\n" in wrong.stdout
    assert "nobody@vendor.pl" in wrong.stderr
    assert "admin@vendor.pl" in wrong.stderr


@pytest.mark.ci
def test_a_file_of_variables_is_enough_and_the_environment_goes_before_it(
    start: Start, served: Mapping[str, str], tmp_path: Path
) -> None:
    lines = [f'export {name}="{value}"\n' for name, value in served.items()]
    (tmp_path / "account.env").write_text("".join(["# the account\n", *lines]))
    enough = start("check", "--env-file", "account.env", environ={})
    before = start("check", "--env-file", "account.env", environ={"SALESMANAGO_OWNER": "other@vendor.pl"})
    out, err = enough.communicate(timeout=20)
    assert (enough.returncode, err) == (0, "")
    assert "credentials  ok" in out
    _, err = before.communicate(timeout=20)
    assert before.returncode == 2
    assert "other@vendor.pl" in err


def test_call_prints_the_answer_as_json(salesmanago: Command, ask: Ask) -> None:
    made = salesmanago("call", "/api/contact/upsert", '{"contact": {"email": "c@call.pl", "name": "Ć"}, "tags": ["T"]}')
    assert (made.returncode, made.stderr) == (0, "")
    found = salesmanago("call", "contact/hasContact", "-", stdin='{"email": "c@call.pl"}')
    assert json.loads(found.stdout) == {
        "success": True, "message": [], "result": True, "contactId": json.loads(made.stdout)["contactId"],
    }  # fmt: skip
    assert ask("contact/list", email=["c@call.pl"])["contacts"][0]["name"] == "Ć"
    refused = salesmanago("call", "nowhere/at/all", "{}")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "/api/nowhere/at/all" in refused.stderr


def test_call_takes_the_newer_path_of_a_known_call_with_the_owner_filled_in(salesmanago: Command, ask: Ask) -> None:
    ask("contact/upsert", contact={"email": "n@call.pl"})
    events = [{"email": "n@call.pl", "contactEvent": {"date": 1714550400000, "contactExtEventType": "CART"}}]
    added = salesmanago("call", "v2/contact/addBatchContactExtEvent", json.dumps({"events": events}))
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["createdAmount"] == 1


def test_an_export_holds_the_chosen_parts_of_the_chosen_contacts(
    salesmanago: Command, ask: Ask, tmp_path: Path
) -> None:
    ids = [
        ask("contact/upsert", contact={"email": f"{name}@export.pl"}, tags=["EXPORTED", name])["contactId"]
        for name in ("ann", "bob", "cyd")
    ]
    pick = ("--contact-id", ids[0], "--email", "bob@export.pl", "--poll-interval", "0.1")
    lines = salesmanago("export", "contacts", *pick, "--data", "contact, tag", "--out", "some.jsonl")
    assert lines.returncode == 0, lines.stderr
    assert lines.stdout == "2 contacts in some.jsonl\n"
    records = [json.loads(line) for line in (tmp_path / "some.jsonl").read_text().splitlines()]
    assert {record["id"] for record in records} == set(ids[:2])
    (ann,) = (record for record in records if record["id"] == ids[0])
    assert (ann["email"], ann["tags"]) == ("ann@export.pl", ["EXPORTED", "ANN"])

    documented = ("--shape", "documented", "--poll-interval", "0.1")
    array = salesmanago("export", "contacts", "--tag", "EXPORTED", *documented, "--out", "all.json")
    assert array.returncode == 0, array.stderr
    exported = json.loads((tmp_path / "all.json").read_text())
    assert {key for record in exported for key in record} == set(ids)
    number = array.stderr.split()[1]
    saved = salesmanago("job", "save", number, *documented, "--out", "again.json")
    assert (saved.returncode, saved.stdout) == (0, "3 records in again.json\n")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "all.json").read_bytes()
    done = json.loads(salesmanago("job", "status", number).stdout)
    assert (done["request_id"], done["state"]) == (int(number), "done")


def test_an_export_of_nobody_is_an_empty_file(salesmanago: Command, tmp_path: Path) -> None:
    options = ("--email", "nobody@export.pl", "--poll-interval", "0.1", "--out", "none.json")
    assert salesmanago("export", "contacts", *options).stdout == "0 contacts in none.json\n"
    assert json.loads((tmp_path / "none.json").read_text()) == []


def test_an_unknown_job_is_told_and_leaves_no_file(salesmanago: Command, tmp_path: Path) -> None:
    told = salesmanago("job", "status", "999999")
    assert (told.returncode, json.loads(told.stdout)["state"]) == (1, "unknown")
    saved = salesmanago("job", "save", "999999", "--out", "x.jsonl")
    assert (saved.returncode, saved.stdout, saved.stderr.count("\n")) == (1, "", 1)
    assert "999999" in saved.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ci
def test_the_simulator_takes_its_account_from_the_environment_and_prints_no_secret(
    start: Start, salesmanago: Command
) -> None:
    mine = {
        "SALESMANAGO_CLIENT_ID": "my-client",
        "SALESMANAGO_API_KEY": "my-key",
        "SALESMANAGO_API_SECRET": "my-secret",
        "SALESMANAGO_OWNER": "me@shop.pl",
    }
    simulator = start("simulator", "--port", "0", "--job-seconds", "600", environ=mine)
    assert simulator.stdout
    said = [simulator.stdout.readline()]
    while not said[-1].startswith("# The page: "):
        said.append(simulator.stdout.readline())
        assert said[-1], said
    address = said[0].removeprefix("export SALESMANAGO_BASE_URL=").rstrip("\n")
    assert address.startswith("http://127.0.0.1:")
    there = {**mine, "SALESMANAGO_BASE_URL": address}

    assert "me@shop.pl" in salesmanago("check", environ=there).stdout
    assert salesmanago("check", environ={"SALESMANAGO_BASE_URL": address}).returncode == 2

    batch = salesmanago(
        "call", "contact/batchupsertv2", '{"upsertDetails": [{"contact": {"email": "a@b.pl"}}]}', environ=there
    )
    number = json.loads(batch.stdout)["requestId"]
    running = salesmanago("job", "status", number, environ=there)
    assert json.loads(running.stdout) == {"request_id": number, "state": "running", "messages": ["Job not start yet"]}

    busy = start("simulator", "--port", address.rpartition(":")[2], environ={})
    out, err = busy.communicate(timeout=20)
    assert (busy.returncode, out, err.count("\n")) == (2, "", 1)
    assert address.removeprefix("http://") in err

    simulator.send_signal(signal.SIGINT)
    rest, err = simulator.communicate(timeout=20)
    assert (rest, "Traceback" in err) == ("", False)
    assert "my-" not in "".join([*said, rest, err])


@pytest.mark.ci
def test_a_simulator_with_half_an_account_is_a_one_line_error(start: Start) -> None:
    simulator = start("simulator", "--port", "0", environ={"SALESMANAGO_CLIENT_ID": "my-client"})
    out, err = simulator.communicate(timeout=20)
    assert (simulator.returncode, out, err.count("\n")) == (2, "", 1)
    assert "SALESMANAGO_API_KEY" in err


@pytest.mark.ci
def test_a_signal_while_a_command_waits_ends_it_without_a_traceback(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        waiting = start("check", "--base-url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)  # the request is here, and nobody answers it
            waiting.send_signal(signal.SIGINT)
            out, err = waiting.communicate(timeout=5)
    assert waiting.returncode != 0
    assert (out, "Traceback" in err) == ("", False)
