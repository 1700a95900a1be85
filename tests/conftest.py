"""The servers of the tests: real, embedded unless the two URLs are set."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import django
import pytest

from reserve.embedded import development_environment

_ROOT = Path(__file__).parent.parent / "var" / "test"
_stack = ExitStack()

# Before pytest-django reads the settings, which read the addresses.
_stack.enter_context(development_environment(_ROOT, wait_for_stop=True))
os.environ["DJANGO_SETTINGS_MODULE"] = "reserve.settings"
os.environ.setdefault("LOG_LEVEL", "WARNING")
# Tests of limits set their own; the others are not to meet any.
for _limit in ("RATE_LIMIT_MAX_REQUESTS", "AUTH_RATE_LIMIT_ACCOUNT", "AUTH_RATE_LIMIT_ADDRESS"):
    os.environ.setdefault(_limit, "1000000")
django.setup()

from tests.processes import web_process  # noqa: E402
from tests.stack import make_dev  # noqa: E402


def pytest_unconfigure() -> None:
    _stack.close()


@pytest.fixture(autouse=True)
def _fast_passwords(settings) -> None:
    """Hashing slowly is what Argon2 is for, and not what most tests are about."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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
