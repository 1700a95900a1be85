"""The mail about a booking: words, details and a link, as text and as HTML."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from bookings.manage_tokens import manage_token_of
from bookings.models import Booking
from bookings.states import BookingStatus
from notifications.content import moments
from notifications.content.facts import Facts
from notifications.content.reader import Reader
from notifications.content.words import Words, words_of
from notifications.kinds import CANCELLATIONS, Audience, Kind
from notifications.placeholders import fill
from reserve.core.languages import language_of

MANAGE_PATH = "/booking/manage"
_VOID = frozenset({Kind.DECLINED, *CANCELLATIONS})
_OVER = _VOID | {Kind.NO_SHOW_FOLLOW_UP}
_OPEN = frozenset({BookingStatus.HELD, BookingStatus.PENDING, BookingStatus.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Detail:
    name: str
    value: str
    is_void: bool = False
    """What was so, and is no more."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What the templates show."""

    subject: str
    paragraphs: tuple[str, ...]
    when: str
    """Day and time, on one line."""
    details: tuple[Detail, ...]
    closing: str
    link: str
    action: str
    sender: str
    """Whose letter it is: the venue's name, with its address."""
    language: str
    direction: str


@dataclass(frozen=True, slots=True)
class OwnWords:
    """An organization's words, with placeholders."""

    subject: str
    body: str


def letter_of(
    *,
    kind: Kind,
    audience: Audience,
    booking: Booking,
    facts: Facts,
    reader: Reader,
    guest_name: str,
    own_words: OwnWords | None = None,
) -> Letter:
    """The letter in the reader's language; `booking` has its venue at hand."""
    with language_of(reader.locale):
        values = values_of(booking, facts, guest_name)
        words = (
            _filled(own_words, values)
            if own_words
            else words_of(kind, audience, values | _until(facts, booking))
        )
        link, action = _link(kind, audience, booking)
        return Letter(
            subject=" ".join(words.subject.split()),
            paragraphs=words.paragraphs,
            when=f"{values['date']}, {values['time']}",
            details=tuple(
                _details(
                    kind=kind,
                    booking=booking,
                    facts=facts,
                    reader=reader,
                    audience=audience,
                    guest_name=guest_name,
                )
            ),
            closing=words.closing,
            link=link,
            action=action,
            sender=f"{booking.venue.name}, {booking.venue.address}".rstrip(", "),
            language=translation.get_language(),
            direction="rtl" if translation.get_language_bidi() else "ltr",
        )


def text_of(letter: Letter) -> str:
    return render_to_string("notifications/email/booking.txt", {"letter": letter})


def html_of(letter: Letter) -> str:
    return render_to_string("notifications/email/booking.html", {"letter": letter})


def values_of(booking: Booking, facts: Facts, guest_name: str) -> dict[str, str]:
    """The values of the placeholders, in the active language."""
    venue = booking.venue
    return {
        "guest_name": guest_name,
        "venue_name": venue.name,
        "address": venue.address,
        "date": moments.day(facts.starts_at.astimezone(venue.zone)),
        "time": moments.stretch(facts.starts_at, facts.ends_at, venue.zone),
        "party_size": str(facts.guest_count),
        "code": booking.confirmation_code,
        "reason": facts.reason,
    }


def _until(facts: Facts, booking: Booking) -> dict[str, str]:
    """When a hold ends, by the venue's clock."""
    ends_at = facts.hold_expires_at
    return {"until": moments.clock(ends_at.astimezone(booking.venue.zone)) if ends_at else ""}


def _filled(own: OwnWords, values: dict[str, str]) -> Words:
    filled = (fill(paragraph, values).strip() for paragraph in own.body.split("\n\n"))
    paragraphs = tuple(paragraph for paragraph in filled if paragraph)
    return Words(fill(own.subject, values), paragraphs)


def _details(
    *,
    kind: Kind,
    booking: Booking,
    facts: Facts,
    reader: Reader,
    audience: Audience,
    guest_name: str,
) -> Iterator[Detail]:
    venue, is_void = booking.venue, kind in _VOID
    if audience is Audience.STAFF:
        yield Detail(_("Guest"), guest_name)
    day = moments.day(facts.starts_at.astimezone(venue.zone))
    yield Detail(_("Day"), day, is_void)
    time = moments.stretch(facts.starts_at, facts.ends_at, venue.zone)
    yield Detail(_("Time"), time, is_void)
    if own := moments.own_time(facts.starts_at, venue, reader.timezone):
        yield Detail(_("By your clock"), own, is_void)
    yield Detail(_("Place"), ", ".join(part for part in (venue.name, venue.address) if part))
    yield Detail(_("People"), str(facts.guest_count))
    yield Detail(_("Code"), booking.confirmation_code)
    if facts.reason:
        yield Detail(_("Reason"), facts.reason)


def _link(kind: Kind, audience: Audience, booking: Booking) -> tuple[str, str]:
    """Where the guest of a booking without an account changes it: to this one reader only."""
    if (
        audience is not Audience.GUEST
        or kind in _OVER
        or booking.manage_token_hash is None
        or booking.status not in _OPEN
    ):
        return "", ""
    # In the query, not in the path: request logs have the path.
    query = urlencode({"booking": booking.public_id, "token": manage_token_of(booking.pk)})
    return f"{settings.PUBLIC_URL}{MANAGE_PATH}?{query}", _("See or cancel the booking")
