"""Reading slots and bookings. What is out of the actor's reach is NotFound."""

from bookings.selectors.availability import (
    MAX_DAYS,
    MAX_NEXT_SLOTS,
    MAX_VENUES,
    available_slots,
    check_venues,
    next_available_slots,
    slots_between,
    visible_slot,
)
from bookings.selectors.bookings import (
    booking_by_code,
    bookings_by_id,
    bookings_visible_to,
    guests_by_id,
    lapsed_hold_ids,
    managed_booking,
    my_bookings,
    slot_count_of,
    slots_of_bookings,
    unanswered_booking_ids,
    venue_bookings,
    visible_booking,
)
from bookings.selectors.calendar import (
    MAX_CALENDAR_DAYS,
    CalendarDay,
    availability_calendar,
    fully_booked_days,
)
from bookings.selectors.search import MAX_SEARCH, guests_matching, matches
from bookings.selectors.seats import consecutive_slot_ids, free_lapsed_seats
from bookings.selectors.today import Occupancy, Today, occupancy_of_days, today_of
from bookings.selectors.whole import aread_whole, read_whole

__all__ = [
    "MAX_CALENDAR_DAYS",
    "MAX_DAYS",
    "MAX_NEXT_SLOTS",
    "MAX_SEARCH",
    "MAX_VENUES",
    "CalendarDay",
    "Occupancy",
    "Today",
    "aread_whole",
    "availability_calendar",
    "available_slots",
    "booking_by_code",
    "bookings_by_id",
    "bookings_visible_to",
    "check_venues",
    "consecutive_slot_ids",
    "free_lapsed_seats",
    "fully_booked_days",
    "guests_by_id",
    "guests_matching",
    "lapsed_hold_ids",
    "managed_booking",
    "matches",
    "my_bookings",
    "next_available_slots",
    "occupancy_of_days",
    "read_whole",
    "slot_count_of",
    "slots_between",
    "slots_of_bookings",
    "today_of",
    "unanswered_booking_ids",
    "venue_bookings",
    "visible_booking",
    "visible_slot",
]
