"""What this app does on events. Handlers take a batch and are idempotent."""

from collections.abc import Sequence

from accounts.events import user_id_of
from bookings.errors import InvalidState
from bookings.models import Booking
from bookings.services.bookings import confirm_automatically
from bookings.services.guests import erase_guests as erase_guests_of
from bookings.services.publication import request_republication
from bookings.states import BookingStatus
from reserve.outbox.models import Event
from reserve.outbox.services import mixes_requests
from venues.models import ConfirmationMode


@mixes_requests
def confirm_new_bookings(events: Sequence[Event]) -> None:
    """Confirm the bookings of venues that do so by themselves."""
    causes = {event.subject_id: event.request_id for event in events}
    waiting = Booking.objects.filter(
        pk__in=causes,
        status=BookingStatus.PENDING,
        venue__confirmation_mode=ConfirmationMode.AUTOMATIC,
    )
    wanted = {booking_id: causes[booking_id] for booking_id in waiting.values_list("pk", flat=True)}
    for outcome in confirm_automatically(causes=wanted):
        # Somebody was quicker: confirmed, cancelled or declined, it waits no more.
        if isinstance(outcome, Exception) and not isinstance(outcome, InvalidState):
            raise outcome


def republish_changed_venues(events: Sequence[Event]) -> None:
    """Ask for the venues' slots to be brought into line with their schedules.

    Only notes it, in the database: a whole horizon may take longer than the relay
    may keep bookings waiting, and however many changes come together, each venue is
    republished once. A worker does it within seconds (`republish_requested`).
    """
    request_republication(venue_ids={event.subject_id for event in events})


def erase_guests(events: Sequence[Event]) -> None:
    """Erase the people whose accounts were deleted."""
    erase_guests_of(account_ids={user_id for event in events if (user_id := user_id_of(event))})
