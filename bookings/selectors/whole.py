"""Bookings with what answers tell of them beside their rows: their guests and slots."""

from collections.abc import Sequence

from bookings.models import Booking
from bookings.selectors.bookings import guests_by_id, slots_of_bookings
from reserve.core.database import in_database
from reserve.core.grouping import Grouped

_MAX_TOGETHER = 200


def read_whole(bookings: Sequence[Booking]) -> None:
    """Give bookings the guest and `slots_at_hand` that they lack, by at most a statement each."""
    guest = Booking.guest.field
    nameless = [booking for booking in bookings if not guest.is_cached(booking)]
    if nameless:
        guests = guests_by_id({booking.guest_id for booking in nameless})
        for booking in nameless:
            guest.set_cached_value(booking, guests[booking.guest_id])
    bare = [booking for booking in bookings if booking.slots_at_hand is None]
    if bare:
        slots = slots_of_bookings([booking.pk for booking in bare])
        for booking in bare:
            booking.slots_at_hand = slots[booking.pk]


async def aread_whole(booking: Booking) -> None:
    """`read_whole` from an event loop, together with what others of it ask for meanwhile."""
    await _reader.join(booking)


async def _read_together(bookings: Sequence[Booking]) -> Sequence[None]:
    await in_database(read_whole, bookings)
    return [None] * len(bookings)


_reader: Grouped[Booking, None] = Grouped(_read_together, most=_MAX_TOGETHER)
