import pytest
from django.test import Client

from accounts.models import User
from tests.admin.tenants import Tenant, make_tenant
from tests.factories import make_user


@pytest.fixture
def ours(db) -> Tenant:
    return make_tenant("ours")


@pytest.fixture
def theirs(db) -> Tenant:
    return make_tenant("theirs")


@pytest.fixture
def superuser(db) -> User:
    return make_user(is_staff=True, is_superuser=True)


@pytest.fixture
def admin_of():
    """A browser in which somebody has logged in to the admin."""

    def log_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return log_in
