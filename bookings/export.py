"""What we hold of a person's bookings, for the export of their account."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from accounts.models import User
from bookings.models import Booking, Guest
from reserve.core.clock import now
from reserve.outbox.models import Event


def export_bookings(user_id: UUID) -> list[dict[str, Any]]:
    """Every booking that the account made, whatever became of it."""
    at = now()
    bookings = Booking.objects.filter(customer_id=user_id).select_related(
        "venue", "resource", "guest"
    )
    found = list(bookings.order_by("created_at"))
    history = _history_of(found, User.format_id(user_id))
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
            "events": history[booking.pk],
        }
        for booking in found
    ]


def _history_of(bookings: Sequence[Booking], person: str) -> dict[UUID, list[dict[str, Any]]]:
    """What was recorded of each booking; who else did it is no matter of the person's."""
    history: dict[UUID, list[dict[str, Any]]] = {booking.pk: [] for booking in bookings}
    events = Event.objects.filter(
        organization_id__in={booking.organization_id for booking in bookings},
        subject_id__in=history,
    )
    for event in events.order_by("subject_id", "sequence"):
        facts = event.payload
        if facts.get("actor") != person:
            facts = {name: fact for name, fact in facts.items() if name != "actor"}
        history[event.subject_id].append(
            {"name": event.name, "recorded_at": event.recorded_at, "payload": facts}
        )
    return history


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
