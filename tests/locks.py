"""Slots that another session keeps locked, as long as a test likes."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from bookings.models import Slot
from tests.processes import environment


@contextmanager
def locked(slot: Slot) -> Iterator[psycopg.Connection]:
    """A slot that stays locked, until the connection is rolled back or closed."""
    with psycopg.connect(environment()["DATABASE_URL"]) as lock:
        taken = lock.execute("SELECT FROM bookings_slot WHERE id = %s FOR UPDATE", [slot.pk])
        assert taken.rowcount == 1
        yield lock


def someone_waits(lock: psycopg.Connection) -> bool:
    # On another connection: within a transaction, what others do stays as it was seen first.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid)))",
            [lock.info.backend_pid],
        )
        return bool(cursor.fetchone()[0])
