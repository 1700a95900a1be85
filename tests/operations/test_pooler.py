"""Behind PgBouncer in transaction mode everything holds that holds without it."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from accounts.actors import ANONYMOUS
from bookings.models import Booking, Slot
from reserve import serve
from reserve.database_errors import unreachable
from reserve.pooler import differing_settings, set_role_defaults
from tests.clients import GraphQLApi
from tests.factories import make_consecutive_slots, make_resource, seats_on, somebody
from tests.locks import locked
from tests.pgbouncer import PROGRAM, Pooler, pooler
from tests.processes import PROJECT, environment, process, wait_until, web_process

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (Debian: pgbouncer)"),
]
_WORKER = ("-m", "celery", "-A", "reserve", "worker", "--concurrency", "2", "--beat")


@pytest.fixture
def bouncer() -> Iterator[Pooler]:
    """A pooler whose sessions have the role's defaults, as `make start` wants them."""
    with pooler() as running, psycopg.connect(running.url, autocommit=True) as pooled:
        assert differing_settings(pooled, settings.SESSION_SETTINGS)["lock_timeout"] == "0"
        with psycopg.connect(environment()["DATABASE_URL"], autocommit=True) as direct:
            set_role_defaults(direct, settings.SESSION_SETTINGS)
            try:
                running.ask("RECONNECT")
                wait_until(lambda: not differing_settings(pooled, settings.SESSION_SETTINGS))
                yield running
            finally:
                name = sql.Identifier(connection.settings_dict["NAME"])
                direct.execute(
                    sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} RESET ALL").format(name)
                )


def test_bookings_hold_lapse_and_wait_as_they_do_without_a_pooler(bouncer: Pooler) -> None:
    slot, held, busy = make_consecutive_slots(make_resource(capacity=20), 3)
    variables = {
        "DATABASE_URL": bouncer.url,
        "DATABASE_POOLED": "true",
        "HOLD_TTL_SECONDS": "1",
    }
    with web_process(**variables) as address, process(*_WORKER, **variables):
        api = GraphQLApi(address)
        assert api.create_hold(ANONYMOUS, seats_on(held, 20, guest=somebody())).code is None

        def book(_number: int) -> str | None:
            return (
                GraphQLApi(address)
                .create_booking(ANONYMOUS, seats_on(slot, 1, guest=somebody()))
                .code
            )

        with ThreadPoolExecutor(16) as pool:
            codes = Counter(pool.map(book, range(30)))
        assert codes == {None: 20, "SLOT_UNAVAILABLE": 10}
        # From the instant of its lapse, whether or not somebody has swept.
        wait_until(lambda: _books(api, held, 20), seconds=5)

        with locked(busy):
            began_at = time.monotonic()
            answer = api.create_booking(ANONYMOUS, seats_on(busy, 1, guest=somebody()))
            assert answer.code == "SLOT_BUSY"
            assert time.monotonic() - began_at < 8

        wait_until(lambda: _numbers() == {"CONFIRMED": 21, "EXPIRED": 1})
        found = subprocess.run(
            [sys.executable, "manage.py", "verify_ledger"],
            cwd=PROJECT,
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert found.returncode == 0, found.stdout + found.stderr
        # What web and worker keep open is more than what the pooler needs for them; how many
        # that are hangs on how often two of them are in a transaction at once.
        clients, servers = bouncer.ask("SHOW CLIENTS"), bouncer.ask("SHOW SERVERS")
        assert clients is not None
        assert servers is not None
        assert 0 < len(servers) <= 3 < len(clients)


def test_what_cannot_go_through_a_pooler_says_so(
    bouncer: Pooler, settings: pytest.FixtureRequest
) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(bouncer.url, options="-c lock_timeout=2s")
    assert "set DATABASE_POOLED=true" in unreachable(refused.value)
    settings.DATABASE_POOLED = True
    with pytest.raises(CommandError, match="Name PostgreSQL itself in DATABASE_URL"):
        call_command("migrate", verbosity=0)


def test_a_session_without_its_limits_starts_nothing(settings: pytest.FixtureRequest) -> None:
    settings.DATABASE_POOLED = True
    serve.set_up()
    settings.SESSION_SETTINGS = settings.SESSION_SETTINGS | {"lock_timeout": "3s"}
    with pytest.raises(serve.Refusal, match="begin with lock_timeout = 2s, but must with 3s"):
        serve.set_up()


def _books(api: GraphQLApi, slot: Slot, seats: int) -> bool:
    return api.create_booking(ANONYMOUS, seats_on(slot, seats, guest=somebody())).code is None


def _numbers() -> dict[str, int]:
    return dict(Counter(Booking.objects.values_list("status", flat=True)))
