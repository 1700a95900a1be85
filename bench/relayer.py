"""What `bench.relay` measures, in a process of its own that has Django."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")
django.setup()

from django.db.models.functions import Now  # noqa: E402
from django.test.utils import override_settings  # noqa: E402

from accounts.actors import ANONYMOUS  # noqa: E402
from bench.mail_sink import MailSink, mail_sink  # noqa: E402
from bench.results import percentile  # noqa: E402
from bookings.desk import desk  # noqa: E402
from bookings.guests import GuestDetails  # noqa: E402
from bookings.ledger import Ledger  # noqa: E402
from bookings.models import Slot  # noqa: E402
from bookings.requests.create import SeatsWanted, TakeSeats  # noqa: E402
from bookings.services.bookings import create_booking  # noqa: E402
from bookings.states import BookingStatus  # noqa: E402
from reserve.core.ids import new_id  # noqa: E402
from reserve.embedded import commands  # noqa: E402
from reserve.outbox.models import Event  # noqa: E402
from reserve.outbox.services import record, relay_pending_events  # noqa: E402

_START_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0
_BATCH, _BATCHES = 32, 60


def hear(_events: Sequence[Event]) -> None:
    """A trivial handler."""


ROUTES = {"bench.happened": (hear,)}


def relay(events: int) -> float:
    """Events per second that one process relays to a trivial handler."""
    organization = new_id()
    for start in range(0, events, 1_000):
        record(
            [
                Event(
                    organization_id=organization,
                    name="bench.happened",
                    subject_id=new_id(),
                    sequence=1,
                    payload={"number": number},
                )
                for number in range(start, min(start + 1_000, events))
            ]
        )
    with override_settings(EVENT_ROUTES=f"{__name__}.ROUTES"):
        began_at = time.perf_counter()
        relayed = 0
        while claimed := relay_pending_events():
            relayed += claimed
        seconds = time.perf_counter() - began_at
    assert relayed == events
    return events / seconds


def mails(rate: int, seconds: int) -> dict[str, Any]:
    """Bookings at a steady rate, and how long each takes from its commit to the mail server."""
    slots = list(Slot.objects.filter(venue__slug__startswith="venue-"))
    booked_at: dict[str, float] = {}
    with mail_sink() as sink, _workers(sink):
        begin = time.time()
        for number in range(rate * seconds):
            pause = begin + number / rate - time.time()
            if pause > 0:
                time.sleep(pause)
            email = f"guest{number}@example.org"
            _book(slots[number % len(slots)], email)
            booked_at[email] = time.time()
        deadline = time.time() + _PATIENCE_SECONDS
        while booked_at.keys() - sink.taken_at.keys() and time.time() < deadline:
            time.sleep(0.1)
        taken_at = dict(sink.taken_at)
    taken = sorted(taken_at[email] - at for email, at in booked_at.items() if email in taken_at)
    return {
        "booked": len(booked_at),
        "handed_over": len(taken),
        "p50": percentile(taken, 0.5),
        "p90": percentile(taken, 0.9),
        "p99": percentile(taken, 0.99),
        "longest": taken[-1],
    }


def _book(slot: Slot, email: str) -> None:
    guest = GuestDetails(name="Ada Guest", email=email)
    create_booking(actor=ANONYMOUS, seats=SeatsWanted(slot.venue_id, slot.pk, 1, guest=guest))


@contextmanager
def _workers(sink: MailSink) -> Iterator[None]:
    """A worker and beat, as in production; the first mail says that they work."""
    variables = os.environ | {"EMAIL_URL": sink.url, "RESERVE_MODE": "development"}
    running = [
        subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        for command in (commands.worker(), commands.beat())
    ]
    try:
        _book(Slot.objects.filter(venue__slug="venue-00")[0], "first@example.org")
        deadline = time.time() + _START_SECONDS
        while "first@example.org" not in sink.taken_at:
            assert time.time() < deadline, "The worker sends nothing."
            time.sleep(0.1)
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(_START_SECONDS)


def log_cost() -> float:
    """How much longer a batch of bookings takes for its rows of the event log, per cent."""
    slots = list(Slot.objects.filter(venue__slug__startswith="venue-"))
    seconds = {True: 0.0, False: 0.0}
    for number in range(_BATCHES):
        for is_recorded in (True, False):
            batch = [
                TakeSeats(
                    ANONYMOUS,
                    SeatsWanted(
                        slot.venue_id,
                        slot.pk,
                        1,
                        guest=GuestDetails(name="Ada", email="ada@example.org"),
                    ),
                    BookingStatus.PENDING,
                )
                for slot in slots[number % 8 * _BATCH : (number % 8 + 1) * _BATCH]
            ]
            with _recording(is_recorded):
                began_at = time.perf_counter()
                outcomes = desk.submit_all(batch)
                seconds[is_recorded] += time.perf_counter() - began_at
            assert not any(isinstance(outcome, Exception) for outcome in outcomes), outcomes[0]
    return 100 * (seconds[True] / seconds[False] - 1)


@contextmanager
def _recording(is_on: bool) -> Iterator[None]:
    """Inside, with False, bookings are written without their events."""
    record_event = Ledger._record  # noqa: SLF001
    if not is_on:
        Ledger._record = _note_slots  # type: ignore[method-assign,assignment]  # noqa: SLF001
    try:
        yield
    finally:
        Ledger._record = record_event  # type: ignore[method-assign]  # noqa: SLF001


def _note_slots(ledger: Ledger, _event: str, booking: Any, *_rest: Any, **_options: Any) -> None:
    slot_ids = ledger.slots_of[booking.pk]
    booking.slots_at_hand = [ledger.slots[slot_id] for slot_id in slot_ids]


def main(events: int, repeats: int, rate: int, seconds: int) -> None:
    relay(500)
    figures: dict[str, Any] = {"relayed_per_second": [relay(events) for _ in range(repeats)]}
    log_cost()
    figures["log_cost_percent"] = [log_cost() for _ in range(repeats)]
    # What the measurement before has booked is not to be told of in the next.
    Event.objects.filter(delivered_at=None).update(delivered_at=Now())
    figures["mails"] = mails(rate, seconds)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
