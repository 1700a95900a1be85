"""Making one day of a resource what its schedule describes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.actors import SYSTEM
from bookings.difference import Difference, Existing, difference
from bookings.errors import ScheduleChanged
from bookings.ledger import MAX_SLOT_LENGTH, Ledger, MoreSlots
from bookings.models import BookingSlot, Slot
from bookings.requests import Request
from reserve.core.ids import new_id
from venues.models import Resource, Venue
from venues.schedule import PlannedSlot

WITHDRAWN = "The schedule does not offer it any more."
RESTORED = "The schedule offers it again."
RECAPACITATED = "The schedule gives it another capacity."


@dataclass(frozen=True, slots=True)
class PublishDay(Request[Difference]):
    """Make the slots of a resource that begin in [begins_at, ends_at) those that are planned.

    Slots that have begun are not touched, nor are those that begin outside. A plan
    of a schedule that has changed since is refused: ScheduleChanged. Withdrawing,
    restoring and giving another capacity are events. Inserting and deleting are
    not: of a slot that nobody ever used there is nothing to tell.
    """

    resource_id: UUID
    begins_at: datetime
    ends_at: datetime
    planned: Sequence[PlannedSlot]
    schedule_version: int | None = None
    """The venue's, as it was when the plan was read; None where nobody else can change it."""

    def slot_ids(self) -> Collection[UUID]:
        """The slots of the stretch, and what reaches into it or into what is planned."""
        ends_at = max([self.ends_at, *(slot.ends_at for slot in self.planned)])
        found = Slot.objects.filter(
            resource_id=self.resource_id,
            starts_at__gt=self.begins_at - MAX_SLOT_LENGTH,
            starts_at__lt=ends_at,
            ends_at__gt=self.begins_at,
        )
        return set(found.values_list("pk", flat=True))

    def decide(self, ledger: Ledger) -> Difference:
        if self.schedule_version is not None:
            venue_id = Resource.objects.values_list("venue_id", flat=True).get(pk=self.resource_id)
            require_version(venue_id, self.schedule_version)
        # Somebody may have published since this was asked without a lock.
        slot_ids = set(self.slot_ids()).difference(ledger.deleted_slot_ids)
        if missing := slot_ids - ledger.slots.keys():
            raise MoreSlots(missing)
        existing = [ledger.slots[slot_id] for slot_id in slot_ids]
        touched = _touched(existing, ledger)
        begins_at = max(self.begins_at, ledger.now)
        found = difference(
            [existing_of(slot, is_untouched=slot.pk not in touched) for slot in existing],
            [slot for slot in self.planned if begins_at <= slot.starts_at < self.ends_at],
            begins_at=begins_at,
            ends_at=self.ends_at,
        )
        if not found.is_nothing:
            self._carry_out(found, ledger)
        return found

    def _carry_out(self, found: Difference, ledger: Ledger) -> None:
        for one in found.removed:
            ledger.delete_slot(ledger.slots[one.id])
        for one in found.withdrawn:
            ledger.change_slot(
                ledger.slots[one.id],
                actor=SYSTEM,
                is_closed=True,
                is_withdrawn=True,
                reason=WITHDRAWN,
            )
        for one in found.restored:
            ledger.change_slot(
                ledger.slots[one.id],
                actor=SYSTEM,
                is_closed=False,
                is_withdrawn=False,
                reason=RESTORED,
            )
        for one, capacity in found.recapacitated:
            ledger.change_slot(
                ledger.slots[one.id], actor=SYSTEM, capacity=capacity, reason=RECAPACITATED
            )
        if found.added:
            resource = Resource.objects.select_related("venue").get(pk=self.resource_id)
            ledger.publish_slots(new_slots(resource, found.added))


def require_version(venue_id: UUID, schedule_version: int) -> None:
    """Raises ScheduleChanged where the venue's schedule is another by now."""
    if not Venue.objects.filter(pk=venue_id, schedule_version=schedule_version).exists():
        raise ScheduleChanged


def new_slots(resource: Resource, planned: Sequence[PlannedSlot]) -> list[Slot]:
    return [
        Slot(
            id=new_id(),
            organization_id=resource.organization_id,
            venue=resource.venue,
            resource=resource,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            capacity=slot.capacity,
        )
        for slot in planned
    ]


def existing_of(slot: Slot, *, is_untouched: bool) -> Existing:
    return Existing(
        id=slot.pk,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        capacity=slot.capacity,
        reserved=slot.reserved,
        is_closed=slot.is_closed,
        is_withdrawn=slot.is_withdrawn,
        is_added_by_hand=slot.is_added_by_hand,
        has_own_capacity=slot.has_own_capacity,
        is_untouched=is_untouched,
    )


def _touched(slots: Collection[Slot], ledger: Ledger) -> set[UUID]:
    """The slots that something refers to: their events, or a booking that never had seats."""
    untouched = {slot.pk for slot in slots if slot.version == 0}
    linked = BookingSlot.objects.filter(slot_id__in=untouched).values_list("slot_id", flat=True)
    touched = {slot.pk for slot in slots} - untouched
    touched.update(linked)
    for slot_ids in ledger.slots_of.values():
        touched.update(slot_ids)
    return touched
