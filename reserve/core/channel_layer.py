"""The channel layer: that of channels_redis over pub/sub, which also tells of interruptions.

What is published while a subscriber's connection is down is lost to it, and the
library connects again without a word. Whoever listens must know, to ask for the
present state of what it missed.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisSingleShardConnection
from redis.asyncio.client import PubSub

Told = Callable[[datetime], None]


class ChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """As its base, and a layer with which one can be told of interruptions."""

    def on_interruption(self, told: Told) -> None:
        """Have this event loop's layer tell when it is subscribed again after a break.

        `told` gets the last moment at which nothing was missing.
        """
        for shard in self._get_layer()._shards:  # noqa: SLF001
            shard.told = told

    def _get_layer(self) -> Any:
        layer = super()._get_layer()
        if not isinstance(layer._shards[0], _Shard):  # noqa: SLF001
            layer._shards = [_Shard(shard.host, layer) for shard in layer._shards]  # noqa: SLF001
        return layer


class _Shard(RedisSingleShardConnection):  # type: ignore[misc]
    told: Told | None = None

    def __init__(self, host: Any, channel_layer: Any) -> None:
        super().__init__(host, channel_layer)
        self._well_at = datetime.now(UTC)

    def _ensure_redis(self) -> None:
        is_new = self._redis is None
        super()._ensure_redis()
        if is_new:
            self._pubsub = _PubSub(self._redis.connection_pool, shard=self)

    def _receive_message(self, message: Any) -> None:
        # Also without a message, ten times a second, while the connection is well.
        self._well_at = datetime.now(UTC)
        super()._receive_message(message)

    def subscribed_again(self) -> None:
        if self.told:
            self.told(self._well_at)


class _PubSub(PubSub):
    """redis-py's, which connects by itself and subscribes again to what it had."""

    def __init__(self, *arguments: Any, shard: _Shard, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._shard = shard

    async def on_connect(self, connection: Any) -> None:
        had_channels = bool(self.channels)
        await super().on_connect(connection)
        if had_channels:
            self._shard.subscribed_again()
