"""Reasons as they are written to the disk: they contain no data of the record, in whatever spelling the server uses."""

from unicodedata import normalize

import pytest

from salesmanago_async.imports.engine.redaction import NOT_KEPT, redacted

BODY = {
    "contact": {
        "email": "zuzanna@example.com",
        "name": "Zuzanna Żółta",
        "phone": "+48 600-100-200",
        "address": {"streetAddress": "ul. Prosta 5", "zipCode": "00-838", "city": "Kraków", "country": "PL"},
    },
    "birthday": "19840805",
    "tags": ["VIP client"],
    "properties": {"remark": "calls on tuesdays"},
    "products": ["SKU-77"],
}


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("contact (Zuzanna) is invalid", "contact (…) is invalid"),
        ("no ZUZANNA ŻÓŁTA here", "no … here"),
        (normalize("NFD", "no Żółta in Kraków"), "no … in …"),
        ("other@example.com: bad", "…@…: bad"),
        ("phone 48600100200 is taken", "phone … is taken"),
        ("phone 600 100 200 is taken", "phone … is taken"),
        ("phone 600-100 200 is taken", "phone … is taken"),
        ("ul. Prosta 5, 00-838 is no address", "… is no address"),
        ("PL is no country, nor is PLN", "… is no country, nor is PLN"),
        ("remark 'calls on tuesdays' is too long", "remark '…' is too long"),
        ("SKU-77 is unknown", "… is unknown"),
        ("birthday 19840805 is no date", "birthday … is no date"),
        ("see https://files.example/x?Signature=abc now", "see … now"),
        ("job 123456 failed: limit of 1000 reached", "job 123456 failed: limit of 1000 reached"),
        ("", ""),
    ],
)
def test_what_stands_in_the_record_is_struck_out(reason: str, kept: str) -> None:
    assert redacted(reason, [BODY]) == kept


def test_a_reason_of_many_records_names_none_of_them() -> None:
    others = [{"contact": {"name": f"Ewa{number}", "city": "Łódź"}} for number in range(1000)]
    assert redacted("Ewa7 of Łódź and Zuzanna: refused", [*others, BODY]) == "… of … and …: refused"


def test_what_cannot_be_read_again_is_not_kept() -> None:
    assert redacted("Zuzanna is invalid", [BODY, None]) == NOT_KEPT


def test_a_text_of_any_length_is_cut() -> None:
    assert len(redacted("x" * 1_000_000, [BODY])) <= 2000
