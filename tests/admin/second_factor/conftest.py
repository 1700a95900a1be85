import pytest

from accounts.models import Role, User
from tests.factories import make_member, make_organization


@pytest.fixture
def owner(db) -> User:
    return make_member(make_organization(), Role.OWNER)


@pytest.fixture
def required_for(settings):
    def require(whom: str) -> None:
        settings.SECOND_FACTOR_REQUIRED_FOR = whom

    return require
