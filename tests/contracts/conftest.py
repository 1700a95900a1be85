import pytest

from tests.clients import BookingApi, GraphQLApi, RestApi


@pytest.fixture(params=[GraphQLApi, RestApi], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> BookingApi:
    """A test that takes it runs once through each API."""
    return request.param(server)
