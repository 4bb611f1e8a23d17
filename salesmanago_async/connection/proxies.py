"""The proxies of the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, and NO_PROXY for hosts without one. Pure.

NO_PROXY is a list separated by commas. An entry is a name (`example.com`, which includes its subdomains; `.example.com`
or `*.example.com` for the subdomains only), an address, a network (`10.0.0.0/8`, `fd00::/8`), `[::1]`, any of these
with a port, a scheme and one of these, or `*`. Other entries are ignored: other programs read the same variable, and
each supports forms that others do not.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from attrs import field, frozen

from ..errors import Invalid

_KINDS = ("http", "https", "socks5", "socks5h")
_ENTRY = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9a-f:.]+\]|[^\[\]:/\s]+)(?::(?P<port>\d+))?", re.IGNORECASE
)


@frozen
class _Exception:
    """Hosts that need no proxy: a network or a name, at one port or any port, for one scheme or any scheme."""

    network: IPv4Network | IPv6Network | None = None
    name: str = ""
    port: int | None = None
    scheme: str | None = None

    def covers(self, scheme: str, host: str, port: int) -> bool:
        if self.port not in {None, port} or self.scheme not in {None, scheme}:
            return False
        return self._has_address(host) if self.network else self._has_name(host)

    def _has_address(self, host: str) -> bool:
        try:
            return self.network is not None and ip_address(host) in self.network
        except ValueError:
            return False

    def _has_name(self, host: str) -> bool:
        name = self.name.removeprefix("*")
        if name == "localhost" or self.scheme:
            return host == name
        return host.endswith(name) if name.startswith(".") else f".{host}".endswith(f".{name}")


@frozen
class Proxies:
    """The proxy for each scheme (or "all"), and the exceptions."""

    by_scheme: Mapping[str, str] = field(repr=False)  # the addresses may have passwords
    exceptions: tuple[_Exception, ...] = ()

    def for_url(self, url: str) -> str | None:
        """Return the address of the proxy for requests to an http or https address; None if they are sent directly."""
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        return self.proxy_for(parts.scheme, parts.hostname or "", port)

    def proxy_for(self, scheme: str, host: str, port: int) -> str | None:
        """Return the address of the proxy for requests to that host; None if they are sent directly."""
        proxy = self.by_scheme.get(scheme) or self.by_scheme.get("all")
        named = host.lower().rstrip(".")
        return None if any(each.covers(scheme, named, port) for each in self.exceptions) else proxy


def proxies_of(environment: Mapping[str, str]) -> Proxies:
    """Parse the result of `urllib.request.getproxies`; raise `Invalid` naming a wrong variable."""
    entries = [entry.strip() for entry in environment.get("no", "").split(",")]
    if "*" in entries:
        return Proxies({})
    given = {scheme: environment.get(scheme, "").strip() for scheme in ("http", "https", "all")}
    by_scheme = {scheme: _checked(url, f"{scheme.upper()}_PROXY") for scheme, url in given.items() if url}
    found = [_exception(entry) for entry in entries]
    return Proxies(by_scheme, tuple(exception for exception in found if exception))


def _checked(url: str, variable: str) -> str:
    """Return the address of a proxy with its scheme. No error shows the address, because it may have a password."""
    whole = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        reason = "its port is no number from 0 to 65535" if "ort" in str(error) else "its host cannot be read"
        raise Invalid(f"is no valid address of a proxy: {reason}", field=variable) from None
    if parts.scheme not in _KINDS:
        kinds = ", ".join(f"{kind}://" for kind in _KINDS)
        raise Invalid(f"has the scheme {parts.scheme!r}; the scheme of a proxy is one of {kinds}", field=variable)
    if not host or not re.fullmatch(r"[A-Za-z0-9._~-]+|[0-9a-fA-F:.]+(%\w+)?", host):
        raise Invalid("is no valid address of a proxy, such as http://proxy.example.com:3128", field=variable)
    if port == 0:
        raise Invalid("is no valid address of a proxy: its port is 0", field=variable)
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise Invalid("is a SOCKS proxy, which needs another package: pip install 'httpx[socks]'", field=variable)
    return whole


def _exception(entry: str) -> _Exception | None:
    network = _network(entry)
    if network:
        return _Exception(network)
    found = _ENTRY.fullmatch(entry)
    if not found:
        return None
    host = found["host"].lower()
    port = int(found["port"]) if found["port"] else None
    network = _network(host.strip("[]"))
    if network is None and host.startswith("["):
        return None
    scheme = found["scheme"].lower() if found["scheme"] else None
    return _Exception(network, host.rstrip("."), port, None if scheme == "all" else scheme)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
