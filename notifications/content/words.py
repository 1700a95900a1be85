"""Our own words, for guests and for staff, in the active language."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from notifications.kinds import Audience, Kind


@dataclass(frozen=True, slots=True)
class Words:
    subject: str
    paragraphs: tuple[str, ...]
    closing: str = ""


def words_of(kind: Kind, audience: Audience, values: Mapping[str, str]) -> Words:
    """What is said, with the values of the placeholders and `until`, the end of a hold."""
    words = _for_staff(kind) if audience is Audience.STAFF else _for_guests(kind)
    return Words(
        words.subject % values,
        tuple(paragraph % values for paragraph in words.paragraphs),
        words.closing % values,
    )


def _for_guests(kind: Kind) -> Words:
    hello = _("Hello %(guest_name)s,")
    words = {
        Kind.HELD: Words(
            _("Your seats at %(venue_name)s are held until %(until)s"),
            (
                hello,
                _("We hold your seats until %(until)s. Confirm your booking before then."),
            ),
            _("If you do nothing, the seats go to others after that time."),
        ),
        Kind.RECEIVED: Words(
            _("%(venue_name)s has received your booking"),
            (
                hello,
                _("Thank you. We look at your booking and write to you as soon as we can."),
            ),
        ),
        Kind.CONFIRMED: Words(
            _("Your booking at %(venue_name)s is confirmed"),
            (hello, _("Your booking is confirmed. We look forward to seeing you.")),
        ),
        Kind.DECLINED: Words(
            _("%(venue_name)s cannot take your booking"),
            (hello, _("We are sorry: we cannot take your booking at this time.")),
            _("Nothing is booked. Please choose another time."),
        ),
        Kind.RESCHEDULED: Words(
            _("Your booking at %(venue_name)s has a new time"),
            (hello, _("Your booking has moved. This is the new time:")),
        ),
        Kind.CANCELLED_BY_GUEST: Words(
            _("Your booking at %(venue_name)s is cancelled"),
            (hello, _("As you asked, your booking is cancelled. We hope to see you soon.")),
        ),
        Kind.CANCELLED_BY_VENUE: Words(
            _("%(venue_name)s had to cancel your booking"),
            (hello, _("We are sorry: we had to cancel your booking.")),
        ),
        Kind.REMINDER: Words(
            _("Reminder: %(venue_name)s, %(date)s"),
            (hello, _("This is a reminder of your booking. We look forward to seeing you.")),
            _("If you cannot come, please cancel, so that others can have the seats."),
        ),
        Kind.NO_SHOW_FOLLOW_UP: Words(
            _("We missed you at %(venue_name)s"),
            (
                hello,
                _("You had a booking with us, and we did not see you. We hope all is well."),
            ),
            _("If you were there after all, please tell us."),
        ),
    }
    return words[kind]


def _for_staff(kind: Kind) -> Words:
    words = {
        Kind.HELD: Words(
            _("Seats held: %(date)s, %(time)s"),
            (_("%(guest_name)s holds seats at %(venue_name)s until %(until)s."),),
        ),
        Kind.RECEIVED: Words(
            _("New booking to answer: %(date)s, %(time)s"),
            (_("%(guest_name)s would like to come to %(venue_name)s. Approve or decline."),),
        ),
        Kind.RESCHEDULED: Words(
            _("Moved: %(date)s, %(time)s"),
            (_("The booking of %(guest_name)s at %(venue_name)s has a new time."),),
        ),
        Kind.CANCELLED_BY_GUEST: Words(
            _("Cancelled by the guest: %(date)s, %(time)s"),
            (_("%(guest_name)s has cancelled at %(venue_name)s."),),
        ),
        Kind.CANCELLED_BY_VENUE: Words(
            _("Cancelled: %(date)s, %(time)s"),
            (_("The booking of %(guest_name)s at %(venue_name)s was cancelled."),),
        ),
        Kind.CONFIRMED: Words(
            _("New booking: %(date)s, %(time)s"),
            (_("%(guest_name)s is coming to %(venue_name)s."),),
        ),
    }
    return words[kind]
