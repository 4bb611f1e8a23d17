"""What a command finds before it sends anything: misspelt names, missing options, and what it would do to many."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import Invalid, Refused, SalesManago
from salesmanago_async.api import REQUESTS, Request, read_request
from salesmanago_async.cli._many import effect_on_many

Command = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., dict[str, Any]]
EXPORT = ("export", "contacts", "--out", "x.jsonl", "--poll-interval", "0.1")
ANN = '{"email": "ann@before.pl"}'


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("call", "contact/hasContac", ANN), ["'contact/hasContac' is not doc", "'contact/hasContact'", "--any-path"]),
        (("call", "contact/hascontact", ANN), ["'contact/hasContact'"]),
        (("call", "contact/upsret", "--fields"), ["did you mean 'contact/upsert'?", "--list"]),
        (("call", "contact/hasContact", '{"emial": "ann@before.pl"}'), ["emial: is not a documented", "'email'"]),
        (
            ("call", "contact/upsert", '{"contact": {"email": "a@b.pl", "nmae": "A"}, "tgas": ["T"]}'),
            ["contact.nmae: is not", "'name'", "tgas: is not", "'tags'"],
        ),
        (
            ("call", "contact/batchupsertv2", '{"upsertDetails": [{"contact": {"email": "a@b.pl", "citty": "X"}}]}'),
            ["upsertDetails.contact.citty"],
        ),
        ((*EXPORT, "--email", "a@b.pl", "--data", "EXT_EVENTS"), ["--data", "'EXT_EVENTS'", "did you mean EXT_EVENT?"]),
        ((*EXPORT, "--email", "a@b.pl", "--data", "xyz"), ["--data", "CONTACT, TAG, EXT_EVENT"]),
        ((*EXPORT, "--email", "a@b.pl", "--all"), ["some (--tag, --email, --contact-id), all (--all)"]),
        (EXPORT, ["choose the contacts in one way"]),
        ((*EXPORT, "--all", "--data", "TAG"), ["--data"]),
        ((*EXPORT, "--state", "new.json"), ["--state", "new.json", "--modified-since TIME"]),
        (("import", "contacts", "x.csv", "--journal", "-"), ["--journal", "standard output"]),
        (("import", "contacts", "x.csv", "--rejects", "-"), ["--rejects", "standard output"]),
        (("simulator", "--state", "-"), ["--state", "standard output"]),
        ((*EXPORT, "--all", "--state", "-"), ["--state", "standard output"]),
        (("leadoo-feed", "x.csv", "-"), ["FOLDER", "standard output"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_sent(
    salesmanago: Command, tmp_path: Path, arguments: Sequence[str], says: Sequence[str]
) -> None:
    unreachable = {"SALESMANAGO_BASE_URL": "http://127.0.0.1:1"}
    ended = salesmanago(*arguments, environ=unreachable)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    for part in says:
        assert part in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_nobody_documents_can_be_called(salesmanago: Command) -> None:
    ended = salesmanago("call", "a/path/of/its/own", "{}")
    assert ended.returncode == 1, "it was sent, and the server refused it"
    assert "/api/a/path/of/its/own is not a documented path" in ended.stderr
    assert "did you mean" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("contact/hasContac", ANN, "--any-path"), "contact/hasContact"),
        (("/api/contact/hascontact", ANN, "--any-path"), "contact/hasContact"),
        (("contacts/upsert", "{}", "--any-path"), "contact/upsert"),
        (("contacts/getBy/email", "{}"), "contact/listById"),
    ],
)
def test_a_path_that_the_server_does_not_know_is_sent_and_then_the_nearest_one_is_named(
    salesmanago: Command, arguments: Sequence[str], near: str
) -> None:
    ended = salesmanago("call", *arguments)
    sent = arguments[0].removeprefix("/api/")
    assert ended.returncode == 1
    assert ended.stderr == (
        f"salesmanago: the server refused the request: /api/{sent} is not a documented path; "
        f"{sent!r} is not a documented path; did you mean {near!r}?\n"
    )


@pytest.mark.anyio
async def test_the_library_sends_any_path_and_notes_what_may_have_been_meant(sm: SalesManago) -> None:
    with pytest.raises(Refused) as caught:
        await sm.call("contact/hasContac", {"email": "ann@before.pl"})
    assert caught.value.__notes__ == [
        "'contact/hasContac' is not a documented path; did you mean 'contact/hasContact'?"
    ]
    with pytest.raises(Invalid, match="products_key: is missing"):
        await sm.call("v3/product/catalogList")
    with pytest.raises(Refused) as caught:
        await sm.call("contact/hasContact", {})
    assert not getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize(
    "data", [("--data", "contact", "--data", "tag"), ("--data", "tag,CONTACT"), ("--data", "TAG, contact,tag")]
)
def test_parts_are_given_one_by_one_or_with_commas(salesmanago: Command, tmp_path: Path, data: Sequence[str]) -> None:
    upsert = '{"contact": {"email": "parts@before.pl"}, "tags": ["VIP"]}'
    assert salesmanago("call", "contact/upsert", upsert).returncode == 0
    ended = salesmanago(*EXPORT, "--email", "parts@before.pl", *data)
    assert ended.returncode == 0, ended.stderr
    contact = json.loads((tmp_path / "x.jsonl").read_text())
    assert (contact["email"], contact["tags"]) == ("parts@before.pl", ["VIP"])


# What is done to many

A, B = ({"addresseeType": "EMAIL", "value": f"{name}@before.pl"} for name in "ab")
BOTH, TAG = {"addresseeType": "EMAIL", "value": "a@before.pl,b@before.pl"}, {"addresseeType": "TAG", "value": "VIP"}
ENTRY = {"contact": {"email": "a@before.pl"}}
MAIL = {"emailId": "e", "user": "u@x.pl", "date": 1_700_000_000_000}
SAY = {"name": "n", "textContent": "t"}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("contact/batchDelete", {"contacts": [A, B]}, "deletes 2 contacts"),
        ("contact/batchDelete", {"contacts": [BOTH]}, "deletes 2 contacts"),
        ("contact/batchDelete", {"contacts": [A]}, None),
        ("contact/batchDelete", {"contacts": [A, TAG]}, "every contact that matches 1 selector by tag"),
        ("contact/stopMonitoring", {"contacts": [TAG]}, "stops the monitoring of every contact"),
        ("email/sendEmail", {**MAIL, "contacts": [A, B]}, "sends an e-mail to 2 contacts"),
        ("email/sendEmail", {**MAIL, "contacts": [{**A, "properties": [{"name": "n", "value": "v"}]}]}, None),
        ("messaging/send", {**SAY, "contacts": [{"addresseeType": "PHONE_OPTED_IN"}]}, "sends a text message to every"),
        ("contact/batchupsertv2", {"upsertDetails": [ENTRY, ENTRY]}, None),
        ("contact/batchupsertv2", {"upsertDetails": [ENTRY, ENTRY], "useApiDoubleOptIn": True}, "2 confirmation e-"),
        ("contact/batchupsertv2", {"upsertDetails": [{**ENTRY, "forceOptOut": True}] * 3}, "unsubscribes 3 contacts"),
        ("contact/hasContact", {"email": "a@before.pl"}, None),
    ],
)  # fmt: skip
def test_what_a_request_does_to_many(path: str, body: dict[str, Any], says: str | None) -> None:
    found = effect_on_many(read_request(path, body))
    assert (found is None) if says is None else (says in (found or ""))


def test_every_call_that_mails_or_deletes_the_chosen_says_so() -> None:
    """A call that takes selectors and has no effect named only reads, or can be taken back."""
    harmless = {
        "contact/export/data", "contact/restoreMonitoring", "funnel/addContact", "loyalty/program/v1/addContact",
        "loyalty/program/v1/removeContact", "loyalty/program/v1/modifyPoints", "contact/recentActivity",
    }  # fmt: skip
    with_effect = {path for path, known in REQUESTS.items() if known.effect}
    choosing = {path for path, known in REQUESTS.items() if "contacts" in getattr(known, "__annotations__", {})}
    assert with_effect <= choosing
    assert choosing - with_effect <= harmless
    assert Request.effect is None


def test_a_scheduler_has_to_say_yes(salesmanago: Command, ask: Ask) -> None:
    for name in "ab":
        assert (
            salesmanago("call", "contact/upsert", json.dumps({"contact": {"email": f"{name}@before.pl"}})).returncode
            == 0
        )
    body = json.dumps({"contacts": [A, B]})
    refused = salesmanago("call", "contact/batchDelete", body)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "contact/batchDelete: deletes 2 contacts" in refused.stderr
    assert "--yes" in refused.stderr
    assert ask("contact/hasContact", email="a@before.pl")["result"] is True
    done = salesmanago("call", "contact/batchDelete", body, "--yes")
    assert done.returncode == 0, done.stderr
    assert "deletes 2 contacts" in done.stderr
    assert ask("contact/hasContact", email="a@before.pl")["result"] is False
    assert salesmanago("call", "contact/batchDelete", body, "--simulate").returncode in {0, 1}


# What there is to say of an import


def test_a_report_goes_to_standard_output(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\nreport@before.pl\n")
    options = ("--report", "-", "--journal", "run.db", "--poll-interval", "0.1")
    first, again = (salesmanago("import", "contacts", "people.csv", *options) for _ in range(2))
    resumed = salesmanago("resume", "run.db")
    for ended in (first, again, resumed):
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["accepted"] == 1
    assert not (tmp_path / "-").exists()
    assert "accepted " in first.stderr
    assert "earlier" not in first.stderr
    assert "settled earlier" in again.stderr


def test_a_file_without_a_row_is_said(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "header.csv").write_text("email,name\n")
    for options in ((), ("--dry-run",)):
        ended = salesmanago("import", "contacts", "header.csv", *options)
        assert (ended.returncode, ended.stderr) == (0, "no rows in header.csv\n")


def test_a_dry_run_says_what_would_be_sent_and_each_thing_once(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\na@before.pl\na@before.pl\n")
    lines = salesmanago("import", "contacts", "people.csv", "--dry-run").stdout.splitlines()
    names = [line.split("  ")[0].strip() for line in lines if line]
    assert len(names) == len({*names})
    assert "would be sent" in "\n".join(lines)
    assert "not sent" not in names


# Credentials


def test_check_says_what_is_refused_and_what_to_look_at(salesmanago: Command) -> None:
    ended = salesmanago("check", environ={"SALESMANAGO_API_SECRET": "wrong"})
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stdout.splitlines() == [
        "host         ok",
        "credentials  refused",
        "owner        not tried: the credentials are refused",
        "clock        ok",
    ]
    assert ended.stderr.startswith("salesmanago: credentials: refused (Not authenticated)")
    for name in ("CLIENT_ID", "API_SECRET", "API_KEY"):
        assert f"SALESMANAGO_{name}" in ended.stderr
    assert "salesmanago check" not in ended.stderr
    assert "wrong-" not in ended.stderr


def test_check_speaks_of_a_sha_where_that_is_used(salesmanago: Command) -> None:
    ended = salesmanago("check", environ={"SALESMANAGO_API_SECRET": "", "SALESMANAGO_SHA": "f" * 40})
    assert ended.returncode == 2
    assert "SALESMANAGO_SHA" in ended.stderr
    assert "f" * 40 not in ended.stderr


def test_a_server_that_is_not_there_is_said_in_plain_words(salesmanago: Command) -> None:
    for arguments, remedy in (
        (("check", "--base-url", "http://127.0.0.1:1"), "check the network and the base URL"),
        (("check-page", "http://127.0.0.1:1/"), "check the address and the network"),
    ):
        ended = salesmanago(*arguments)
        assert ended.returncode == 2
        assert ended.stderr.rstrip().endswith(f"no connection could be made; {remedy}")


def test_a_page_is_read_from_standard_input(salesmanago: Command) -> None:
    ended = salesmanago("check-page", "-", stdin="<html><body></body></html>")
    assert (ended.returncode, ended.stdout) == (1, "-:1: missing: there is no monitoring code\n")
