"""The check of each night: what is kept of it, and shown."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from bookings.audit import record
from bookings.metrics import LedgerFigures
from bookings.models import LedgerCheck
from bookings.tasks import check_ledger
from reserve.core.clock import now
from tests.bookings.ledger.story import execute

# The command chooses the isolation of its own transaction.
pytestmark = pytest.mark.django_db(transaction=True)


def figures() -> str:
    registry = CollectorRegistry()
    registry.register(LedgerFigures())
    return generate_latest(registry).decode()


def test_a_check_is_kept_and_shown(story) -> None:
    assert figures() == ""
    with capture_logs() as logs:
        assert check_ledger() == 0
    assert [(line["event"], line["log_level"]) for line in logs] == [("ledger_checked", "info")]
    check = LedgerCheck.objects.get()
    assert (check.slots, check.bookings, check.events) == (4, 3, 4)
    assert (check.problem_count, check.problems) == (0, [])
    assert "reserve_ledger_problems 0.0" in figures()

    execute("UPDATE bookings_booking SET version = 9 WHERE id = {held}".format(**story.ids))
    with capture_logs() as logs:
        assert check_ledger() == 1
    assert [(line["event"], line["log_level"]) for line in logs] == [("ledger_broken", "error")]
    assert logs[0]["checks"] == {"booking_events": 1}
    assert LedgerCheck.objects.latest("started_at").problems[0]["subject"] == story.held.public_id
    assert "reserve_ledger_problems 1.0" in figures()


def test_the_age_of_the_last_check_is_told() -> None:
    check_ledger()
    LedgerCheck.objects.update(started_at=now() - timedelta(hours=2))
    (line,) = (
        line
        for line in figures().splitlines()
        if line.startswith("reserve_ledger_check_age_seconds ")
    )
    assert 7200 <= float(line.split()[1]) < 7260


def test_old_checks_are_dropped(monkeypatch) -> None:
    monkeypatch.setattr(record, "_KEPT_CHECKS", 3)
    for _ in range(5):
        last = record.check_ledger()
    kept = LedgerCheck.objects.order_by("-started_at")
    assert kept.count() == 3
    assert kept.first() == last
