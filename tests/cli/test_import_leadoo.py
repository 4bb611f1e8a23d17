"""`salesmanago import leadoo` and `salesmanago leadoo-feed`."""

import csv
import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.leads import LEAD

Command = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., dict[str, Any]]

QUICK = ("--poll-interval", "0.1")
HEADER = ["First name", "Last name", "Email", "Lead URL", "Score", "tags", "var_budget", "tag_Hot", "Unknown"]


def write_table(path: Path, rows: Iterable[Iterable[Any]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def contact_of(ask: Ask, email: str) -> dict[str, Any]:
    (contact,) = ask("contact/list", email=[email])["contacts"]
    found: dict[str, Any] = contact
    return found


def details_of(contact: dict[str, Any]) -> dict[str, str]:
    return {detail["name"]: detail["value"] for detail in contact["properties"]}


def tags_of(contact: dict[str, Any]) -> set[str]:
    return {tag["tag"] for tag in contact["contactTags"]}


def test_a_table_of_leads(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    url = "https://shop.example/" + "x" * 300
    rows = [
        ["Ann", "Example", "table-ann@leads.pl", url, 42, "A, B", 1000, 1, "x"],
        ["Bob", "", "", "", 1, "", "", "", ""],
        ["Eve", "", "no address", "", 1, "", "", "", ""],
        ["Cid", "", "table-cid@leads.pl", "", "", "", "", 0, ""],
    ]
    leads = write_table(tmp_path / "leads.csv", [HEADER, *rows], ";")
    options = ("--rejects", "bad.csv", "--report", "report.json", "--tag", "SPRING")
    shown = salesmanago("import", "leadoo", leads, *options, *QUICK)
    assert shown.returncode == 1, shown.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["read"], report["accepted"], report["rejected"]) == (4, 2, 2)
    ann = contact_of(ask, "table-ann@leads.pl")
    assert ann["name"] == "Ann Example"
    assert tags_of(ann) == {"LEADOO", "LEADOO_A", "LEADOO_B", "LEADOO_HOT", "SPRING"}
    assert details_of(ann) == {"leadoo_lead_url": url[:255], "leadoo_score": "42", "leadoo_budget": "1000"}
    assert tags_of(contact_of(ask, "table-cid@leads.pl")) == {"LEADOO", "SPRING"}
    with (tmp_path / "bad.csv").open(newline="") as file:
        rejects = list(csv.DictReader(file, delimiter=";"))
    assert [row["First name"] for row in rejects] == ["Bob", "Eve"]
    assert [row["_line"] for row in rejects] == ["3", "4"]
    assert "without an e-mail address" in rejects[0]["_reason"]
    rejects[0]["Email"], rejects[1]["Email"] = "table-bob@leads.pl", "table-eve@leads.pl"
    fixed = write_table(tmp_path / "fixed.csv", [list(rejects[0]), *(list(row.values()) for row in rejects)], ";")
    again = salesmanago("import", "leadoo", fixed, *QUICK)
    assert again.returncode == 0, again.stderr
    assert contact_of(ask, "table-bob@leads.pl")["name"] == "Bob"


def test_a_file_of_json(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    leads = [{**LEAD, "email": "json-ann@leads.pl"}, {**LEAD, "email": None}, ["no lead"]]
    (tmp_path / "leads.jsonl").write_text("\n".join(map(json.dumps, leads)))
    shown = salesmanago("import", "leadoo", "leads.jsonl", "--rejects", "bad.jsonl", *QUICK)
    assert shown.returncode == 1, shown.stderr
    contact = contact_of(ask, "json-ann@leads.pl")
    assert contact["address"]["zipCode"] == "00100"
    assert details_of(contact)["leadoo_utm_source"] == "google"
    assert tags_of(contact) == {"LEADOO", "LEADOO_HOT", "LEADOO_BIG_DEAL", "LEADOO_NEWSLETTER"}
    rejects = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [row["_line"] for row in rejects] == [2, 3]
    assert rejects[0]["utm_tags"] == LEAD["utm_tags"]


def test_leads_whose_fields_are_all_those_of_contacts_are_leads(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "leads.jsonl").write_text('{"email": "plain-json@leads.pl", "name": "Ann", "tags": "Hot"}\n')
    leads = write_table(tmp_path / "leads.csv", [["email", "name", "tags"], ["plain-table@leads.pl", "Ann", "Hot"]])
    shown = salesmanago("import", "leadoo", "leads.jsonl", leads, *QUICK)
    assert shown.returncode == 0, shown.stderr
    for email in ("plain-json@leads.pl", "plain-table@leads.pl"):
        assert tags_of(contact_of(ask, email)) == {"LEADOO", "LEADOO_HOT"}


def test_columns_can_have_other_names(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    leads = write_table(tmp_path / "leads.csv", [["Adres", "Imię", "Kampania"], ["map@leads.pl", "Ewa", "wiosna"]])
    maps = ("--map", "Adres=email", "--map", "Imię=name", "--map", "Kampania=properties.leadoo_utm_campaign")
    shown = salesmanago("import", "leadoo", leads, *maps, *QUICK)
    assert shown.returncode == 0, shown.stderr
    contact = contact_of(ask, "map@leads.pl")
    assert (contact["name"], details_of(contact)) == ("Ewa", {"leadoo_utm_campaign": "wiosna"})


def test_other_columns_are_passed_over_refused_or_details(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    leads = write_table(tmp_path / "leads.csv", [["email", "id", "colour"], ["extra@leads.pl", 7, "red"]])
    assert salesmanago("import", "leadoo", leads, *QUICK).returncode == 0
    assert details_of(contact_of(ask, "extra@leads.pl")) == {}
    refused = salesmanago("import", "leadoo", leads, "--extra-columns", "error", *QUICK)
    assert refused.returncode == 2
    assert "colour: is not a field of a lead" in refused.stderr
    assert salesmanago("import", "leadoo", leads, "--extra-columns", "properties", *QUICK).returncode == 0
    assert details_of(contact_of(ask, "extra@leads.pl")) == {"colour": "red"}


@pytest.mark.parametrize(
    ("header", "options", "said"),
    [
        (["Name", "Phone"], (), "no column holds e-mail addresses"),
        (["email"], ("--map", "Adres=email"), "there is no column 'Adres' to map"),
        (["email", "X"], ("--map", "X=colour"), "colour: is not a field of a contact"),
        (["email", "X"], ("--map", "X"), "is not COLUMN=FIELD"),
    ],
)
def test_a_table_that_cannot_be_imported(
    salesmanago: Command, tmp_path: Path, header: list[str], options: tuple[str, ...], said: str
) -> None:
    leads = write_table(tmp_path / "leads.csv", [header, ["text"] * len(header)])
    shown = salesmanago("import", "leadoo", leads, *options, *QUICK)
    assert (shown.returncode, said in shown.stderr) == (2, True), shown.stderr


def test_a_journal_goes_on_with_leads_as_leads(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    leads_of = ([f"resume-{number}@leads.pl", number, "red"] for number in range(30))
    rows: list[list[Any]] = [["email", "score", "colour"], *leads_of]
    leads = write_table(tmp_path / "leads.csv", rows)
    options = ("--journal", "leads.db", "--batch-size", 10, "--map", "colour=properties.tint", *QUICK)
    begun = salesmanago("import", "leadoo", leads, *options, "--no-wait")
    assert begun.returncode == 0, begun.stderr
    resumed = salesmanago("resume", "leads.db")
    assert resumed.returncode == 0, resumed.stderr
    assert details_of(contact_of(ask, "resume-29@leads.pl")) == {"leadoo_score": "29", "tint": "red"}


def test_a_dry_run_sends_nothing(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    leads = write_table(tmp_path / "leads.csv", [["Email", "Bot"], ["dry@leads.pl", "x"], ["", "y"]])
    shown = salesmanago("import", "leadoo", leads, "--dry-run")
    assert shown.returncode == 1, shown.stderr
    assert "without an e-mail address" in shown.stdout
    assert ask("contact/hasContact", email="dry@leads.pl")["result"] is False


def test_a_feed_is_written(salesmanago: Command, tmp_path: Path) -> None:
    item = "<item><id>{0}</id><title>Shoe</title><link>https://x.pl/{0}</link><hue>red</hue></item>"
    items = "".join(item.format(number) for number in range(100))
    (tmp_path / "feed.xml").write_text(f"<x>{items}</x>")
    shown = salesmanago("leadoo-feed", "feed.xml", "out", "--limit", 1000, "--map", "hue=colour")
    assert (shown.returncode, shown.stderr) == (0, "")
    files = sorted((tmp_path / "out").iterdir())
    assert shown.stdout == f"100 products in {len(files)} files in out\n"
    assert all(file.stat().st_size <= 1000 for file in files)
    with files[-1].open(newline="") as file:
        *_, last = csv.DictReader(file)
    assert (last["id"], last["title"], last["colour"]) == ("99", "Shoe", "red")


def test_a_product_that_is_left_out_is_named(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("id,title,url\n1,One,https://x.pl/1\n2,Two,https://x.pl/2,Three\n")
    shown = salesmanago("leadoo-feed", "feed.csv", "out")
    assert shown.returncode == 1
    assert shown.stdout == "1 product in 1 file in out\n"
    assert shown.stderr == "feed.csv: left out: line 3: has 4 cells, the header has 3\n"


def test_a_table_that_is_not_a_product_feed_is_refused(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email,name,phone,externalId\na@b.pl,Ann,600100200,7\n")
    shown = salesmanago("leadoo-feed", "people.csv", "out")
    assert (shown.returncode, shown.stdout, shown.stderr.count("\n")) == (2, "", 1)
    assert "is not a product feed" in shown.stderr
    assert "email, name, phone, externalId" in shown.stderr
    mapped = salesmanago("leadoo-feed", "people.csv", "out", "--map", "externalId=id")
    assert mapped.returncode == 0, mapped.stderr
    assert not list((tmp_path / "out").glob(".*"))


def test_products_that_lack_something_are_counted(salesmanago: Command, tmp_path: Path) -> None:
    items = [
        "<id>1</id><title>One</title><link>https://x.pl/1</link>",
        "<title>No id</title>",
        "<id>3</id><title>Three</title>",
        "<link>https://x.pl/4</link>",
    ]
    (tmp_path / "feed.xml").write_text("<x>" + "\n".join(f"<item>{item}</item>" for item in items) + "</x>")
    shown = salesmanago("leadoo-feed", "feed.xml", "out")
    assert (shown.returncode, shown.stdout) == (1, "3 products in 1 file in out\n")
    assert shown.stderr.splitlines() == [
        "feed.xml: left out: line 2: has neither an id nor a url",
        "feed.xml: 1 of 3 products has no id",
        "feed.xml: 1 of 3 products has no title",
        "feed.xml: 1 of 3 products has no url",
    ]
    with (tmp_path / "out" / "products-0001.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["1", "3", ""]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("feed.xml", "<x>", "feed.xml: is not valid XML"),
        ("feed.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "defines an entity"),
        ("feed.json", "{}", "ends in none of"),
        ("gone.xml", None, "gone.xml: No such file"),
        ("gone.csv", None, "gone.csv: No such file"),
    ],
)
def test_a_file_that_is_not_a_feed_is_refused(
    salesmanago: Command, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    shown = salesmanago("leadoo-feed", name, "out")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr
