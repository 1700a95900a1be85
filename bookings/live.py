"""What watchers of a venue are told when seats change."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from bookings.models import Booking, Slot
from bookings.states import SlotStatus, slot_status
from reserve.core.broadcast import Message, Publication, bookings_group, publish, venue_group
from reserve.core.database import in_database
from reserve.core.ids import earliest_id
from reserve.core.live import Recover
from reserve.outbox.models import Event
from venues.models import Venue

# Ids are made by the clocks of several machines, and before their commits.
_CLOCKS_DIFFER_BY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class SlotChange:
    """The state of a slot after a change; `version` orders what is said of one slot."""

    slot_id: UUID
    venue_id: UUID
    resource_id: UUID
    starts_at: datetime
    """In the venue's offset, as `ends_at`."""
    ends_at: datetime
    capacity: int
    remaining_capacity: int
    is_closed: bool
    version: int

    @classmethod
    def from_message(cls, message: Message) -> "SlotChange":
        return cls(
            slot_id=UUID(message["slot_id"]),
            venue_id=UUID(message["venue_id"]),
            resource_id=UUID(message["resource_id"]),
            starts_at=datetime.fromisoformat(message["starts_at"]),
            ends_at=datetime.fromisoformat(message["ends_at"]),
            capacity=message["capacity"],
            remaining_capacity=message["remaining_capacity"],
            is_closed=message["is_closed"],
            version=message["version"],
        )

    def status_at(self, now: datetime) -> SlotStatus:
        return slot_status(
            starts_at=self.starts_at,
            is_closed=self.is_closed,
            remaining=self.remaining_capacity,
            now=now,
        )


def announce(slots: Iterable[Slot]) -> None:
    """Publish the state of slots after a commit."""
    for publication in about_slots(slots):
        publish(*publication)


def about_slots(slots: Iterable[Slot]) -> list[Publication]:
    """What is to be published of slots that were changed: their state."""
    return [
        Publication(venue_group(slot.venue_id), slot.pk.hex, _message_about(slot)) for slot in slots
    ]


def about_bookings(bookings: Iterable[Booking]) -> list[Publication]:
    """What is to be published of bookings, to those who may ask what they are now.

    The messages have ids only: whoever listens reads the booking with their own rights.
    """
    return [
        Publication(bookings_group(booking.venue_id), booking.pk.hex, _message_of(booking))
        for booking in bookings
    ]


def slot_recovery(venue_id: UUID) -> Recover:
    """Of the group of those who watch a venue, for the hub."""
    return _recovery(slot_messages_since, venue_id)


def booking_recovery(venue_id: UUID) -> Recover:
    """Of the group that hears of a venue's bookings, for the hub."""
    return _recovery(booking_messages_since, venue_id)


def _recovery(read: Callable[..., Sequence[Message]], venue_id: UUID) -> Recover:
    async def recover(moment: datetime) -> Sequence[Message]:
        return await in_database(read, moment, venue_id=venue_id)

    return recover


def booking_messages_since(moment: datetime, *, venue_id: UUID) -> Sequence[Message]:
    """Which bookings of a venue have changed since a moment."""
    venue = Venue.objects.get(pk=venue_id)
    told = Event.objects.filter(
        pk__gte=earliest_id(moment - _CLOCKS_DIFFER_BY),
        organization_id=venue.organization_id,
        payload__venue=venue.public_id,
        payload__has_key="booking",
    ).values_list("subject_id", flat=True)
    bookings = Booking.objects.filter(pk__in=set(told), venue=venue)
    return [_message_of(booking) | {"key": booking.pk.hex} for booking in bookings]


def _message_of(booking: Booking) -> Message:
    return {
        "type": "booking.changed",
        "booking_id": str(booking.pk),
        "version": booking.version,
    }


def slot_messages_since(moment: datetime, *, venue_id: UUID) -> Sequence[Message]:
    """The present state of every slot of a venue that has changed, or is new, since a moment."""
    venue = Venue.objects.get(pk=venue_id)
    floor = earliest_id(moment - _CLOCKS_DIFFER_BY)
    told = Event.objects.filter(
        pk__gte=floor,
        organization_id=venue.organization_id,
        payload__venue=venue.public_id,
    ).values_list("payload", flat=True)
    names = {name for payload in told.iterator() for name in _slots_named_in(payload)}
    ids = [Slot.parse_id(name) for name in names]
    slots = Slot.objects.filter(Q(pk__in=ids) | Q(pk__gte=floor), venue=venue)
    messages = []
    for slot in slots.order_by("starts_at", "pk"):
        slot.venue = venue
        messages.append(_message_about(slot) | {"key": slot.pk.hex})
    return messages


def _slots_named_in(payload: Message) -> Iterator[str]:
    if name := payload.get("slot"):
        yield name
    for change in payload.get("slots", ()):
        yield change["slot"]


def _message_about(slot: Slot) -> Message:
    """The state of a slot as the channel layer carries it: plain values only."""
    return {
        "type": "slot.changed",
        "slot_id": slot.pk.hex,
        "venue_id": slot.venue_id.hex,
        "resource_id": slot.resource_id.hex,
        "starts_at": slot.venue.local(slot.starts_at).isoformat(),
        "ends_at": slot.venue.local(slot.ends_at).isoformat(),
        "capacity": slot.capacity,
        "remaining_capacity": slot.remaining,
        "is_closed": slot.is_closed,
        "version": slot.version,
    }
