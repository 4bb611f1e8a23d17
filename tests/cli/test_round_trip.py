"""What goes out comes in: an exported file is imported as it is, and what is exported again is equal."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from salesmanago_async.cli._commands import salesmanago
from tests.cli.accounts import ask
from tests.serving import serving

FORMATS = ["csv", "jsonl", "parquet", "json"]

EVERYTHING = (
    "CONTACT,TAG,EXT_EVENT,VISITS,EMAILS,FUNNELS,NOTES,TASKS,COUPONS,SMS,CONSENTS,PROPERTIES,DICTIONARY_PROPERTIES"
)
OF_AN_IMPORT = "CONTACT,TAG,CONSENTS,PROPERTIES,DICTIONARY_PROPERTIES"

DAY = 1_700_006_400_000
"""A day at 00:00 UTC."""

CONTACTS: list[dict[str, Any]] = [
    {
        "contact": {
            "email": "ann@example.com",
            "name": 'Anna "Ania" Kowalska,\nŁódź; tel.',
            "phone": "+48 123 456 789",
            "fax": "00950",
            "company": "=1+1 GmbH",
            "externalId": "'0012",
            "state": "CUSTOMER",
            "address": {"streetAddress": "-5", "zipCode": "01-234", "city": "Łódź", "country": "PL"},
        },
        "province": "łódzkie",
        "birthday": "19870605",
        "tags": ["VIP", "NEWS_2024"],
        "properties": {"size": "XL", "a.b; c": "{1,2}", "since": "2024-01-01"},
        "dictionaryProperties": [
            {"name": "shoe_size", "type": "NUMBER", "value": 42},
            {"name": "member", "type": "DATE", "value": DAY},
        ],
        "consentDetails": [
            {"consentName": "TERMS", "consentAccept": True, "agreementDate": DAY, "ip": "1.2.3.4", "optOut": False},
            {"consentName": "MAIL", "consentAccept": False, "agreementDate": DAY, "optOut": True},
            {"consentName": "SMS", "consentAccept": False, "agreementDate": DAY, "optOut": False},
        ],
        "forcePhoneOptOut": True,
    },
    {"contact": {"email": "bob@example.com"}, "birthday": "0229", "forceOptOut": True, "tags": ["VIP"]},
    {"contact": {"email": "cyd@example.com", "name": "Cyd"}, "tags": ["VIP"], "properties": {"hat": "true"}},
]

EVENTS: list[dict[str, Any]] = [
    {"date": DAY + 1, "contactExtEventType": "PURCHASE", "value": 189.99, "products": "p1,p2", "externalId": "0007"},
    {"date": DAY + 1500, "contactExtEventType": "CART", "value": 57, "location": "shop_1", "shopDomain": "example.com"},
    {"date": DAY, "contactExtEventType": "OTHER", "description": '-a "b",\nc', "detail1": "1", "detail20": "x;y"},
]

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def full() -> Iterator[Mapping[str, str]]:
    """An account with the contacts and their events."""
    with serving(job_seconds=0.1) as environ:
        for contact in CONTACTS:
            ask(environ, "contact/upsert", **contact)
        events = [{"email": "ann@example.com", "contactEvent": event} for event in EVENTS]
        events.append({"email": "bob@example.com", "contactEvent": {"date": DAY, "contactExtEventType": "CART"}})
        ask(environ, "contact/batchAddContactExtEvent", events=events)
        yield environ


@pytest.fixture
def empty() -> Iterator[Mapping[str, str]]:
    """Another account, without a contact."""
    with serving(job_seconds=0.1) as environ:
        yield environ


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command for an account, in a folder of its own, and succeeds."""
    monkeypatch.chdir(tmp_path)

    def run(environ: Mapping[str, str], *arguments: str) -> Result:
        done = CliRunner().invoke(salesmanago, [*arguments, "--poll-interval", "0.1"], env=dict(environ))
        assert done.exit_code == 0, done.output
        return done

    return run


def read(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file, without absent cells."""
    path = Path(name)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
    elif path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = json.loads(path.read_text())
    return [{name: cell for name, cell in row.items() if cell not in (None, "", [])} for row in rows]


OF_THE_SERVER = {"id", "contactId", "eventId", "createdOn", "modifiedOn", "lastOptInOn", "lastOptOutOn"}


def kept(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file without ids and times that the server made, by address and date."""
    rows = [{name: cell for name, cell in row.items() if name not in OF_THE_SERVER} for row in read(name)]
    for row in rows:
        if "consents" in row:
            consents = json.loads(row["consents"]) if isinstance(row["consents"], str) else row["consents"]
            row["consents"] = [{**consent, "createdOn": None} for consent in consents]
    return sorted(rows, key=lambda row: (row["email"], str(row.get("date"))))


TIMES_OF_THE_SERVER = {"createdOn", "modifiedOn", "id", "eventId"}


def stored(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what an account holds of the contacts, without ids and times that the server made, and without events."""
    found = ask(environ, "contact/list", email=[contact["contact"]["email"] for contact in CONTACTS])["contacts"]

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(inner) for name, inner in value.items() if name not in TIMES_OF_THE_SERVER}
        return [without(entry) for entry in value] if isinstance(value, list) else value

    return [{**without(contact), "contactExtEvents": None} for contact in found]


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", FORMATS)
def test_exported_contacts_are_imported_as_they_are(
    full: Mapping[str, str], empty: Mapping[str, str], run: Run, suffix: str
) -> None:
    export = ("export", "contacts", "--tag", "VIP", "--data", OF_AN_IMPORT, "--out")
    run(full, *export, f"before.{suffix}")
    run(empty, "import", "contacts", f"before.{suffix}", "--accept-consents")
    run(empty, *export, f"after.{suffix}")
    assert kept(f"after.{suffix}") == kept(f"before.{suffix}")
    assert stored(empty) == stored(full)  # with safe cells of CSV as well
    ann = kept(f"after.{suffix}")[0]
    assert ann["name"] == CONTACTS[0]["contact"]["name"]
    assert ann["company"] == ("'=1+1 GmbH" if suffix == "csv" else "=1+1 GmbH")
    assert len(ann["consents"]) == 3


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "chosen",
    [("--tag", "VIP", "--data", EVERYTHING), ("--modified-since", "2020-01-01"), ("--all",)],
    ids=["every part", "modified", "all"],
)
def test_columns_that_only_an_export_has_are_passed_over(
    full: Mapping[str, str], empty: Mapping[str, str], run: Run, suffix: str, chosen: tuple[str, ...]
) -> None:
    run(full, "export", "contacts", *chosen, "--out", f"before.{suffix}")
    assert len(read(f"before.{suffix}")) == 3
    run(empty, "import", "contacts", f"before.{suffix}", "--accept-consents")
    if chosen != ("--all",):  # those rows have no more than the name, the country and the phone
        assert stored(empty) == stored(full)


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "chosen",
    [
        ("--tag", "VIP"),
        ("--email", "ann@example.com", "--email", "bob@example.com"),
        ("--all",),
        ("--modified-since", "2020-01-01"),
    ],
    ids=["tag", "emails", "all", "modified"],
)
def test_exported_events_are_imported_as_they_are(
    full: Mapping[str, str], empty: Mapping[str, str], run: Run, suffix: str, chosen: tuple[str, ...]
) -> None:
    for contact in CONTACTS:
        ask(empty, "contact/upsert", **contact)
    done = run(full, "export", "events", *chosen, "--out", f"before.{suffix}")
    assert done.stdout == f"4 events in before.{suffix}\n"
    run(empty, "import", "events", f"before.{suffix}")
    run(empty, "export", "events", *chosen, "--out", f"after.{suffix}")
    assert kept(f"after.{suffix}") == kept(f"before.{suffix}")


def test_each_event_is_a_line_with_its_contact(full: Mapping[str, str], run: Run) -> None:
    run(full, "export", "events", "--tag", "VIP", "--out", "events.jsonl")
    events = read("events.jsonl")
    ids = {
        contact["email"]: contact["id"]
        for contact in ask(full, "contact/list", email=["ann@example.com", "bob@example.com"])["contacts"]
    }
    assert [(event["email"], event["contactId"]) for event in events] == [
        *[("ann@example.com", ids["ann@example.com"])] * 3,
        ("bob@example.com", ids["bob@example.com"]),
    ]
    assert events[0]["date"] == "2023-11-15T00:00:00.001000Z"
    assert (events[0]["value"], events[0]["products"], events[0]["contactExtEventType"]) == (
        189.99,
        "p1,p2",
        "PURCHASE",
    )


def test_a_flat_line_has_what_a_row_of_csv_has(full: Mapping[str, str], run: Run) -> None:
    export = ("export", "contacts", "--tag", "VIP", "--data", EVERYTHING, "--out")
    for name in ("a.csv", "a.jsonl", "a.json"):
        run(full, *export, name)
    lines = read("a.jsonl")
    assert read("a.json") == lines
    assert [row["id"] for row in read("a.csv")] == [line["id"] for line in lines]
    assert [{*row} for row in read("a.csv")] == [{*line} for line in lines]
    ann = lines[0]
    assert ann["tags"] == ["VIP", "NEWS_2024"]
    assert [consent["name"] for consent in ann["consents"]] == ["TERMS", "MAIL", "SMS"]
    assert [event["contactExtEventType"] for event in ann["extEventData"]] == ["PURCHASE", "CART", "OTHER"]


def test_the_documented_shape_is_an_option(full: Mapping[str, str], run: Run) -> None:
    export = ("export", "contacts", "--email", "ann@example.com", "--shape", "documented", "--out")
    done = run(full, *export, "a.jsonl")
    (line,) = read("a.jsonl")
    ((_, parts),) = line.items()
    assert parts["contactData"]["email"] == "ann@example.com"
    assert "--shape documented" in done.stderr  # the command that fetches the file again
    number = done.stderr.split()[1]
    run(full, "job", "save", number, "--out", "b.jsonl", "--shape", "documented")
    assert read("b.jsonl") == [line]
    run(full, "job", "save", number, "--out", "c.jsonl")
    assert [row["email"] for row in read("c.jsonl")] == ["ann@example.com"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("contacts", "--all", "--shape", "documented", "--out", "a.csv"), "--shape"),
        (("events", "--out", "a.csv"), "--tag"),
        (("events", "--tag", "A", "--all", "--out", "a.csv"), "--tag"),
        (("events", "--all", "--strict", "--out", "a.csv"), "--strict"),
        (("events", "--modified-since", "soon", "--out", "a.csv"), "--modified-since"),
        (("events", "--all", "--out", "a.xml"), "a.xml"),
    ],
)
def test_what_cannot_be_exported_is_named(full: Mapping[str, str], arguments: tuple[str, ...], named: str) -> None:
    done = CliRunner().invoke(salesmanago, ["export", *arguments], env=dict(full))
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert named in done.stderr


def test_an_old_file_opts_nobody_in(empty: Mapping[str, str], run: Run) -> None:
    """Who opted out is opted out; who had not may have opted out since, and stays so."""
    names = ("optedOut", "optedOutPhone")
    rows = [
        {"email": "out@example.com", "optedOut": True, "optedOutPhone": True, "modifiedOn": DAY},
        {"email": "in@example.com", "optedOut": False, "optedOutPhone": False, "modifiedOn": DAY},
        {"email": "new@example.com", "optedOut": False, "optedOutPhone": False, "modifiedOn": DAY},
    ]
    ask(empty, "contact/upsert", contact={"email": "out@example.com"}, forcePhoneOptIn=True)
    ask(empty, "contact/upsert", contact={"email": "in@example.com"}, forceOptOut=True)
    Path("old.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(empty, "import", "contacts", "old.jsonl")
    found = ask(empty, "contact/list", email=[row["email"] for row in rows])["contacts"]
    assert [[contact[name] for name in names] for contact in found] == [[True, True], [True, True], [False, True]]


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", FORMATS)
def test_an_old_file_gives_no_consent_again(
    full: Mapping[str, str], empty: Mapping[str, str], run: Run, suffix: str
) -> None:
    """What was withdrawn since the export stays withdrawn; what the export has as withdrawn is withdrawn."""
    run(full, "export", "contacts", "--tag", "VIP", "--data", OF_AN_IMPORT, "--out", f"old.{suffix}")
    withdrawn = {"consentName": "TERMS", "consentAccept": False, "optOut": True}
    given = {"consentName": "MAIL", "consentAccept": True}
    ask(empty, "contact/upsert", contact={"email": "ann@example.com"}, consentDetails=[withdrawn, given])
    done = run(empty, "import", "contacts", f"old.{suffix}")
    assert "consents that contacts had given at the time of the export are left out" in done.stderr
    assert "; --accept-consents sends them" in done.stderr
    assert answers(empty) == {"TERMS": "D", "MAIL": "D", "SMS": "R"}
    again = run(empty, "import", "contacts", f"old.{suffix}", "--accept-consents")
    assert "consents" not in again.stderr
    assert answers(empty) == {"TERMS": "A", "MAIL": "D", "SMS": "R"}


def answers(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what Ann has answered to each consent in an account."""
    [ann] = ask(environ, "contact/list", email=["ann@example.com"])["contacts"]
    return {consent["name"]: consent["action"] for consent in ann["consents"]}


def test_a_table_of_ones_own_keeps_its_names(empty: Mapping[str, str], run: Run) -> None:
    """`id` and `score` are names of exports, too, but such a table is not one."""
    Path("own.csv").write_text("email,id,score\nann@example.com,17,4\n")
    done = CliRunner().invoke(salesmanago, ["import", "contacts", "own.csv"], env=dict(empty))
    assert done.exit_code == 2
    assert "id" in done.stderr
