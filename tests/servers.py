"""The servers of the tests: real, embedded unless the two URLs are set. A plugin of pytest.

They must run before the settings are read, which hold their addresses, and the
settings before any `conftest.py`, which imports models.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import django
import pytest
import structlog
from structlog.typing import EventDict

from reserve.embedded import development_environment
from tests.workers import WORKER, redis_database

_ROOT = Path(__file__).parent.parent / "var" / "test"
_LIMITS = ("RATE_LIMIT_MAX_REQUESTS", "AUTH_RATE_LIMIT_ACCOUNT", "AUTH_RATE_LIMIT_ADDRESS")
_stack = ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    if early_config.known_args_namespace.numprocesses and not WORKER:
        _set_up_without_servers()
        return
    if address := os.environ.get("REDIS_URL", "").strip():
        os.environ["REDIS_URL"] = redis_database(address, 0)
    root = _ROOT / (WORKER or "alone")
    _stack.enter_context(development_environment(root, wait_for_stop=True))
    os.environ["DJANGO_SETTINGS_MODULE"] = "reserve.settings"
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    # Tests of limits set their own; the others are not to meet any.
    for limit in _LIMITS:
        os.environ.setdefault(limit, "1000000")
    django.setup()
    _let_logs_be_captured()


def _let_logs_be_captured() -> None:
    """Have loggers ask what is configured, and make all lines, of which few are written.

    A logger that was used before keeps what it had then, and one with a level makes
    nothing below it: `capture_logs` would see neither.
    """
    structlog.configure(
        cache_logger_on_first_use=False,
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
        processors=[_drop_what_is_no_news, *structlog.get_config()["processors"]],
    )


def _drop_what_is_no_news(_logger: object, method: str, event: EventDict) -> EventDict:
    if method == "info" and os.environ["LOG_LEVEL"] not in {"INFO", "DEBUG"}:
        raise structlog.DropEvent
    return event


def _set_up_without_servers() -> None:
    """Load the apps in the process that hands out the tests, and runs none itself."""
    before = dict(os.environ)
    os.environ |= {
        "RESERVE_MODE": "development",
        "DATABASE_URL": "postgresql:///nobody",
        "REDIS_URL": "redis://nobody.invalid",
        "DJANGO_SETTINGS_MODULE": "reserve.settings",
    }
    django.setup()
    # Those who run them are started with this process's environment.
    os.environ.clear()
    os.environ.update(before)


def pytest_unconfigure() -> None:
    _stack.close()
