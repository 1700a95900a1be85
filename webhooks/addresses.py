"""Where webhooks may go: to public addresses only, whatever a name stands for.

Whoever may enter an address could otherwise have us ask our own network (SSRF). The
name is resolved once, every address it stands for is judged, and the connection goes to
one that was judged: a name that changes its meaning in between (DNS rebinding) gains
nothing.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from reserve.core.errors import Invalid
from reserve.core.text import is_clean
from webhooks.errors import AddressRefused

Address = IPv4Address | IPv6Address

MAX_URL = 2_000
# In which an address of IPv4 hides in its last 32 bits: RFC 6052, and the mapped and
# compatible ones of RFC 4291.
_ENDING_IN_IPV4 = tuple(
    IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0/96", "::/96")
)
_HOST_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """An address of the web, in parts."""

    is_secure: bool
    host: str
    """As it is resolved: without brackets, in ASCII."""
    port: int
    path: str
    """With the query."""


def target_of(url: str, *, allows_plain: bool) -> Target:
    """The parts of an address.

    Args:
        allows_plain: whether HTTP without TLS may be.

    Raises:
        Invalid: it is none that webhooks could be sent to.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
    except (ValueError, UnicodeError):
        raise _invalid("This cannot be read as an address.") from None
    if len(url) > MAX_URL:
        raise _invalid(f"This must not be longer than {MAX_URL} characters.")
    if not url.isascii() or " " in url or "\\" in url or not is_clean(url):
        raise _invalid("This cannot be read as an address.")
    if parts.scheme not in ({"https", "http"} if allows_plain else {"https"}):
        raise _invalid("This must begin with https://.")
    if "@" in parts.netloc or parts.fragment:
        raise _invalid("This must have neither a user name nor a fragment.")
    if not host or port == 0:
        raise _invalid("This cannot be read as an address.")
    is_secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_secure, host, port or (443 if is_secure else 80), path)


def check_url(url: str, *, allows_plain: bool, allows_loopback: bool) -> None:
    """Raises Invalid where webhooks could never be sent to an address; names are not resolved."""
    host = target_of(url, allows_plain=allows_plain).host
    try:
        address = ip_address(host)
    except ValueError:
        if not all(_HOST_LABEL.fullmatch(label) for label in host.removesuffix(".").split(".")):
            raise _invalid("This cannot be read as an address.") from None
        return
    if not is_allowed(address, allows_loopback=allows_loopback):
        raise _invalid("This must be a public address.")


def allowed_addresses(host: str, port: int, *, allows_loopback: bool) -> list[tuple[int, str]]:
    """The addresses of a host, each with its family (`socket.AF_INET` or AF_INET6).

    Raises:
        AddressRefused: one of them, or all, are none that we send to.
        OSError: the name cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[tuple[int, str]] = []
    for family, _, _, _, sockaddr in found:
        # With its zone a link-local address is one all the same.
        text = str(sockaddr[0]).partition("%")[0]
        if not is_allowed(ip_address(text), allows_loopback=allows_loopback):
            raise AddressRefused("The name stands for an address that is not public.")
        addresses.append((family, text))
    if not addresses:
        raise AddressRefused("The name stands for no address.")
    return addresses


def is_allowed(address: Address, *, allows_loopback: bool) -> bool:
    """Whether we send to an address: a public one of one receiver, or loopback where said so."""
    if isinstance(address, IPv6Address):
        if address.is_loopback:
            return allows_loopback
        hidden = _hidden_in(address)
        if hidden is not None:
            return is_allowed(hidden, allows_loopback=allows_loopback)
        if address.is_site_local:
            return False
    if address.is_loopback:
        return allows_loopback
    return address.is_global and not (
        address.is_multicast
        or address.is_private
        or address.is_link_local
        or address.is_reserved
        or address.is_unspecified
    )


def _hidden_in(address: IPv6Address) -> IPv4Address | None:
    """The address of IPv4 that one of IPv6 leads to, where it does."""
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _ENDING_IN_IPV4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _invalid(sentence: str) -> Invalid:
    return Invalid.field("url", sentence)
