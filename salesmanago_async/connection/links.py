"""Where the links to files may lead: what an answer names is fetched from inside the caller's network.

So a link of an account on the internet never leads into that network: to this machine, to private or link-local
addresses (the metadata service of a cloud, say), whatever name stands for them. A name is checked once the connection
is made, by the address at its other end, before a byte is sent: what a second question would resolve to does not
matter. Behind a proxy only the proxy knows the address.
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
    """The links of the account at `base_url`."""

    base_url: str
    _own: tuple[str, int | None] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_own", _place_of(self.base_url))

    def check(self, link: str) -> None:
        """Raise `Invalid` where `link` must not be fetched: for its scheme, or an address that stands in it."""
        host, _ = _place_of(link)
        scheme = urlsplit(link).scheme
        is_near = scheme == "http" and is_loopback(host) and self._is_here
        if not host or not (scheme == "https" or is_near):
            raise Invalid(f"the link to a file at {host or 'nowhere'} is not https")
        if self.is_of_own_host(link):
            return
        if is_loopback(host):
            self.check_address("127.0.0.1")
        elif _as_address(host):
            self.check_address(host)

    def check_address(self, address: str) -> None:
        """Raise `Invalid` where no link may lead to that address."""
        found = _as_address(address)
        if found is None or not (_is_public(found) or (self._is_here and found.is_loopback)):
            raise Invalid(f"a link to a file leads to {address}, which is no public address; it is not fetched")

    def is_of_own_host(self, link: str) -> bool:
        """Tell whether `link` leads to the host (and port) that gets the credentials anyway."""
        return _place_of(link) == self._own

    @property
    def _is_here(self) -> bool:
        return is_loopback(self._own[0])


def _place_of(url: str) -> tuple[str, int | None]:
    """Return host and port of an address; raise `Invalid` where it is none."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        raise Invalid("the link to a file is no address") from None


def _as_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is, an IPv4 address that is packed into an IPv6 one as that."""
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
