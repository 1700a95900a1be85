"""Where a request came from, as far as it can be trusted."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings

_FORWARDED_FOR = b"x-forwarded-for"
# What one customer of a provider has at least, and so changes at will (RFC 6177).
_IPV6_PREFIX = 64
_WIDE_IPV4_PREFIX = 24
_WIDE_IPV6_PREFIX = 48
# Of an address with its zone and port; what is longer is none.
_MAX_LENGTH = 100


def address_of(scope: Any) -> str:
    """The client's address in its shortest form, or an empty string where there is none.

    Each proxy appends the address that it heard the request from to
    `X-Forwarded-For`. What our own proxies appended stands at its right end, so
    that the client is TRUSTED_PROXY_COUNT from there; what is left of it
    anybody may have written. With no trusted proxy, or where the header makes no
    sense, it is the peer.
    """
    peer = scope.get("client")
    direct = _parse(peer[0]) if peer else ""
    proxies = settings.TRUSTED_PROXY_COUNT
    forwarded = _from_right(scope, proxies) if proxies else ""
    return forwarded or direct


def network_of(address: str) -> str:
    """What is limited as one: an IPv4 address, the /64 of an IPv6 one; else the text as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed), _IPV6_PREFIX), strict=False))
    return str(parsed)


def surroundings_of(address: str) -> str:
    """The network that an address is in, wide enough to name nobody: a /24, or a /48 of IPv6.

    An empty string where it is no address.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    prefix = _WIDE_IPV6_PREFIX if isinstance(parsed, IPv6Address) else _WIDE_IPV4_PREFIX
    return str(ip_network(f"{parsed}/{prefix}", strict=False))


def _from_right(scope: Any, position: int) -> str:
    # Several lines of a header are one list (RFC 9110, 5.3).
    lines = (value for name, value in scope["headers"] if name == _FORWARDED_FOR)
    entries = b",".join(lines).decode("latin-1").split(",")
    return _parse(entries[-position].strip()[:_MAX_LENGTH]) if len(entries) >= position else ""


# A client has one address for all of its requests.
@lru_cache(maxsize=4_096)
def _parse(text: str) -> str:
    """An address, with or without a port, in its shortest form; or an empty string.

    An IPv4 address inside an IPv6 one is itself.
    """
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)
