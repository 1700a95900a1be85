"""Slots, bookings and guests; and the pages of venues, once they can say what becomes of slots.

Seats are written by the desk alone, so that a booking changes through actions
only: these may open the desk's transaction, while Django runs a form in one of
its own.
"""

from bookings.admin.bookings import BookingAdmin
from bookings.admin.guests import GuestAdmin
from bookings.admin.ledger import LedgerCheckAdmin
from bookings.admin.schedule import (
    PreviewedClosureAdmin,
    PreviewedResourceAdmin,
    PreviewedVenueAdmin,
)
from bookings.admin.slots import SlotAdmin

__all__ = [
    "BookingAdmin",
    "GuestAdmin",
    "LedgerCheckAdmin",
    "PreviewedClosureAdmin",
    "PreviewedResourceAdmin",
    "PreviewedVenueAdmin",
    "SlotAdmin",
]
