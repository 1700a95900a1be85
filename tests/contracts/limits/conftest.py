from collections.abc import Iterator

import httpx
import pytest

from tests.contracts.limits.asking import LIMITS, client_of
from tests.processes import web_process
from tests.redis_server import OwnRedis, own_redis_server


@pytest.fixture(scope="module")
def own_redis() -> Iterator[OwnRedis]:
    with own_redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def limited(django_db_setup: None, own_redis: OwnRedis) -> Iterator[str]:
    """A web process with small limits; the first test connects it to the test database."""
    with web_process(REDIS_URL=own_redis.url, **LIMITS) as address:
        yield address


@pytest.fixture(autouse=True)
def _full_buckets(own_redis: OwnRedis) -> None:
    own_redis.client.flushdb()


@pytest.fixture
def http(limited: str) -> Iterator[httpx.Client]:
    with client_of(limited) as client:
        yield client
