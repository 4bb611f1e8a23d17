"""Checks where file links may lead: links come from the server, and are fetched from inside the caller's network.

So a link of an account on the internet must not lead into the caller's network: to this machine, or to private or
link-local addresses (such as the metadata service of a cloud), under any name. A host name is checked after the
connection is made, by the peer's address, before a byte is sent, so a second DNS answer makes no difference. Behind a
proxy only the proxy knows the address.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from attrs import field, frozen

from ..errors import Invalid
from ..settings import is_loopback

_NAT64 = IPv6Network("64:ff9b::/96")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@frozen
class Links:
    """The rules for file links of the account at `base_url`."""

    base_url: str
    _own: tuple[str, int | None] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_own", _host_and_port(self.base_url))

    def check(self, link: str) -> None:
        """Raise `Invalid` if `link` must not be fetched because of its scheme or an IP address in it."""
        host, _ = _host_and_port(link)
        scheme = urlsplit(link).scheme
        is_local = scheme == "http" and is_loopback(host) and self._is_here
        if not host or not (scheme == "https" or is_local):
            raise Invalid(f"the link to a file at {host or 'nowhere'} is not https")
        if self.is_of_own_host(link):
            return
        if is_loopback(host):
            self.check_address("127.0.0.1")
        elif _as_address(host):
            self.check_address(host)

    def check_address(self, address: str) -> None:
        """Raise `Invalid` if no link may lead to that IP address."""
        found = _as_address(address)
        if found is None or not (_is_public(found) or (self._is_here and found.is_loopback)):
            raise Invalid(f"a link to a file leads to {address}, which is not a public address; it is not fetched")

    def is_of_own_host(self, link: str) -> bool:
        """Return whether `link` leads to the host and port of the API, which gets the credentials anyway."""
        return _host_and_port(link) == self._own

    @property
    def _is_here(self) -> bool:
        return is_loopback(self._own[0])


def _host_and_port(url: str) -> tuple[str, int | None]:
    """Return host and port of an address; raise `Invalid` if it is not valid."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        raise Invalid("the link to a file is not a valid address") from None


def _as_address(host: str) -> IPv4Address | IPv6Address | None:
    """Parse an IP address, or return None; an IPv4 address inside an IPv6 one is returned as IPv4."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
