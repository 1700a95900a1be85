from collections.abc import Iterator

import httpx
import pytest

from accounts.models import User
from tests.clients import BookingApi, GraphQLApi, RestApi
from tests.contracts.worlds import Callers, World, make_people, make_world


@pytest.fixture(params=[GraphQLApi, RestApi], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> BookingApi:
    """A test that takes it runs once through each API."""
    return request.param(server)


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=20) as client:
        yield client


@pytest.fixture
def world(db: None) -> World:
    return make_world("ours")


@pytest.fixture
def people(world: World) -> dict[str, User | None]:
    return make_people(world)


@pytest.fixture
def callers(people: dict[str, User | None]) -> Callers:
    return Callers(people)
