"""Celery's connection to its broker, so that a worker never stays deaf after the broker's death.

A worker takes as many messages as it may hold, and the next once one is acknowledged.
Kombu's transport for Redis forgets a message only after Redis has heard of it. Where that
fails, Celery logs "Couldn't ack" and goes on, and the place of that message stays taken;
once all are, the worker takes nothing more, though Redis is back, and says nothing. Here
the place is free whatever Redis heard. A message of which it did not hear is delivered
again once the visibility timeout is over, as tasks expect.
"""

from typing import Any

import kombu
from celery.app import amqp
from kombu.transport import redis, virtual

# Between attempts to connect, seconds: at first, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 1, 5


class QoS(redis.QoS):
    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        finally:
            virtual.QoS.ack(self, delivery_tag)


class _Closed(ConnectionError):
    """The channel's connection is not there any more."""


class _Careful:
    """A channel that is closed twice, as Celery does with one whose connection broke.

    The second time it would give its tasks back over a connection that is gone, and trip
    over that (AttributeError), which ends the worker. Said as what it is, it is passed over;
    the tasks come back by the visibility timeout.
    """

    connection: Any

    def _get_pool(self, asynchronous: bool = False) -> Any:
        if self.connection.client is None:
            raise _Closed
        return super()._get_pool(asynchronous)  # type: ignore[misc]


class Channel(_Careful, redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel


class SentinelChannel(_Careful, redis.SentinelChannel):
    QoS = QoS


class SentinelTransport(redis.SentinelTransport):
    Channel = SentinelChannel


_OURS: dict[Any, Any] = {redis.Transport: Transport, redis.SentinelTransport: SentinelTransport}


class Connection(kombu.Connection):
    """A connection that is tried again every few seconds, however long the broker was away."""

    def get_transport_cls(self) -> Any:
        found = super().get_transport_cls()
        return _OURS.get(found, found)

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        pauses = {
            "interval_start": _FIRST_PAUSE,
            "interval_step": _FIRST_PAUSE,
            "interval_max": _LONGEST_PAUSE,
        }
        return super()._ensure_connection(*args, **pauses | options)


class AMQP(amqp.AMQP):
    Connection = Connection
