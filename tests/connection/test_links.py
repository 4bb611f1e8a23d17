"""File links never lead from the internet into the caller's network, directly, by name or by redirect."""

import socket
from contextlib import aclosing
from typing import Any

import pytest

from salesmanago_async import Invalid, Timeouts
from salesmanago_async.connection.http import Http
from salesmanago_async.connection.links import Links
from tests.conftest import MakeClient
from tests.exports.hosts import Hosts, read, response

FAR, NEAR = "https://app2.salesmanago.com", "http://127.0.0.1:8787"

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.8",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.8",
    "64:ff9b::a00:8",
    "2002:a00:8::1",
]
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]


def in_a_link(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("port", ["", ":2375"])
def test_links_of_an_internet_account_must_not_lead_into_the_callers_network(address: str, port: str) -> None:
    for scheme in ("https", "http"):
        with pytest.raises(Invalid):
            Links(FAR).check(f"{scheme}://{in_a_link(address)}{port}/f?Signature=s")
    with pytest.raises(Invalid):
        Links(FAR).check_address(address)


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LOCALHOST"])
def test_links_to_localhost_by_name_are_refused(host: str) -> None:
    with pytest.raises(Invalid):
        Links(FAR).check(f"https://{host}/f")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    for account in (FAR, NEAR):
        Links(account).check(f"https://{in_a_link(address)}/f")
        Links(account).check_address(address)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "[::1]:9"])
def test_an_account_on_this_machine_may_link_to_this_machine(host: str) -> None:
    for scheme in ("https", "http"):
        Links(NEAR).check(f"{scheme}://{host}/f")
    Links(NEAR).check_address("127.0.0.1")
    with pytest.raises(Invalid):
        Links(NEAR).check("http://example.com/f")
    for address in ("10.0.0.8", "169.254.169.254"):
        with pytest.raises(Invalid):
            Links(NEAR).check_address(address)


def test_links_to_the_host_of_the_api_are_always_allowed() -> None:
    links = Links("https://10.0.0.8")
    links.check("https://10.0.0.8:443/f")
    assert links.is_of_own_host("https://10.0.0.8:443/f")
    for other in ("https://10.0.0.8:444/f", "https://10.0.0.9/f", "http://10.0.0.8/f"):
        with pytest.raises(Invalid):
            links.check(other)


@pytest.mark.anyio
@pytest.mark.parametrize("address", ["127.0.0.1:2375", "169.254.169.254", "[::ffff:a00:8]", "localhost"])
@pytest.mark.parametrize("is_redirect", [False, True], ids=["link", "redirect"])
async def test_a_refused_address_gets_no_request(make_client: MakeClient, address: str, *, is_redirect: bool) -> None:
    there = f"https://{address}"
    step: Any = response(302, Location=f"{there}/latest/meta-data?Signature=s") if is_redirect else response()
    hosts = Hosts([step], link="https://files.example.com" if is_redirect else there)
    async with make_client(None, transport=hosts) as sm:
        with pytest.raises(Invalid) as raised:
            await read(sm)
    assert len(hosts.fetched) == is_redirect
    assert "Signature" not in str(raised.value)


# Names that resolve to such addresses


def resolving(monkeypatch: pytest.MonkeyPatch, names: dict[str, str]) -> None:
    """Resolve these names to these addresses, and all others as before."""
    ours = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return ours(names.get(name, host), *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


@pytest.mark.parametrize(("anyio_backend", "backend"), [("asyncio", None), ("asyncio", "aiohttp"), ("trio", None)])
@pytest.mark.anyio
async def test_a_name_with_a_refused_address_is_refused_before_a_byte_is_sent(
    anyio_backend: str, backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    resolving(monkeypatch, {"files.example.com": "127.0.0.1"})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        link = f"https://files.example.com:{listening.getsockname()[1]}/f?Signature=s"
        async with aclosing(Http(FAR, timeouts=Timeouts(), transport=backend, connections=4)) as http:
            with pytest.raises(Invalid, match=r"127\.0\.0\.1") as raised:
                async with http.open(link):
                    pass
        assert "Signature" not in str(raised.value)
        received = b""
        try:
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(0.2)
                received = connection.recv(1000)
        except (TimeoutError, ConnectionError):
            pass
    assert received == b""
