"""Whose address a request has, with and without proxies of ours in front."""

import pytest

from reserve.core.addresses import address_of, network_of

PEER = "192.0.2.1"


def _scope(*forwarded: str, peer: str | None = PEER):
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"client": (peer, 5000) if peer else None, "headers": headers}


@pytest.mark.parametrize("header", ["203.0.113.9", "", "nonsense", "10.0.0.1, 10.0.0.2"])
def test_without_a_trusted_proxy_the_header_is_ignored(settings, header: str) -> None:
    settings.TRUSTED_PROXY_COUNT = 0
    assert address_of(_scope(header)) == PEER


@pytest.mark.parametrize(
    ("proxies", "lines", "address"),
    [
        (1, ["203.0.113.9"], "203.0.113.9"),
        (1, ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
        (1, ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        (2, ["1.2.3.4, 203.0.113.9, 10.0.0.1"], "203.0.113.9"),
        (2, ["1.2.3.4,203.0.113.9", "10.0.0.1"], "203.0.113.9"),
        (1, ["203.0.113.9:4711"], "203.0.113.9"),
        (1, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (1, ["2001:DB8:0:0::1"], "2001:db8::1"),
        (1, ["::ffff:203.0.113.9"], "203.0.113.9"),
        # Fewer entries than proxies, or no address where it should be.
        (2, ["203.0.113.9"], PEER),
        (1, [], PEER),
        (1, [""], PEER),
        (1, ["203.0.113.9, unknown"], PEER),
        (1, ["203.0.113.9, 1.2.3"], PEER),
        (1, ["203.0.113.9, \xff"], PEER),
    ],
)
def test_the_client_is_counted_from_the_right(
    settings, proxies: int, lines: list[str], address: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    assert address_of(_scope(*lines)) == address


def test_a_peer_without_an_address(settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 0
    assert address_of(_scope(peer=None)) == ""
    assert address_of(_scope(peer="::ffff:192.0.2.1")) == PEER


def test_what_is_limited_as_one() -> None:
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("") == ""
