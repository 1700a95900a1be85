"""What all tests share; `tests/servers.py` starts the servers."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.processes import web_process
from tests.stack import make_dev


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: at the end one process would do it, and the others wait."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, which is dropped though threads of a test may still be connected."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def _fast_passwords(settings) -> None:
    """Hashing slowly is what Argon2 is for, and not what most tests are about."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _patient_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders wait for whatever they have begun, so that a busy machine changes no outcome.

    Those tests that are about servers which keep senders waiting say otherwise.
    """
    monkeypatch.setattr("notifications.services.turns.PATIENCE_SECONDS", 30.0)
    monkeypatch.setattr("reserve.core.mail.PATIENCE_SECONDS", 30.0)


@pytest.fixture(scope="session")
def server(django_db_setup: None) -> Iterator[str]:
    """The address of a web process on the test database.

    Tests that call it commit what it is to see: `django_db(transaction=True)`.
    """
    with web_process() as address:
        yield address


@pytest.fixture(scope="session")
def live_server_url() -> Iterator[str]:
    """The address of everything that `make dev` starts, with the demo data."""
    with make_dev() as address:
        yield address
