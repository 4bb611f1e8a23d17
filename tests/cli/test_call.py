"""`salesmanago call`: its list of paths, the fields of each, and completion."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from salesmanago_async.api import ALL_REQUESTS, CREDENTIAL_FIELDS, REQUESTS
from salesmanago_async.cli._commands import salesmanago

Catalogue = dict[str, dict[str, Any]]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(salesmanago, ["call", *arguments], env={"SALESMANAGO_CLIENT_ID": None})


def rows(path: str) -> dict[str, tuple[str, str]]:
    """The described fields of a path: name → whether it is required, what it takes."""
    told = call(path, "--fields")
    assert told.exit_code == 0, told.output
    found = re.findall(r"^  (\S+) +(required|optional)  (.+)$", told.output, re.MULTILINE)
    return {name: (required, takes) for name, required, takes in found}


def test_the_list_has_every_path_with_one_sentence() -> None:
    told = call("--list")
    assert told.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in told.output.splitlines())
    assert list(lines) == list(ALL_REQUESTS)
    assert lines["contact/hasContact"] == "Check whether an address belongs to a contact."
    assert lines["workflow/list"] == "List the workflows of the account, deleted ones left out."
    for sentence in lines.values():
        assert sentence.endswith(".")
        assert "reference:" not in sentence
        assert ". " not in sentence


@pytest.mark.parametrize("path", sorted(REQUESTS))
def test_every_documented_field_is_shown(path: str, catalogue: Catalogue) -> None:
    entry = catalogue[path]
    sent = {name for sample in entry["requests"] for name in sample} - CREDENTIAL_FIELDS
    shown = {name.split(".")[0].removesuffix("[]") for name in rows(path)}
    assert sent | set(entry["required"]) - CREDENTIAL_FIELDS <= shown


def test_a_field_tells_whether_it_is_required_its_type_and_its_limit() -> None:
    told = rows("recommendation/lastViewed")
    assert told == {
        "location": ("required", "text of 1 to 36 characters"),
        "contactId": ("optional", "text of 1 to 255 characters"),
        "contactAnonymousId": ("optional", "text of 1 to 255 characters"),
    }
    assert rows("contact/hasContact")["owner"] == (
        "optional", "text of 1 to 255 characters; the client's owner, if left out",
    )  # fmt: skip
    assert rows("workflow/statistics")["period"][1].endswith(
        "such as PREVIOUS_YEAR, LAST_7_DAYS, LAST_30_DAYS, CURRENT_MONTH"
    )
    assert rows("contact/list")["email"] == ("required", "a list of 1 to 50, each an address of at most 254 characters")


def test_the_fields_of_parts_stand_under_the_part() -> None:
    told = rows("contact/batchupsertv2")
    assert told["upsertDetails"] == ("required", "a list of 1 to 1000, each an object")
    assert told["upsertDetails[].contact.email"] == ("optional", "an address of at most 254 characters")
    assert told["upsertDetails[].consentDetails[].consentName"] == ("required", "text of 1 to 30 characters")
    assert rows("contact/export/data")["dateRange.startDate"] == ("optional", "a time, as UNIX seconds")


def test_what_a_path_is_for_stands_above_its_fields() -> None:
    told = call("/api/vision", "--fields").output
    assert told.startswith("vision\n\nFind products that look like a photo (reference: ")
    assert "`max_results` is 1 to 30" in told
    assert "no fields" in call("workflow/list", "--fields").output


def test_the_fields_of_a_path_that_is_not_known_are_an_error() -> None:
    told = call("contact/upsret", "--fields")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "contact/upsret" in told.stderr
    assert "--list" in told.stderr


def test_a_path_is_completed() -> None:
    def offered(incomplete: str) -> list[str]:
        found = ShellComplete(salesmanago, {}, "salesmanago", "_SALESMANAGO_COMPLETE")
        return [item.value for item in found.get_completions(["call"], incomplete)]

    assert offered("workflow/") == ["workflow/list", "workflow/statistics"]
    assert offered("") == list(ALL_REQUESTS)
    assert offered("nowhere/") == []


def test_without_a_path_it_is_told_that_one_is_missing() -> None:
    told = call()
    assert told.exit_code == 2
    assert "PATH" in told.stderr


def test_a_call_is_checked_before_it_is_sent() -> None:
    told = call("--simulate", "vision", '{"imageUrl": "https://x.pl/a.jpg", "location": "shop", "maxResults": 31}')
    assert told.exit_code == 2
    assert "maxResults" in told.stderr


def test_a_contact_and_an_event_go_in_one_call() -> None:
    event = '{"email": "a@b.pl", "contactEvent": {"date": 1767225600000, "contactExtEventType": "CART"}}'
    body = f'{{"contactUpsertRequest": {{"contact": {{"email": "a@b.pl"}}}}, "addContactExtEventRequest": {event}}}'
    told = call("--simulate", "integration/upsert", body)
    assert told.exit_code == 0, told.stderr
    assert json.loads(told.stdout).keys() == {"success", "message", "contactId", "eventId"}
    refused = call("--simulate", "integration/upsert", body.replace("contactEvent", "contactEvnt"))
    assert refused.exit_code == 2
    assert "addContactExtEventRequest.contactEvnt: is not a documented field; did you mean" in refused.stderr


def test_a_call_of_api_v3_has_its_own_host_method_and_key() -> None:
    catalogs = call("--simulate", "v3/product/catalogList")
    assert catalogs.exit_code == 0, catalogs.stderr
    assert json.loads(catalogs.stdout)["catalogs"] == []
    body = {"name": "Main_catalog", "currency": "EUR", "location": "shop_de"}
    made = call("--simulate", "/v3/product/catalogUpsert", json.dumps(body))
    assert json.loads(made.stdout).keys() == {"requestId", "catalogId"}
    refused = call("--simulate", "v3/product/catalogUpsert", "{}")
    assert (refused.exit_code, "name|Missing" in refused.stderr) == (1, True)


def test_a_login_needs_no_signature_here_either() -> None:
    told = call("--simulate", "system/authorise", '{"userName": "admin@vendor.pl", "password": "demo-password"}')
    assert told.exit_code == 0, told.stderr
    assert '"token"' in told.stdout


@pytest.mark.ci
@pytest.mark.parametrize("arguments", [["call", "--list"], ["call", "vision", "--fields"]])
def test_reading_about_calls_costs_no_http_stack(arguments: list[str], bare: Mapping[str, str]) -> None:
    code = f"""
import sys
from salesmanago_async.cli._commands import salesmanago
salesmanago({arguments!r}, standalone_mode=False)
assert not {{"httpx", "uvicorn", "salesmanago_async.simulator"}} & sys.modules.keys()
"""
    ended = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_help_that_is_asked_for_with_a_path_tells_its_fields() -> None:
    told = call("contact/hasContact", "--help")
    assert told.exit_code == 0
    assert told.output.endswith(call("contact/hasContact", "--fields").output)
    assert "hasContact\n\n" not in call("--help").output
