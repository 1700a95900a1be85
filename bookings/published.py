"""What is published of resources, as it is compared with its schedule. Read without a lock."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from bookings.difference import Existing
from bookings.models import BookingSlot, Slot
from bookings.selectors import free_lapsed_seats

_COLUMNS = (
    *(
        "resource_id",
        "id",
        "starts_at",
        "ends_at",
        "capacity",
        "reserved",
        "is_closed",
        "is_withdrawn",
    ),
    *("is_added_by_hand", "has_own_capacity", "version", "next_lapse_at", "is_linked"),
)


def existing_slots(
    *, resource_ids: Collection[UUID], begins_at: datetime, ends_at: datetime, now: datetime
) -> dict[UUID, list[Existing]]:
    """Of each resource the slots that begin in [begins_at, ends_at), in order of their start.

    As many statements for all resources as for one.
    """
    slots = Slot.objects.filter(
        resource_id__in=resource_ids, starts_at__gte=begins_at, starts_at__lt=ends_at
    )
    links = BookingSlot.objects.filter(slot_id=OuterRef("pk"))
    rows = slots.annotate(is_linked=Exists(links)).order_by("starts_at").values_list(*_COLUMNS)
    found: dict[UUID, list[Existing]] = {resource_id: [] for resource_id in resource_ids}
    due: list[tuple[UUID, int, Slot]] = []
    for resource_id, *columns, version, next_lapse_at, is_linked in rows:
        of_resource = found[resource_id]
        if next_lapse_at is not None and next_lapse_at <= now:
            slot = Slot(pk=columns[0], reserved=columns[4], next_lapse_at=next_lapse_at)
            due.append((resource_id, len(of_resource), slot))
        of_resource.append(Existing._make([*columns, version == 0 and not is_linked]))
    free_lapsed_seats([slot for _, _, slot in due], now)
    for resource_id, position, slot in due:
        of_resource = found[resource_id]
        of_resource[position] = of_resource[position]._replace(reserved=slot.reserved)
    return found
