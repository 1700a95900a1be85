"""A worker keeps its connections from task to task, and takes others where they break."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from bookings.models import Booking, BookingStatus, Slot
from bookings.services.bookings import create_booking
from tests.factories import make_customer, make_resource, make_slot, seats_on
from tests.processes import process, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

_PROCESSES = 2
_WORKER = ("-m", "celery", "-A", "reserve", "worker", "--concurrency", str(_PROCESSES), "--beat")
_OTHERS = """
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend'
"""
_AT_REST = "state = 'idle' AND now() - state_change > interval '0.4 s'"


def test_connections_stay_from_task_to_task_and_are_replaced_where_they_broke(
    tmp_path: Path,
) -> None:
    slot = make_slot(make_resource(), capacity=20)
    log = tmp_path / "worker.log"
    # Those of servers that other tests keep.
    others = _backends()
    with log.open("wb") as file, process(*_WORKER, log=file):
        kept: set[int] = set()
        for _ in range(6):
            _book_and_see_confirmed(slot)
            kept |= _backends() - others
        assert 1 <= len(kept) <= _PROCESSES

        # Between two tasks: what is cut in the middle of one fails, and comes again.
        busy = f"SELECT pid {_OTHERS} AND pid = ANY(%s) AND NOT ({_AT_REST})"
        wait_until(lambda: not _ask(busy, list(kept)))
        assert _ask(f"SELECT pg_terminate_backend(pid) {_OTHERS} AND pid = ANY(%s)", list(kept))
        for _ in range(4):
            _book_and_see_confirmed(slot)
        assert _backends() - others - kept
    told = [line for line in log.read_text().splitlines() if line.startswith("{")]
    failed = [line for line in map(json.loads, told) if line["level"] == "error"]
    assert failed == []


def _book_and_see_confirmed(slot: Slot) -> None:
    booking = create_booking(actor=make_customer(), seats=seats_on(slot, 1))
    confirmed = Booking.objects.filter(pk=booking.pk, status=BookingStatus.CONFIRMED)
    wait_until(confirmed.exists, seconds=20)


def _backends() -> set[int]:
    return {pid for (pid,) in _ask(f"SELECT pid {_OTHERS}")}


def _ask(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall()
