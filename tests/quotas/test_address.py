"""Addresses of quotas: what is read, what is refused, and that no password is shown."""

import pytest

from salesmanago_async import Invalid
from salesmanago_async.quotas.address import NO_RATE, Numbers, QuotaAddress


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ("quota=a", Numbers()),
        ("quota=a&slots=16&rate=20&settle=5", Numbers(slots=16, rate=20, settle=5)),
        ("slots=1&quota=a&rate=0.5&settle=0", Numbers(slots=1, rate=0.5, settle=0)),
        ("quota=a&rate=none", Numbers(rate=NO_RATE)),
    ],
)
def test_an_address_has_a_name_and_numbers(parameters: str, numbers: Numbers) -> None:
    found = QuotaAddress.parse(f"postgresql://host/db?{parameters}&sslmode=require")
    assert (found.name, found.numbers) == ("a", numbers)
    assert found.database.conninfo == "postgresql://host/db?sslmode=require"
    assert QuotaAddress.parse(str(found)) == found


def test_a_password_is_not_shown() -> None:
    found = QuotaAddress.parse("postgresql://me:tajne7@host/db?quota=konto%20%C5%82&slots=2")
    assert str(found) == "postgresql://me:…@host/db?quota=konto%20%C5%82&slots=2"
    assert (found.name, "tajne7" in repr(found)) == ("konto ł", False)


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("quota.db", "give the address of a quota"),
        ("postgresql://host/db", "names no quota; add quota=NAME"),
        ("postgresql://host/db?quota=%20", "names no quota; add quota=NAME"),
        ("postgresql://host/db?quota=a%0Ab", "must be printable"),
        ("postgresql://host/db?run=nightly", "which is for journals"),
        ("postgresql://host/db?quota=a&quota=b", "gives a parameter twice"),
        ("postgresql://host/db?quota=a&slots=many", "slots is no number"),
        ("postgresql://host/db?quota=a&slots=0", "slots is 0; give 1 to 10,000"),
        ("postgresql://host/db?quota=a&slots=1.5", "slots is 1.5; give 1 to 10,000"),
        ("postgresql://host/db?quota=a&slots=nan", "slots is nan"),
        ("postgresql://host/db?quota=a&slots=inf", "slots is inf"),
        ("postgresql://host/db?quota=a&rate=0", "rate is 0; give requests per second"),
        ("postgresql://host/db?quota=a&settle=-1", "settle is -1; give 0 to 3600 seconds"),
    ],
)
def test_what_is_no_address_of_a_quota_is_refused(address: str, rule: str) -> None:
    with pytest.raises(Invalid) as caught:
        QuotaAddress.parse(address)
    assert caught.value.field == "quota"
    assert rule in caught.value.rule
