"""What the desk and every reading of slots need to know of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Sum

from bookings.models import Booking, Slot
from bookings.states import BookingStatus


def free_lapsed_seats(slots: Sequence[Slot], now: datetime) -> None:
    """Count the seats of lapsed holds as free, in memory, as the desk will."""
    due = {
        slot.pk: slot
        for slot in slots
        if slot.next_lapse_at is not None and slot.next_lapse_at <= now
    }
    for slot_id, seats in lapsed_seats(due, now).items():
        due[slot_id].reserved -= seats


def lapsed_seats(slot_ids: Collection[UUID], now: datetime) -> dict[UUID, int]:
    """The seats that lapsed holds still have of slots, by slot; without a look where none are."""
    if not slot_ids:
        return {}
    lapsed = Booking.objects.filter(
        status=BookingStatus.HELD, hold_expires_at__lte=now, slot_links__slot_id__in=slot_ids
    )
    return dict(lapsed.values_list("slot_links__slot_id").annotate(seats=Sum("seats")))


def consecutive_slot_ids(*, slot_id: UUID, count: int) -> list[UUID]:
    """A slot and those that follow it on its resource without a gap, read without a lock.

    Fewer than `count` where no more follow. Of two slots with one start the open one follows.
    """
    if count == 1:
        return [slot_id]
    slots = Slot.objects.values("pk", "resource_id", "starts_at", "ends_at", "is_closed")
    last = slots.filter(pk=slot_id).first()
    if last is None:
        return [slot_id]
    later = slots.filter(
        resource_id=last["resource_id"], starts_at__gte=last["ends_at"], is_withdrawn=False
    )
    # Open slots do not overlap, so that those of a run are the next ones. A closed slot is
    # named only for the refusal that it gives.
    followers = (
        later.filter(is_closed=is_closed).order_by("starts_at")[: count - 1]
        for is_closed in (True, False)
    )
    closed, open_ = followers
    by_start = {slot["starts_at"]: slot for slot in [*closed, *open_]}
    ids = [slot_id]
    while len(ids) < count and (following := by_start.get(last["ends_at"])):
        ids.append(following["pk"])
        last = following
    return ids
