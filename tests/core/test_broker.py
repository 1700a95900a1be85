"""What a worker's connection does when the broker dies."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from kombu import Connection as PlainConnection
from kombu import Consumer, Producer, Queue
from kombu.log import get_logger

from reserve.core.broker import Connection, SentinelTransport, Transport
from tests.redis_server import OwnRedis, own_redis_server

QUEUE = Queue("test")
LOG = get_logger("test")
# After the broker is back: whoever takes on at all has done so by then.
_PATIENCE_SECONDS = 3.0


@pytest.fixture
def redis() -> Iterator[OwnRedis]:
    with own_redis_server() as server:
        yield server


def _broker_of(redis: OwnRedis) -> str:
    return f"redis+socket://{redis.url.removeprefix('unix://').partition('?')[0]}"


def _taken_although_the_first_failed_to(
    settle: str, kind: type[PlainConnection], redis: OwnRedis
) -> list[Any]:
    """What a worker takes that may hold one message, whose broker dies under the first."""
    taken: list[Any] = []
    with kind(_broker_of(redis)) as connection, PlainConnection(_broker_of(redis)) as other:
        publish = Producer(other).publish
        publish(1, routing_key=QUEUE.name, declare=[QUEUE])
        with Consumer(
            connection.channel(), [QUEUE], prefetch_count=1, on_message=taken.append
        ) as consumer:
            connection.drain_events(timeout=2)
            redis.kill()
            getattr(taken[0], f"{settle}_log_error")(LOG, consumer.connection.connection_errors)
            redis.start()
            publish(2, routing_key=QUEUE.name, retry=True)
            ends_at = time.monotonic() + _PATIENCE_SECONDS
            while len(taken) < 2 and time.monotonic() < ends_at:
                with suppress(TimeoutError, *connection.connection_errors):
                    connection.drain_events(timeout=0.2)
    return taken


@pytest.mark.parametrize("settle", ["ack", "reject"])
def test_a_worker_takes_on_where_the_broker_died_before_it_heard(
    settle: str, redis: OwnRedis
) -> None:
    assert len(_taken_although_the_first_failed_to(settle, Connection, redis)) == 2


def test_kombus_own_stays_deaf(redis: OwnRedis) -> None:
    """The control: where this fails, `reserve.core.broker.QoS` has become needless."""
    assert len(_taken_although_the_first_failed_to("ack", PlainConnection, redis)) == 1


@pytest.mark.parametrize(
    "address", ["redis://localhost:1/0", "rediss://localhost:1/0", "redis+socket:///nowhere"]
)
def test_each_way_to_redis_has_it(address: str) -> None:
    assert Connection(address).get_transport_cls() is Transport
    assert Connection(address).clone().get_transport_cls() is Transport


def test_sentinel_has_its_own() -> None:
    connection = Connection("sentinel://localhost:1/0;sentinel://localhost:2/0")
    assert connection.get_transport_cls() is SentinelTransport
