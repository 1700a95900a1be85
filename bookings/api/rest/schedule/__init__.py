"""Saying when a venue is open, by REST: for its owners and managers."""

from bookings.api.rest.schedule.closures import ClosuresView, ClosureView
from bookings.api.rest.schedule.conflicts import ConflictsView
from bookings.api.rest.schedule.hours import OneSpecialHoursView, OpeningHoursView, SpecialHoursView
from bookings.api.rest.schedule.places import ResourcesView, ResourceView, VenueView

__all__ = [
    "ClosureView",
    "ClosuresView",
    "ConflictsView",
    "OneSpecialHoursView",
    "OpeningHoursView",
    "ResourceView",
    "ResourcesView",
    "SpecialHoursView",
    "VenueView",
]
