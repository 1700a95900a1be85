"""A process that does one thing after another, each in a child that may die of it.

Django is loaded once and no connection is open when a child begins. One order a line
on standard input, as JSON; one answer a line: the child's exit status, 0 where it came
to answer its caller.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import UUID

import django

django.setup()

from accounts.actors import account  # noqa: E402
from bookings import batches, crash_points  # noqa: E402
from bookings.models import Booking, Slot  # noqa: E402
from bookings.requests.change import ApplyTransition, MoveToSlot  # noqa: E402
from bookings.requests.create import TakeSeats  # noqa: E402
from bookings.services.bookings import (  # noqa: E402
    apply_transition,
    create_booking,
    reschedule_booking,
)
from bookings.states import CANCEL, BookingStatus  # noqa: E402
from tests.factories import seats_on  # noqa: E402

PARTY = 2


def book(order: Any) -> Booking:
    """Two slots, under a key."""
    slot = Slot.objects.get(pk=order["slots"][0])
    seats = seats_on(slot, PARTY, slot_count=2, idempotency_key="the-very-call")
    return create_booking(actor=account(UUID(order["actor"])), seats=seats)


def book_and_change_at_once(order: Any) -> list[Any]:
    """Three new bookings, a move and a cancellation, of one transaction."""
    actor = account(UUID(order["actor"]))
    first, *_, last = (Slot.objects.get(pk=pk) for pk in order["slots"])
    moved, cancelled = (UUID(pk) for pk in order["bookings"])
    return batches.commit(
        [
            *(
                TakeSeats(actor, seats_on(first, idempotency_key=key), BookingStatus.PENDING)
                for key in ("one", "two", "three")
            ),
            MoveToSlot(actor, moved, last.pk),
            ApplyTransition(actor, cancelled, CANCEL),
        ]
    )


def move(order: Any) -> Booking:
    return reschedule_booking(
        actor=account(UUID(order["actor"])),
        booking_id=UUID(order["bookings"][0]),
        slot_id=UUID(order["slots"][-1]),
    )


def cancel(order: Any) -> Booking:
    return apply_transition(
        actor=account(UUID(order["actor"])),
        booking_id=UUID(order["bookings"][0]),
        transition=CANCEL,
    )


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "create": book,
    "batch": book_and_change_at_once,
    "move": move,
    "cancellation": cancel,
}


@contextmanager
def _without_transaction() -> Iterator[None]:
    """Every statement by itself, as if nothing bound them together."""
    atomic, batches.transaction.atomic = batches.transaction.atomic, lambda **_: nullcontext()
    try:
        yield
    finally:
        batches.transaction.atomic = atomic


def _child(order: Any) -> None:
    crash_points._wanted = order["crash_point"]
    with _without_transaction() if order.get("without_transaction") else nullcontext():
        OPERATIONS[order["operation"]](order)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _child(json.loads(line))
                code = 0
            finally:
                # Nothing of the parent's is to be tidied up here.
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
