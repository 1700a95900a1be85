"""A letter about a booking that nobody made, to look at."""

from datetime import timedelta

from bookings.models import Booking, Guest
from bookings.states import BookingStatus
from notifications.content.facts import Facts
from notifications.content.letters import Letter, OwnWords, letter_of
from notifications.content.reader import Reader
from notifications.kinds import Audience, Kind
from notifications.models import Wording
from reserve.core.clock import now
from venues.models import Venue

_GUEST = "Ada Lovelace"


def sample_letter(wording: Wording) -> Letter:
    """The letter in an organization's words, at one of its venues."""
    organization = wording.organization
    venue = Venue.objects.filter(organization=organization).order_by("name").first()
    if venue is None:
        venue = Venue(organization=organization, name=organization.name, timezone="UTC")
    starts_at = (now() + timedelta(days=7)).replace(hour=18, minute=0, second=0, microsecond=0)
    booking = Booking(
        organization=organization,
        venue=venue,
        guest=Guest(organization=organization, name=_GUEST),
        status=BookingStatus.CONFIRMED,
        confirmation_code="EXAMPLE2",
        guest_count=4,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2),
        hold_expires_at=now() + timedelta(minutes=10),
        version=1,
    )
    return letter_of(
        kind=Kind(wording.kind),
        audience=Audience.GUEST,
        booking=booking,
        facts=Facts(
            status=booking.status,
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
            guest_count=booking.guest_count,
            sequence=1,
            recorded_at=now(),
            hold_expires_at=booking.hold_expires_at,
        ),
        reader=Reader(_GUEST, "ada@example.org", wording.language),
        guest_name=_GUEST,
        own_words=OwnWords(wording.subject, wording.body),
    )
