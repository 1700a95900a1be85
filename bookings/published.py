"""What is published of a resource, as it is compared with its schedule. Read without a lock."""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from bookings.difference import Existing
from bookings.models import BookingSlot, Slot
from bookings.selectors import free_lapsed_seats

_COLUMNS = (
    *("id", "starts_at", "ends_at", "capacity", "reserved", "is_closed", "is_withdrawn"),
    *("is_added_by_hand", "has_own_capacity", "version", "next_lapse_at", "is_linked"),
)


def existing_slots(
    *, resource_id: UUID, begins_at: datetime, ends_at: datetime, now: datetime
) -> list[Existing]:
    """The slots of a resource that begin in [begins_at, ends_at), in order of their start."""
    slots = Slot.objects.filter(
        resource_id=resource_id, starts_at__gte=begins_at, starts_at__lt=ends_at
    )
    links = BookingSlot.objects.filter(slot_id=OuterRef("pk"))
    rows = slots.annotate(is_linked=Exists(links)).order_by("starts_at").values_list(*_COLUMNS)
    found: list[Existing] = []
    due: dict[int, Slot] = {}
    for *columns, version, next_lapse_at, is_linked in rows:
        if next_lapse_at is not None and next_lapse_at <= now:
            slot = Slot(pk=columns[0], reserved=columns[4], next_lapse_at=next_lapse_at)
            due[len(found)] = slot
        found.append(Existing._make([*columns, version == 0 and not is_linked]))
    free_lapsed_seats(list(due.values()), now)
    for position, slot in due.items():
        found[position] = found[position]._replace(reserved=slot.reserved)
    return found
