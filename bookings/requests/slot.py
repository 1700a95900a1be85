"""Adding a slot by hand, and changing one itself: its capacity, or whether it is closed."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.actors import Actor
from bookings.errors import CapacityInUse, SlotOverlaps
from bookings.ledger import Ledger
from bookings.models import Slot
from bookings.requests import Request
from bookings.rules import is_within_horizon
from reserve.core.errors import Invalid, NotFound
from reserve.core.ids import new_id
from venues.models import Resource
from venues.selectors import require_works_at

TOO_FAR = "This is further ahead than can be booked."


@dataclass(frozen=True, slots=True)
class ChangeSlot(Request[Slot]):
    """Give a slot another capacity, not below what is used, or close or reopen it."""

    actor: Actor
    slot_id: UUID
    capacity: int | None = None
    is_closed: bool | None = None
    reason: str = ""

    def slot_ids(self) -> Collection[UUID]:
        return (self.slot_id,)

    def decide(self, ledger: Ledger) -> Slot:
        slot = ledger.slot(self.slot_id)
        require_works_at(actor=self.actor, venue=slot.venue)
        if self.capacity is not None and self.capacity < slot.reserved:
            raise CapacityInUse(reserved=slot.reserved)
        reopens = self.is_closed is False and slot.is_closed
        if reopens and any(other.pk != slot.pk for other in _occupied(ledger, slot)):
            raise SlotOverlaps
        return ledger.change_slot(
            slot,
            actor=self.actor,
            capacity=self.capacity,
            is_closed=self.is_closed,
            # What staff say of it is said, whatever the schedule thinks: a slot that
            # they close stays closed, and one that it had withdrawn is now theirs.
            is_withdrawn=None if self.is_closed is None else False,
            is_added_by_hand=True if reopens and slot.is_withdrawn else None,
            has_own_capacity=None if self.capacity is None else True,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class AddSlot(Request[Slot]):
    """Add an open slot by hand, where none is open or in use."""

    actor: Actor
    resource_id: UUID
    starts_at: datetime
    ends_at: datetime
    capacity: int | None = None

    def decide(self, ledger: Ledger) -> Slot:
        resource = Resource.objects.select_related("venue").filter(pk=self.resource_id).first()
        if resource is None:
            raise NotFound
        require_works_at(actor=self.actor, venue=resource.venue)
        if self.starts_at < ledger.now:
            raise Invalid.field("start_time", "This must not be in the past.")
        if not is_within_horizon(resource.venue, self.starts_at, ledger.now):
            raise Invalid.field("start_time", TOO_FAR)
        slot = Slot(
            id=new_id(),
            organization_id=resource.organization_id,
            venue=resource.venue,
            resource=resource,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            capacity=resource.capacity if self.capacity is None else self.capacity,
            is_added_by_hand=True,
            has_own_capacity=True,
        )
        if other := next(_occupied(ledger, slot), None):
            clock = f"{resource.venue.local(other.starts_at):%Y-%m-%d %H:%M}"
            raise Invalid.field("start_time", f"This overlaps the slot of {clock}.")
        return ledger.add_slot(slot, actor=self.actor)


def _occupied(ledger: Ledger, slot: Slot) -> Iterator[Slot]:
    return ledger.occupied(
        resource_id=slot.resource_id, starts_at=slot.starts_at, ends_at=slot.ends_at
    )
