"""The settings of a client: mistakes are reported when the client is created, before anything is sent."""

from typing import Any

import pytest

from salesmanago_async import Credentials, Invalid, SalesManago
from salesmanago_async.connection.pace import MOST_CONCURRENT
from salesmanago_async.settings import checked_base_url, joined_environment
from salesmanago_async.simulator import DEMO_CREDENTIALS

WHOLE = {
    "SALESMANAGO_CLIENT_ID": "client",
    "SALESMANAGO_API_KEY": "key",
    "SALESMANAGO_API_SECRET": "s3cret",
    "SALESMANAGO_OWNER": "owner@example.com",
    "SALESMANAGO_BASE_URL": "https://app3.salesmanago.com",
}
SHA = {**WHOLE, "SALESMANAGO_API_SECRET": "", "SALESMANAGO_SHA": "5ha"}


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {}\t", "\n{}", "{}\u00a0", "\u2003{}\n\n"])
@pytest.mark.parametrize("environ", [WHOLE, SHA], ids=["secret", "sha"])
def test_white_space_around_a_variable_is_dropped(environ: dict[str, str], around: str) -> None:
    spaced = {name: around.format(value) if value else value for name, value in environ.items()}
    assert Credentials.from_env(spaced) == Credentials.from_env(environ)
    sm = SalesManago.from_env(spaced)
    assert sm.owner == "owner@example.com"
    assert sm._connection.http._base_url == "https://app3.salesmanago.com"


SECRET_ELSEWHERE = {"SALESMANAGO_API_SECRET": "other secret", "SALESMANAGO_OWNER": "other@example.com"}
SHA_ELSEWHERE = {"SALESMANAGO_SHA": "other sha", "SALESMANAGO_OWNER": "other@example.com"}


@pytest.mark.parametrize("others", [SECRET_ELSEWHERE, SHA_ELSEWHERE, {**SECRET_ELSEWHERE, **SHA_ELSEWHERE}])
@pytest.mark.parametrize("first", [WHOLE, SHA], ids=["secret", "sha"])
def test_the_secret_and_the_sha_are_those_of_one_place(first: dict[str, str], others: dict[str, str]) -> None:
    assert Credentials.from_env(joined_environment(first, others)) == Credentials.from_env(first)
    without_proof = {
        name: value for name, value in first.items() if name not in {"SALESMANAGO_API_SECRET", *SHA_ELSEWHERE}
    }
    joined = Credentials.from_env(joined_environment(without_proof, others))
    assert (joined.client_id, joined.api_secret) == ("client", others.get("SALESMANAGO_API_SECRET"))
    assert joined_environment({}, others) == others


@pytest.mark.parametrize("inside", ["a\nb", "a\rb", "a\x00b", "a\x1bb", "a\udc80b", "a\u2028b"])
@pytest.mark.parametrize("name", [*WHOLE, "SALESMANAGO_SHA"])
def test_an_invisible_character_is_refused_with_the_name_of_its_variable(name: str, inside: str) -> None:
    environ = {**(SHA if name == "SALESMANAGO_SHA" else WHOLE), name: f"s3cret{inside}"}
    with pytest.raises(Invalid, match=f"^{name}: ") as raised:
        SalesManago.from_env(environ)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_variable_of_blanks_is_not_set(blank: str) -> None:
    with pytest.raises(Invalid, match="set SALESMANAGO_API_KEY"):
        SalesManago.from_env({**WHOLE, "SALESMANAGO_API_KEY": blank})
    assert SalesManago.from_env({**WHOLE, "SALESMANAGO_OWNER": blank}).owner is None


WRONG_ADDRESSES = [
    "https://host:notaport",
    "https://host:99999",
    "https://host:0",
    "https://[::1]:70000",
    "https://[::1",
    "https://[host]",
    "https://☃.example",
    "https://bücher.example",
    "https://exa mple.com",
    "https://example.com/a b",
    "https://a..b",
    "https://.example.com",
    "https://-a.example",
    f"https://{'a' * 64}.example",
    "https://" + "a." * 127 + "example",
    "https://example.com?x=1",
    "https://example.com#x",
    "https://example.com\\x",
    "https://example.com\n.org",
    "https://example.com%20",
    "https://",
    "https:example.com",
    "example.com",
    "ftp://example.com",
    "http://example.com",
    "http://0.0.0.0:18790",
    "https://[::]:1",
    "",
    "://",
    "https://\udc80",
]


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_an_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(Invalid, match=r"^base_url: "):
        SalesManago(DEMO_CREDENTIALS, base_url=address)


def test_a_wildcard_address_is_refused() -> None:
    with pytest.raises(Invalid, match=r"127\.0\.0\.1 on this machine"):
        checked_base_url("http://0.0.0.0:18790")


@pytest.mark.parametrize(
    "address",
    [
        "https://app2.salesmanago.com",
        "https://APP2.salesmanago.com:8443",
        "https://sales_manago.internal",
        "https://xn--bcher-kva.example",
        "https://example.com.",
        "https://host",
        "https://10.0.0.8",
        "https://[fd00::8]:8443/prefix",
        "http://127.0.0.1:8787",
        "http://[::1]:8787",
        "http://localhost",
    ],
)
def test_a_usable_address_is_accepted(address: str) -> None:
    assert checked_base_url(f" {address}/api/ \n") == address
    SalesManago(DEMO_CREDENTIALS, base_url=address)


@pytest.mark.parametrize("concurrency", [0, -1, MOST_CONCURRENT + 1, 99999999999999])
def test_an_excessive_concurrency_is_refused(concurrency: int) -> None:
    with pytest.raises(Invalid, match=r"concurrency: .*1 to 1000"):
        SalesManago(DEMO_CREDENTIALS, concurrency=concurrency)


@pytest.mark.parametrize("options", [{"concurrency": 1}, {"concurrency": MOST_CONCURRENT}, {"rate": 0.01}])
def test_values_within_bounds_are_accepted(options: dict[str, Any]) -> None:
    SalesManago(DEMO_CREDENTIALS, **options)


def test_a_rate_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(Invalid, match="rate"):
        SalesManago(DEMO_CREDENTIALS, rate=float("nan"))


def test_the_poll_interval_comes_from_the_environment_too() -> None:
    sm = SalesManago.from_env({**WHOLE, "SALESMANAGO_POLL_INTERVAL": " 0.5 "})
    assert sm.jobs._connection.poll_interval == 0.5  # pyright: ignore[reportPrivateUsage]
    given = SalesManago.from_env({**WHOLE, "SALESMANAGO_POLL_INTERVAL": "0.5"}, poll_interval=7)
    assert given.jobs._connection.poll_interval == 7  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_poll_interval_that_is_no_number_of_seconds_is_named(text: str) -> None:
    with pytest.raises(Invalid, match="number of seconds") as refused:
        SalesManago.from_env({**WHOLE, "SALESMANAGO_POLL_INTERVAL": text})
    assert refused.value.field == "SALESMANAGO_POLL_INTERVAL"
