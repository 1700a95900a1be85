from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.tenants import Tenant, answer, is_question, make_tenant
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


class Person(Client):
    """Somebody who is shown what a page would change, and saves it all the same."""

    def post(self, *args: Any, **options: Any) -> Any:
        response = self.post_once(*args, **options)
        if is_question(response):
            path, *_ = args
            return self.post_once(path, answer(response))
        return response

    def post_once(self, *args: Any, **options: Any) -> Any:
        return super().post(*args, **options)


@pytest.fixture
def admin_of():
    """A browser in which somebody has logged in to the admin."""

    def log_in(user: User) -> Person:
        client = Person()
        client.force_login(user)
        return client

    return log_in
