"""Venues in the admin: read by tenant, written through the services.

The forms ask the same questions as the services, and in the same words: what the
models' validators refuse, and what overlaps.
"""

from venues.admin.closures import ClosureAdmin
from venues.admin.places import ResourceAdmin, VenueAdmin
from venues.admin.writing import ServiceAdmin

__all__ = ["ClosureAdmin", "ResourceAdmin", "ServiceAdmin", "VenueAdmin"]
