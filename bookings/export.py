"""What we hold of a person's bookings, for the export of their account."""

from typing import Any
from uuid import UUID

from bookings.models import Booking, Guest
from reserve.core.clock import now


def export_bookings(user_id: UUID) -> list[dict[str, Any]]:
    """Every booking that the account made, whatever became of it."""
    at = now()
    bookings = Booking.objects.filter(customer_id=user_id).select_related(
        "venue", "resource", "guest"
    )
    return [
        {
            "id": booking.public_id,
            "status": booking.status_at(at),
            "confirmation_code": booking.confirmation_code,
            "venue": booking.venue.name,
            "resource": booking.resource.name,
            "start_time": booking.venue.local(booking.starts_at),
            "end_time": booking.venue.local(booking.ends_at),
            "guest_count": booking.guest_count,
            "guest": booking.guest.name,
            "notes": booking.notes,
            "created_at": booking.created_at,
            "cancelled_at": booking.cancelled_at,
        }
        for booking in bookings.order_by("created_at")
    ]


def export_guests(user_id: UUID) -> list[dict[str, Any]]:
    """The person as each organization knows them."""
    guests = Guest.objects.filter(account_id=user_id).select_related("organization")
    return [
        {
            "organization": guest.organization.name,
            "name": guest.name,
            "email": guest.email,
            "phone": guest.phone,
            "locale": guest.locale,
            "created_at": guest.created_at,
        }
        for guest in guests
    ]
