"""Changing a slot itself: its capacity, or whether it is closed."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from accounts.actors import Actor
from accounts.selectors import is_member
from bookings.errors import CapacityInUse
from bookings.ledger import Ledger
from bookings.models import Slot
from bookings.requests import Request
from reserve.core.errors import Forbidden, NotFound


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
        if not is_member(actor=self.actor, organization_id=slot.organization_id):
            raise Forbidden if slot.venue.is_public else NotFound
        if self.capacity is not None and self.capacity < slot.reserved:
            raise CapacityInUse(reserved=slot.reserved)
        return ledger.change_slot(
            slot,
            actor=self.actor,
            capacity=self.capacity,
            is_closed=self.is_closed,
            reason=self.reason,
        )
