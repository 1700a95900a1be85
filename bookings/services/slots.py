"""Single slots: what staff do with them by hand. Each goes through the desk."""

from datetime import datetime, timedelta
from uuid import UUID

from accounts.actors import Actor
from bookings.desk import desk
from bookings.ledger import MAX_SLOT_LENGTH
from bookings.models import Slot
from bookings.requests.slot import TOO_FAR, AddSlot, ChangeSlot
from bookings.services.bookings import MAX_REASON
from reserve.core import sentences
from reserve.core.clock import now
from reserve.core.errors import Invalid
from reserve.core.text import clean_text
from venues.validators import MAX_CAPACITY, MAX_DAYS

MIN_SLOT_LENGTH = timedelta(minutes=1)
_FURTHEST = timedelta(days=MAX_DAYS + 2)


def change_slot(
    *,
    actor: Actor,
    slot_id: UUID,
    capacity: int | None = None,
    is_closed: bool | None = None,
    reason: str = "",
) -> Slot:
    """Give a slot another capacity, or close or reopen it; None leaves either as it is.

    What staff say outlasts every change of the schedule: it does not reopen what
    they closed, and leaves the capacity that they gave. A slot that the schedule
    had withdrawn and that they reopen is as one added by hand.

    Raises:
        NotFound, Forbidden: not the actor's to see, or to do.
        Invalid: nothing to change, a value of the wrong kind, no such capacity, or a reason
            that is too long or no text.
        CapacityInUse: more seats than that are taken already.
        SlotOverlaps: another slot is open or in use where this one would reopen.
    """
    if capacity is None and is_closed is None:
        raise Invalid("Say what is to change: capacity or closure.")
    if capacity is not None:
        _check_capacity(capacity)
    if is_closed is not None:
        _check_kind("is_closed", is_closed, bool, sentences.TRUE_OR_FALSE)
    _check_kind("reason", reason, str, sentences.TEXT)
    said = clean_text(reason, field="reason", maximum=MAX_REASON)
    return desk.submit(ChangeSlot(actor, slot_id, capacity, is_closed, said))


def add_slot(
    *,
    actor: Actor,
    resource_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    capacity: int | None = None,
) -> Slot:
    """Add a slot beside the schedule, which then leaves it alone. For staff.

    Args:
        starts_at: aware, not in the past, and on a day within the venue's horizon.
        ends_at: aware, a minute to 24 hours later.
        capacity: seats, at least 1; without it, the resource's.

    Raises:
        NotFound, Forbidden: not the actor's to see, or to do.
        Invalid: a value that makes no sense, or a slot is open or in use at that time;
            by the names of the APIs, `start_time` and `end_time`.
    """
    if capacity is not None:
        _check_capacity(capacity)
    for name, moment in (("start_time", starts_at), ("end_time", ends_at)):
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise Invalid.field(name, sentences.INSTANT)
    if not MIN_SLOT_LENGTH <= ends_at - starts_at <= MAX_SLOT_LENGTH:
        raise Invalid.field("end_time", "This must be a minute to 24 hours after the start.")
    # No venue's horizon reaches there, and not every zone can tell the time then.
    if starts_at - now() > _FURTHEST:
        raise Invalid.field("start_time", TOO_FAR)
    return desk.submit(AddSlot(actor, resource_id, starts_at, ends_at, capacity))


def _check_kind(name: str, value: object, kind: type, sentence: str) -> None:
    # To Python a boolean is a whole number.
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise Invalid.field(name, sentence)


def _check_capacity(capacity: int) -> None:
    _check_kind("capacity", capacity, int, sentences.WHOLE_NUMBER)
    if not 1 <= capacity <= MAX_CAPACITY:
        raise Invalid.field("capacity", f"This must be from 1 to {MAX_CAPACITY}.")
