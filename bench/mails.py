"""What follows bookings in a worker, with a mail server that is well and one that is dead.

A process of its own that has Django; `bench.relay` asks for it.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")
django.setup()

from django.db import connection  # noqa: E402
from django.db.models.functions import Now  # noqa: E402

from accounts.actors import ANONYMOUS  # noqa: E402
from accounts.models import Organization  # noqa: E402
from bench.fixtures import add_venue  # noqa: E402
from bench.mail_sink import MailSink, mail_sink  # noqa: E402
from bench.results import percentile  # noqa: E402
from bookings.guests import GuestDetails  # noqa: E402
from bookings.models import Slot  # noqa: E402
from bookings.requests.create import SeatsWanted  # noqa: E402
from bookings.services.bookings import create_booking  # noqa: E402
from notifications.models import Delivery, DeliveryState, Lane  # noqa: E402
from reserve.embedded import commands  # noqa: E402
from reserve.outbox.models import Event  # noqa: E402

_START_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0
# Callers that book as fast as they are answered, and for how long at a time, seconds.
_CALLERS, _BURST_SECONDS = 8, 2.0
# One booking of so many is at the organization with a server of its own.
_OTHERS = 5
_OTHER = "bench-other"

# Where the time of a mail goes, by what the rows say: seconds between two of its moments.
_STAGES = """
SELECT extract(epoch FROM confirmed.recorded_at - created.recorded_at),
       extract(epoch FROM d.created_at - confirmed.recorded_at),
       extract(epoch FROM d.ended_at - d.created_at)
FROM notifications_delivery d
JOIN outbox_event created ON created.organization_id = d.organization_id
  AND created.subject_id = d.booking_id AND created.name = 'booking.created'
JOIN outbox_event confirmed ON confirmed.organization_id = d.organization_id
  AND confirmed.subject_id = d.booking_id AND confirmed.name = 'booking.confirmed'
WHERE d.state = 'SENT' AND d.kind = 'CONFIRMED'
"""
_STAGE_NAMES = ("until_confirmed", "until_owed", "until_sent")


class Office:
    """The bookings, and what became of their mails."""

    def __init__(self, ours: MailSink, theirs: MailSink) -> None:
        self.ours, self.theirs = ours, theirs
        self._slots = list(Slot.objects.filter(venue__slug__startswith="venue-"))
        self._other_slots = list(Slot.objects.filter(venue__slug=_OTHER))
        self._number = 0
        self._numbering = threading.Lock()

    def book(self, *, elsewhere: bool = False) -> str:
        """Make a booking; returns the address that its mail goes to."""
        with self._numbering:
            self._number += 1
            number = self._number
        slots = self._other_slots if elsewhere else self._slots
        slot = slots[number % len(slots)]
        email = f"guest{number}@example.org"
        guest = GuestDetails(name="Ada Guest", email=email)
        create_booking(actor=ANONYMOUS, seats=SeatsWanted(slot.venue_id, slot.pk, 1, guest=guest))
        return email

    def book_steadily(
        self, rate: int, seconds: int, *, others: bool
    ) -> tuple[dict[str, float], ...]:
        """Book at a rate; when each was committed, by address: at ours, and elsewhere."""
        booked_at: tuple[dict[str, float], ...] = ({}, {})
        begin = time.time()
        for number in range(rate * seconds):
            pause = begin + number / rate - time.time()
            if pause > 0:
                time.sleep(pause)
            elsewhere = others and number % _OTHERS == 0
            email = self.book(elsewhere=elsewhere)
            booked_at[elsewhere][email] = time.time()
        return booked_at

    def bookings_per_second(self) -> float:
        """How many bookings some callers get who ask again as soon as they are answered."""
        counts = [0] * _CALLERS
        ends_at = time.monotonic() + _BURST_SECONDS

        def call(position: int) -> None:
            while time.monotonic() < ends_at:
                self.book()
                counts[position] += 1
            connection.close()

        callers = [threading.Thread(target=call, args=(number,)) for number in range(_CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        return sum(counts) / _BURST_SECONDS


def taken(sink: MailSink, booked_at: Mapping[str, float]) -> dict[str, Any]:
    """Wait until a server has the mails of bookings; how long each took from its commit."""
    deadline = time.time() + _PATIENCE_SECONDS
    while booked_at.keys() - sink.taken_at.keys() and time.time() < deadline:
        time.sleep(0.1)
    found = sorted(
        sink.taken_at[email] - at for email, at in booked_at.items() if email in sink.taken_at
    )
    return {"booked": len(booked_at), "handed_over": len(found), **_percentiles(found)}


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {
        "p50": percentile(values, 0.5),
        "p90": percentile(values, 0.9),
        "p99": percentile(values, 0.99),
        "longest": values[-1],
    }


def _stages() -> dict[str, dict[str, float]]:
    with connection.cursor() as cursor:
        cursor.execute(_STAGES)
        columns = zip(*cursor.fetchall(), strict=True)
        return {
            name: _percentiles(sorted(map(float, column)))
            for name, column in zip(_STAGE_NAMES, columns, strict=True)
        }


def _forget_what_waits() -> None:
    """Nothing of what was measured is to burden what is measured next."""
    Event.objects.filter(delivered_at=None).update(delivered_at=Now())
    Delivery.objects.filter(state=DeliveryState.QUEUED).update(state=DeliveryState.DISCARDED)
    Lane.objects.all().delete()


def _bursts(office: Office, repeats: int) -> list[float]:
    """Bookings per second with the mail server dead, as a share of those with it well."""
    ratios = []
    for number in range(repeats):
        rates: dict[bool, float] = {}
        # By turns in either order, so that what drifts meanwhile is neither's.
        for is_alive in (True, False) if number % 2 else (False, True):
            _forget_what_waits()
            (office.ours.alive.set if is_alive else office.ours.alive.clear)()
            rates[is_alive] = office.bookings_per_second()
        ratios.append(rates[False] / rates[True])
    office.ours.alive.set()
    _forget_what_waits()
    return ratios


@contextmanager
def _workers(office: Office) -> Iterator[None]:
    """A worker and beat, as in production; the first mails say that they work."""
    variables = os.environ | {
        "EMAIL_URL": office.ours.url,
        "ORGANIZATION_EMAIL_URLS": f"{_OTHER}={office.theirs.url}",
        "RESERVE_MODE": "development",
    }
    running = [
        subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        for command in (commands.worker(), commands.beat())
    ]
    try:
        first = office.book()
        deadline = time.time() + _START_SECONDS
        while first not in office.ours.taken_at:
            assert time.time() < deadline, "The worker sends nothing."
            time.sleep(0.1)
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(_START_SECONDS)


def main(rate: int, seconds: int, repeats: int) -> None:
    other = Organization.objects.create(name="Other", slug=_OTHER)
    add_venue(other, _OTHER, 30, 1_000_000)
    figures: dict[str, Any] = {}
    with mail_sink() as ours, mail_sink() as theirs:
        office = Office(ours, theirs)
        with _workers(office):
            booked_at, _ = office.book_steadily(rate, seconds, others=False)
            figures["mails"] = taken(ours, booked_at)
            figures["stages"] = _stages()
            ours.alive.clear()
            _, elsewhere_at = office.book_steadily(rate, seconds, others=True)
            figures["others_with_a_dead_server"] = taken(theirs, elsewhere_at)
            figures["bookings_with_a_dead_server"] = _bursts(office, repeats)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
