"""What relaying and the event log cost, in a process of its own that has Django."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")
django.setup()

from django.db import connection  # noqa: E402
from django.db.models.functions import Now  # noqa: E402
from django.test.utils import override_settings  # noqa: E402

from accounts.actors import ANONYMOUS  # noqa: E402
from bookings.desk import desk  # noqa: E402
from bookings.guests import GuestDetails  # noqa: E402
from bookings.ledger import Ledger  # noqa: E402
from bookings.models import Booking, Slot  # noqa: E402
from bookings.requests.create import SeatsWanted, TakeSeats  # noqa: E402
from bookings.states import BookingStatus  # noqa: E402
from reserve.core.ids import new_id  # noqa: E402
from reserve.outbox.models import Event  # noqa: E402
from reserve.outbox.services import record, relay_pending_events  # noqa: E402

_BATCH, _PAIRS = 32, 60


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


def log_cost() -> float:
    """How much longer a batch of bookings takes for its rows of the event log, per cent.

    The median of pairs: a batch with them and one without, on the same slots, one right
    after the other, in either order by turns.
    """
    slots = list(Slot.objects.filter(venue__slug__startswith="venue-"))
    ratios = []
    for number in range(_PAIRS):
        at = number % 8 * _BATCH
        seconds = {
            is_recorded: _commit(slots[at : at + _BATCH], is_recorded=is_recorded)
            for is_recorded in ((True, False) if number % 2 else (False, True))
        }
        ratios.append(seconds[True] / seconds[False])
    return 100 * (median(ratios) - 1)


def _commit(slots: Sequence[Slot], *, is_recorded: bool) -> float:
    """Book each of some slots in one batch; how many seconds it took."""
    guest = GuestDetails(name="Ada", email="ada@example.org")
    batch = [
        TakeSeats(
            ANONYMOUS, SeatsWanted(slot.venue_id, slot.pk, 1, guest=guest), BookingStatus.PENDING
        )
        for slot in slots
    ]
    with _recording(is_recorded):
        began_at = time.perf_counter()
        outcomes = desk.submit_all(batch)
        # Every answer tells it; an event reads it before, and the answer has it then.
        ids = [booking.public_id for booking in outcomes if isinstance(booking, Booking)]
        seconds = time.perf_counter() - began_at
    assert len(ids) == len(batch), outcomes[0]
    return seconds


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


def main(events: int, repeats: int) -> None:
    relay(500)
    figures: dict[str, Any] = {"relayed_per_second": [relay(events) for _ in range(repeats)]}
    log_cost()
    # The first bookings were planned for empty tables, and each check of a reference reads
    # all of them: what the log costs would seem less, the more there are.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    log_cost()
    figures["log_cost_percent"] = [log_cost() for _ in range(repeats)]
    # What was booked here is not to be told of in what is measured next.
    Event.objects.filter(delivered_at=None).update(delivered_at=Now())
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
