from venues.models.hours import Closure, OpeningHours, SlotRules, SpecialHours, Weekday
from venues.models.places import BookingMode, ConfirmationMode, Resource, Venue

__all__ = [
    "BookingMode",
    "Closure",
    "ConfirmationMode",
    "OpeningHours",
    "Resource",
    "SlotRules",
    "SpecialHours",
    "Venue",
    "Weekday",
]
