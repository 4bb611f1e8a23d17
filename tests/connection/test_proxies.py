"""Which requests use a proxy of the environment, and which variables are refused."""

from typing import Any
from urllib.request import getproxies

import httpx
import pytest
from httpx import URL

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.connection.proxies import proxies_of
from salesmanago_async.simulator import DEMO_CREDENTIALS

HTTP, HTTPS, ALL = "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"
NAMES = (HTTP, HTTPS, ALL, "NO_PROXY")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies, with the certificates of httpx."""
    for name in (*NAMES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


HOSTS = [
    "example.com",
    "www.example.com",
    "notexample.com",
    "localhost",
    "www.localhost",
    "127.0.0.1",
    "10.1.2.3",
    "11.1.2.3",
    "[::1]",
    "[fe80::1]",
    "[fd07:b51a:cc66:f0::5]",
    "other.example",
]
URLS = [f"{scheme}://{host}{port}/" for scheme in ("http", "https") for host in HOSTS for port in ("", ":8080")]


def ours(url: str) -> str | None:
    return proxies_of(getproxies()).for_url(url)


@pytest.mark.sampled
@pytest.mark.parametrize("given", [{}, {HTTP: "one:3128"}, {HTTPS: "http://a:b@one:3128", ALL: "https://two"}])
@pytest.mark.parametrize(
    "unproxied",
    [
        None,
        "",
        "*",
        "example.com",
        ".example.com",
        ".example.com, localhost,LOCALHOST ,,127.0.0.1",
        "::1,10.1.2.3",
        "https://example.com,example.com:8080",
        "example.com,*",
    ],
)
def test_proxies_match_those_of_httpx(
    environment: pytest.MonkeyPatch, given: dict[str, str], unproxied: str | None
) -> None:
    for name, address in given.items():
        environment.setenv(name, address)
    if unproxied is not None:
        environment.setenv("NO_PROXY", unproxied)
    stock = httpx.AsyncClient()
    for url in URLS:
        has_proxy = stock._transport_for_url(URL(url)) is not stock._transport
        assert (ours(url) is not None) is has_proxy, url


@pytest.mark.parametrize(
    ("unproxied", "direct"),
    [
        ("localhost,127.0.0.1,[::1]", {"localhost", "127.0.0.1", "[::1]"}),
        ("localhost,127.0.0.1,fd07:b51a:cc66:f0::/64", {"localhost", "127.0.0.1", "[fd07:b51a:cc66:f0::5]"}),
        ("10.0.0.0/8, fe80::/10", {"10.1.2.3", "[fe80::1]"}),
        ("10.1.2.3/8", {"10.1.2.3"}),
        ("[::1]/128", set()),
        ("*.example.com", {"www.example.com"}),
        (" EXAMPLE.COM. ,", {"example.com", "www.example.com"}),
        ("http://,a b,example.com:port,:80,[,[::1,]::1[,///,%,host:1:2", set()),
    ],
)
def test_entries_that_crash_httpx_are_understood_or_ignored(
    environment: pytest.MonkeyPatch, unproxied: str, direct: set[str]
) -> None:
    environment.setenv(ALL, "http://proxy.example.net:3128")
    environment.setenv("NO_PROXY", unproxied)
    assert {host for host in HOSTS if ours(f"https://{host}/") is None} == direct


@pytest.mark.parametrize(
    ("unproxied", "direct"),
    [
        ("[::1]:8080", {"http://[::1]:8080/", "https://[::1]:8080/"}),
        ("10.1.2.3:8080", {"http://10.1.2.3:8080/", "https://10.1.2.3:8080/"}),
        ("https://[::1]", {"https://[::1]/", "https://[::1]:8080/"}),
        ("all://localhost:8080", {"http://localhost:8080/", "https://localhost:8080/"}),
    ],
)
def test_entries_may_name_a_port_or_a_scheme(environment: pytest.MonkeyPatch, unproxied: str, direct: set[str]) -> None:
    environment.setenv(ALL, "http://proxy.example.net:3128")
    environment.setenv("NO_PROXY", unproxied)
    assert {url for url in URLS if ours(url) is None} == direct


def make(backend: Any) -> None:
    SalesManago(DEMO_CREDENTIALS, transport=backend)


over_both = pytest.mark.parametrize("backend", [None, "aiohttp"])

WRONG_PROXIES = [
    "gopher://proxy.example.com",
    "http://proxy.example.com:port",
    "http://proxy.example.com:99999",
    "http://proxy.example.com:0",
    "proxy.example.com:3128:1",
    "http://",
    "http://[::1",
    "http://pro xy",
    "://",
    "☃",
]


@pytest.mark.sampled
@over_both
@pytest.mark.parametrize("name", [HTTP, HTTPS, ALL])
@pytest.mark.parametrize("value", WRONG_PROXIES)
def test_the_error_for_an_invalid_proxy_names_its_variable(
    environment: pytest.MonkeyPatch, backend: Any, name: str, value: str
) -> None:
    environment.setenv(name, value.replace("//", "//user:s3cret@", 1))
    with pytest.raises(Invalid, match=f"^{name}: ") as raised:
        make(backend)
    assert "s3cret" not in str(raised.value)


@over_both
@pytest.mark.parametrize("name", [HTTP, HTTPS, ALL])
def test_a_socks_proxy_needs_another_package(environment: pytest.MonkeyPatch, backend: Any, name: str) -> None:
    environment.setenv(name, "socks5://user:s3cret@127.0.0.1:1080")
    environment.setattr("salesmanago_async.connection.proxies.find_spec", lambda _: None)
    with pytest.raises(Invalid, match=rf"^{name}: .*httpx\[socks\]") as raised:
        make(backend)
    assert "s3cret" not in str(raised.value)


def test_a_socks_proxy_is_used_where_that_package_is_installed(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(ALL, "socks5://127.0.0.1:1080")
    environment.setattr("salesmanago_async.connection.proxies.find_spec", lambda _: object())
    assert ours("https://example.com/") == "socks5://127.0.0.1:1080"


@over_both
@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("kind", ["missing", "other kind", "garbage"])
def test_the_error_for_unreadable_certificates_names_the_variable(
    environment: pytest.MonkeyPatch, backend: Any, name: str, kind: str, tmp_path: Any
) -> None:
    file = tmp_path / "file.pem"
    file.write_text("no certificate")
    values = {
        "missing": tmp_path / "missing",
        "other kind": file if name.endswith("DIR") else tmp_path,
        "garbage": file,
    }
    if (name, kind) == ("SSL_CERT_DIR", "garbage"):
        values[kind] = tmp_path / "file.pem" / "below"
    environment.setenv(name, str(values[kind]))
    with pytest.raises(Invalid, match=f"^{name}: "):
        make(backend)
