"""Addresses of Redis, alone or behind Sentinel."""

import pytest

from reserve.core.redis_address import parse_redis_address


def test_addresses_are_read_and_nonsense_is_refused() -> None:
    found = parse_redis_address("sentinel://:p%40ss@one:1,two,[::1]:3/seats/2")
    assert found.sentinels == (("one", 1), ("two", 26379), ("::1", 3))
    assert (found.service, found.database, found.password) == ("seats", 2, "p@ss")
    address, options = found.broker()
    assert address.split(";")[0] == "sentinel://:p%40ss@one:1/2"
    assert options["master_name"] == "seats"
    assert parse_redis_address("redis://host:6379/1").broker() == ("redis://host:6379/1", {})
    socket_address = parse_redis_address("unix:///a/b.sock?db=3")
    assert socket_address.broker()[0] == "redis+socket:///a/b.sock?virtual_host=3"
    for nonsense in (
        *("sentinel://one:1", "sentinel:///seats", "sentinel://,/seats"),
        *("sentinel://one:1/seats/x", "redis://host/name", "host:6379", "redis://"),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 (each text has its own)
            parse_redis_address(nonsense)
