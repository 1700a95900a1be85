"""What this app does on events. Handlers take a batch and are idempotent.

They write down what is owed, and send nothing: a mail server that dawdles must not
keep the relay from confirming bookings.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from accounts.events import user_id_of
from accounts.models import User
from bookings.models import Booking
from bookings.states import BookingStatus
from notifications.content.facts import facts_of
from notifications.kinds import CANCELLATIONS, Kind
from notifications.services.deliveries import News, owe
from notifications.services.people import forget_people
from notifications.tasks import wake_senders
from reserve.core.clock import now
from reserve.outbox.models import Event
from reserve.outbox.services import mixes_requests
from venues.models import ConfirmationMode

# Nobody wants to hear of what is older; and a delivery is remembered for longer, so
# that an event that comes again finds what was sent.
_OLDEST = timedelta(days=30)
# Whoever comes late after all is checked in within this time, and hears nothing.
_FOLLOW_UP_DELAY = timedelta(minutes=15)

_BOOKED = ("booking.created", "booking.imported")
_KINDS: Mapping[str, Kind] = {
    "booking.held": Kind.HELD,
    "booking.created": Kind.RECEIVED,
    "booking.confirmed": Kind.CONFIRMED,
    "booking.declined": Kind.DECLINED,
    "booking.rescheduled": Kind.RESCHEDULED,
    "booking.no_show": Kind.NO_SHOW_FOLLOW_UP,
}


@mixes_requests
def tell_of_bookings(events: Sequence[Event]) -> None:
    """Write down who is to hear of these events of bookings."""
    oldest = now() - _OLDEST
    recent = [event for event in events if event.recorded_at > oldest]
    bookings = Booking.objects.select_related("venue", "guest__account").in_bulk(
        {event.subject_id for event in recent}
    )
    history = _history_of([event for event in recent if event.name == "booking.cancelled"])
    news = [
        item
        for event in recent
        if event.subject_id in bookings
        for item in _news(event, bookings[event.subject_id], history.get(event.subject_id, set()))
    ]
    if owe(news):
        wake_senders()


def forget_deleted_people(events: Sequence[Event]) -> None:
    """Forget the devices and wishes of people whose accounts were deleted."""
    forget_people(user_ids={user_id for event in events if (user_id := user_id_of(event))})


def _news(event: Event, booking: Booking, history: set[str]) -> Iterator[News]:
    kind = _kind_of(event, booking, history)
    if kind is None:
        return
    is_confirmed = event.payload["status"] == BookingStatus.CONFIRMED
    yield News(
        occasion=event.public_id,
        kind=kind,
        booking=booking,
        facts=facts_of(
            booking,
            status=event.payload["status"],
            sequence=event.sequence,
            recorded_at=event.recorded_at,
            reason=event.payload["reason"],
            is_in_calendars=is_confirmed
            or (kind in CANCELLATIONS and "booking.confirmed" in history),
        ),
        by=event.payload["actor"],
        request_id=event.request_id,
        not_before=event.recorded_at + _FOLLOW_UP_DELAY if kind is Kind.NO_SHOW_FOLLOW_UP else None,
    )


def _kind_of(event: Event, booking: Booking, history: set[str]) -> Kind | None:
    """What people are told of an event; None for nothing."""
    if event.name == "booking.cancelled":
        # A hold that is given up is nobody's loss.
        if not history.intersection(_BOOKED):
            return None
        is_by_guest = event.payload["actor"] in _names_of_guest(booking)
        return Kind.CANCELLED_BY_GUEST if is_by_guest else Kind.CANCELLED_BY_VENUE
    kind = _KINDS[event.name]
    if kind is Kind.RECEIVED and booking.venue.confirmation_mode != ConfirmationMode.MANUAL:
        # Confirmed within a second, and told of that.
        return None
    if kind is Kind.RESCHEDULED and event.payload["status"] == BookingStatus.HELD:
        return None
    return kind


def _names_of_guest(booking: Booking) -> set[str]:
    """What an event calls whoever booked: their account, or nobody in particular."""
    names = {"anonymous"}
    if booking.customer_id is not None:
        names.add(User.format_id(booking.customer_id))
    return names


def _history_of(events: Sequence[Event]) -> dict[UUID, set[str]]:
    """By booking, the names of the earlier events that decide what is told of these."""
    history: dict[UUID, set[str]] = {}
    if events:
        earlier = Event.objects.filter(
            # The log's index begins with it.
            organization_id__in={event.organization_id for event in events},
            subject_id__in={event.subject_id for event in events},
            name__in=(*_BOOKED, "booking.confirmed"),
        )
        for subject_id, name in earlier.values_list("subject_id", "name"):
            history.setdefault(subject_id, set()).add(name)
    return history
