"""What a page remembers of its visitor, who needs neither a session nor an account.

A form carries the booking's id, signed: the signature says that we showed this booking to
whoever sends it. The booking's secret is derived from the id and never leaves us. Frames
need no cookie for it; alone, the page also keeps a hold in a cookie, so that whoever
reloads it or comes back finds what they hold.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from accounts.actors import Actor
from bookings.manage_tokens import manage_token_of
from bookings.models import Booking
from bookings.selectors import visible_booking
from reserve.core.errors import DomainError, NotFound
from venues.models import Venue

COOKIE = "held_booking"
_SALT = "bookings.guest_pages"
# A page left open is of no use on another day; the code finds the booking then.
_KEPT_FOR = timedelta(days=1)

View = Callable[..., HttpResponse]


def in_their_language(view: View) -> View:
    """A view in that of our languages which the visitor's browser prefers."""

    @wraps(view)
    def translated(request: HttpRequest, *arguments: Any, **keywords: Any) -> HttpResponse:
        with translation.override(translation.get_language_from_request(request)):
            response = view(request, *arguments, **keywords)
        patch_vary_headers(response, ("Accept-Language", "HX-Request", "Cookie"))
        return response

    return translated


def state_of(booking: Booking) -> str:
    return signing.dumps(booking.public_id, salt=_SALT)


def owner_of(booking: Booking, actor: Actor) -> Actor:
    """The same, who also holds the booking's secret."""
    return actor.with_manage_token(manage_token_of(booking.pk))


def booking_of(state: str, *, actor: Actor, venue: Venue) -> Booking:
    """The booking of a form, or a cookie, as it is now.

    Raises:
        NotFound: we did not sign this, or long ago, or it is another venue's; or it is an
            account's, and not the actor's.
    """
    try:
        booking_id = Booking.parse_id(signing.loads(state, salt=_SALT, max_age=_KEPT_FOR))
    except (signing.BadSignature, DomainError):
        raise NotFound from None
    owner = actor.with_manage_token(manage_token_of(booking_id))
    booking = visible_booking(actor=owner, booking_id=booking_id)
    if booking.venue_id != venue.pk:
        raise NotFound
    booking.venue = venue
    return booking


def address(name: str, venue: Venue, *, framed: bool) -> str:
    """The path of one of the pages; those in frames stay there."""
    prefix = "embed" if framed else "book"
    return reverse(f"{prefix}_{name}", args=[venue.organization.slug, venue.slug])


def keep(response: HttpResponse, booking: Booking, now: datetime) -> None:
    """Let the browser remember a hold until it lapses."""
    assert booking.hold_expires_at is not None
    response.set_cookie(
        COOKIE,
        state_of(booking),
        max_age=max(booking.hold_expires_at - now, timedelta()),
        path=address("venue", booking.venue, framed=False),
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponse, venue: Venue) -> None:
    response.delete_cookie(COOKIE, path=address("venue", venue, framed=False), samesite="Lax")
