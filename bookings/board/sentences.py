"""How the board's feed tells of events."""

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from bookings.models import Booking

_SENTENCES = {
    "booking.held": _("%(guest)s holds %(seats)s for %(time)s."),
    "booking.created": _("%(guest)s booked %(seats)s for %(time)s."),
    "booking.imported": _("%(guest)s, %(time)s: taken over from another system."),
    "booking.confirmed": _("%(guest)s, %(time)s: confirmed."),
    "booking.declined": _("%(guest)s, %(time)s: declined."),
    "booking.cancelled": _("%(guest)s, %(time)s: cancelled."),
    "booking.expired": _("The hold of %(guest)s for %(time)s lapsed."),
    "booking.rescheduled": _("%(guest)s moved to %(time)s."),
    "booking.updated": _("%(guest)s changed the booking for %(time)s."),
    "booking.checked_in": _("%(guest)s, %(time)s: has arrived."),
    "booking.check_in_undone": _("%(guest)s, %(time)s: not here after all."),
    "booking.no_show": _("%(guest)s, %(time)s: did not come."),
    "booking.completed": _("%(guest)s, %(time)s: has left."),
}
_ANY_OTHER = _("%(guest)s, %(time)s: changed.")


def sentence_of(event: str, booking: Booking) -> str:
    """What happened to a booking whose guest and venue are at hand."""
    return gettext(_SENTENCES.get(event, _ANY_OTHER)) % {
        "guest": booking.guest.name,
        "seats": booking.guest_count,
        "time": f"{booking.venue.local(booking.starts_at):%H:%M}",
    }
