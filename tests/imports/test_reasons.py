"""Why records were rejected, by kind."""

from typing import Any

import pytest

from salesmanago_async import Contact, SalesManago
from salesmanago_async.imports.engine.reasons import MAX_KIND_LENGTH, MAX_KINDS, OTHERS, Reasons, kind_of


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("name: is 300 characters long, 1 to 255 are allowed", "name: is … characters long, 1 to 255 are allowed"),
        ("tags: entry 12: is 256 characters long", "tags: entry …: is … characters long"),
        ("detail1: is a dict, not text", "detail1: is a dict, not text"),
        ("value: is '1, 2', not a number such as 12.34", "value: is …, not a number such as 12.34"),
        ("date: is 5: that is 0 s after 1970", "date: is …: that is … s after 1970"),
        ("date: is '12/1/2020', neither ISO 8601 nor more", "date: is …, neither ISO 8601 nor more"),
        ("nmae: is not a field; did you mean 'name'?", "nmae: is not a field; did you mean 'name'?"),
        ("the contact's e-mail, or the vendor's", "the contact's e-mail, or the vendor's"),
        ("cannot be read: KeyError: 'x'", "cannot be read: KeyError: …"),
        ("is no JSON: what: line 1 column 5 (char 4)", "is no JSON: what: line … column … (char …)"),
        ("job 17: ann@example.com is contact 123456", "job …: … is contact …"),
        ("(up to 64 characters, @, a domain; 254 in all)", "(up to 64 characters, @, a domain; 254 in all)"),
    ],
)
def test_a_kind_has_no_values_of_a_record(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind


def test_kinds_are_bounded_in_number_and_length() -> None:
    reasons = Reasons()
    for number in range(MAX_KINDS + 30):
        for _ in range(1 + (number == 7)):
            reasons.add(f"reason number{number} " + "long" * 1000)
    reasons.add(f"reason number{MAX_KINDS - 1} " + "long" * 1000)
    counted = reasons.most_frequent()
    assert len(counted) == MAX_KINDS + 1
    assert list(counted.items())[-1] == (OTHERS, 30)
    assert list(counted.values())[:3] == [2, 2, 1]
    assert max(map(len, counted)) == MAX_KIND_LENGTH


@pytest.mark.anyio
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_run_counts_its_rejected_records_by_reason(dry_run: bool, sm: SalesManago) -> None:
    long_names: list[Any] = [Contact(email="a@x.pl", name="n" * (256 + number)) for number in range(30)]
    report = await sm.contacts.upsert_many(
        [Contact(email="nobody"), *long_names, Contact(email="b@x.pl")], dry_run=dry_run
    )
    assert list(report.reasons.values()) == [30, 1]
    assert next(iter(report.reasons)) == "name: is … characters long, 1 to 255 are allowed"
    assert sum(report.reasons.values()) == report.rejected


@pytest.mark.anyio
async def test_what_the_server_rejects_is_counted_too(sm: SalesManago) -> None:
    ghosts = [Contact(contact_id=f"no-such-id-{number}", name="G") for number in range(3)]
    report = await sm.contacts.upsert_many(ghosts)
    assert (report.rejected, sum(report.reasons.values())) == (3, 3)
