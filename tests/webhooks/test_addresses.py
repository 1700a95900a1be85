"""Webhooks go to public addresses only, whatever a name stands for."""

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from reserve.core.errors import Invalid
from webhooks import addresses
from webhooks.addresses import allowed_addresses, check_url, is_allowed, target_of
from webhooks.errors import AddressRefused
from webhooks.posting import Message, Rules, post_all
from webhooks.signatures import new_secret

PUBLIC = ("93.184.215.14", "1.1.1.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
LOOPBACK = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1")
REFUSED = (
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "0.0.0.0", "0.1.2.3", "192.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "203.0.113.9"),
    *("::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1"),
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "::ffff:0:0"),
    # 6to4, Teredo and the translation of RFC 6052, each with 10.0.0.1 in it.
    *("2002:a00:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "64:ff9b::a00:1"),
    "64:ff9b:1::a00:1",
)


def test_each_kind_of_address() -> None:
    for text in PUBLIC:
        assert is_allowed(ip_address(text), allows_loopback=False), text
    for text in LOOPBACK:
        assert not is_allowed(ip_address(text), allows_loopback=False), text
        assert is_allowed(ip_address(text), allows_loopback=True), text
    for text in REFUSED:
        for allows in (False, True):
            assert not is_allowed(ip_address(text), allows_loopback=allows), text


def test_urls_that_could_never_be_sent_to() -> None:
    for url in (
        *("", "example.com", "ftp://example.com", "http://example.com", "https://", "https:///x"),
        *("https://user@example.com", "https://a:b@example.com", "https://example.com/#x"),
        *("https://example.com:0", "https://example.com:99999", "https://[::1", "https://[zz]/"),
        *("https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1", "https://exa mple.com"),
        *("https://example.com/\r\nX: y", "https://exam_/\\ple.com", "https://-a.com"),
        *("https://a..b", "https://example.com/ä", "https://example.com/" + "x" * 2000),
        *("https://" + "a" * 70 + ".com", "https://169.254.169.254/latest/meta-data"),
    ):
        with pytest.raises(Invalid) as refused:
            check_url(url, allows_plain=False, allows_loopback=False)
        assert set(refused.value.details["errors"]) == {"url"}, url
    check_url("https://hooks.example.com:8443/a?b=c", allows_plain=False, allows_loopback=False)
    check_url("http://127.0.0.1:80/", allows_plain=True, allows_loopback=True)
    target = target_of("https://example.com:8443/a?b=c", allows_plain=False)
    assert (target.host, target.port, target.path) == ("example.com", 8443, "/a?b=c")


def _resolving(*answers: list[str]) -> Any:
    """A resolver whose answer changes with each question."""
    asked = iter(answers)

    def getaddrinfo(_host: str, port: int, **_: Any) -> list[Any]:
        return [
            (
                socket.AF_INET6 if ":" in text else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (text, port),
            )
            for text in next(asked)
        ]

    return getaddrinfo


def test_every_address_of_a_name_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in (["10.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["fe80::1%eth0"], []):
        monkeypatch.setattr(addresses.socket, "getaddrinfo", _resolving(answer))
        with pytest.raises(AddressRefused):
            allowed_addresses("example.com", 443, allows_loopback=False)
    monkeypatch.setattr(addresses.socket, "getaddrinfo", _resolving(["1.1.1.1", "2606:4700::1"]))
    assert allowed_addresses("example.com", 443, allows_loopback=False) == [
        (socket.AF_INET, "1.1.1.1"),
        (socket.AF_INET6, "2606:4700::1"),
    ]


def test_a_name_that_changes_its_meaning_gains_nothing(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for once: the second answer, which would be refused, is never heard."""
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    url = f"http://hooks.example.com:{port}/"
    message = Message("event_1", b"{}")
    rules = Rules(allows_plain=True, allows_loopback=True)
    resolver = _resolving(["127.0.0.1"], ["10.0.0.1"])
    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolver)
    (outcome,) = post_all(url, [new_secret()], [message], rules=rules, within=5)
    assert outcome.is_success
    assert receiver.requests[0][0]["host"] == f"hooks.example.com:{port}"
    # Without the leave of development the same receiver is not spoken to.
    strict = Rules(allows_plain=True)
    monkeypatch.setattr(addresses.socket, "getaddrinfo", _resolving(["127.0.0.1"]))
    (outcome,) = post_all(url, [new_secret()], [message], rules=strict, within=5)
    assert (outcome.status, outcome.reason) == (None, "AddressRefused")
    assert len(receiver.requests) == 1
    # Nor without TLS where it is demanded.
    (outcome,) = post_all(url, [new_secret()], [message], rules=Rules(), within=5)
    assert outcome.reason == "AddressRefused"
