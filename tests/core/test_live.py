"""Listening to the channel layer when it fails."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from reserve.core import live


class _Layer:
    """A channel layer that cannot be reached at first."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.fails = True

    async def new_channel(self) -> str:
        return "channel"

    async def group_add(self, group: str, _channel: str) -> None:
        if self.fails:
            raise RedisConnectionError
        self.groups.append(group)

    async def group_discard(self, group: str, _channel: str) -> None:
        self.groups.remove(group)

    async def receive(self, _channel: str) -> Any:
        await asyncio.sleep(60)


def test_who_could_not_be_added_to_a_group_is_added_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = _Layer()
    monkeypatch.setattr(live, "get_channel_layer", lambda: layer)

    async def listen_twice() -> None:
        hub = live.Hub()
        with pytest.raises(RedisConnectionError):
            async with hub.listen("a group"):
                pass
        layer.fails = False
        async with hub.listen("a group"):
            assert layer.groups == ["a group"]
        assert layer.groups == []

    asyncio.run(listen_twice())
