"""What the steps show: the choice, the details that are asked for, and the booking."""

from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.browser_login import person_of
from bookings.guest_pages import visits
from bookings.guest_pages.choice import Wish, choice_of
from bookings.guest_pages.forms import DetailsForm, NotesForm
from bookings.guest_pages.page import Visit
from bookings.guest_pages.sentences import sentence_of
from bookings.manage_tokens import is_owner
from bookings.models import Booking, Slot
from bookings.states import SEATED, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import DomainError, NotFound, RateLimited, retry_seconds
from venues.models import ConfirmationMode


def choose(
    visit: Visit,
    wish: Wish,
    refused: DomainError | None = None,
    *,
    told: str = "",
    others: list[Slot] | None = None,
) -> HttpResponse:
    """The calendar and a day's times; for htmx that part alone.

    Args:
        refused: why the visitor is here again.
        told: what else is to be said above.
        others: times to offer instead of one that is not to be had; None where none was.
    """
    choice = choice_of(venue=visit.venue, wish=wish)
    content = {
        "choice": choice,
        "nonce": uuid4().hex,
        "told": sentence_of(refused) if refused else told,
        "others": others,
        "held": _held(visit) if visit.request.method == "GET" else None,
        "query": urlencode({"party": choice.party} | _length(choice.length)),
    }
    is_part = bool(visit.request.headers.get("HX-Request")) and refused is None
    response = visit.show(
        "choice" if is_part else "venue", content, refused.status if refused else 200
    )
    if isinstance(refused, RateLimited):
        response.headers["Retry-After"] = str(retry_seconds(refused.wait))
    return response


def _length(length: int) -> dict[str, int]:
    return {"length": length} if length > 1 else {}


def _held(visit: Visit) -> dict[str, Any] | None:
    """What this browser holds at the venue, if the hold has not lapsed."""
    state = visit.request.COOKIES.get(visits.COOKIE)
    if visit.framed or not state:
        return None
    try:
        booking = visits.booking_of(state, actor=visit.actor, venue=visit.venue)
    except NotFound:
        return None
    is_held = booking.status_at(now()) == BookingStatus.HELD
    return {"booking": booking, "state": visits.state_of(booking)} if is_held else None


def ask(
    visit: Visit,
    booking: Booking,
    form: DetailsForm | NotesForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Who comes, for what is held; whatever has become of it where it is held no more.

    Args:
        form: what was sent already, with what is wrong about it.
    """
    moment = now()
    match booking.status_at(moment):
        case BookingStatus.HELD:
            pass
        case BookingStatus.EXPIRED:
            return _ran_out(visit, booking)
        case BookingStatus.CANCELLED:
            return HttpResponseRedirect(visit.home)
        case _:
            return show(visit, booking, is_step=True)
    content = {
        "booking": booking,
        "state": visits.state_of(booking),
        "form": form or visit.form(booking),
        "by_account": visit.books_by_account(booking),
        "now": moment,
    }
    response = visit.show("details", content, status)
    if not visit.framed:
        visits.keep(response, booking, moment)
    return response


def _ran_out(visit: Visit, booking: Booking) -> HttpResponse:
    """Whoever took too long sees what is still there."""
    there = Wish(booking.guest_count, visit.venue.local(booking.starts_at).date())
    told = _("Your time ran out, and the seats were given back. Please choose again.")
    response = choose(visit, there, told=told)
    visits.forget(response, visit.venue)
    return response


def show_booking(request: HttpRequest, booking: Booking, owner: Actor) -> HttpResponse:
    """A booking of a public venue on the venue's page, to whoever has shown that it is theirs."""
    state, venue = visits.state_of(booking), booking.venue
    found = visits.booking_of(state, actor=owner, venue=venue)
    return show(Visit(request, venue, False, person_of(request)), found)


def show(
    visit: Visit,
    booking: Booking,
    *,
    told: str = "",
    is_step: bool = False,
    template: str = "booking",
    status: int = 200,
) -> HttpResponse:
    """The booking: its code, when and where, and what can be done with it.

    Args:
        is_step: whether the visitor has just made it, and is shown so.
    """
    moment = now()
    kind = booking.status_at(moment)
    can_end = kind in {BookingStatus.PENDING, BookingStatus.CONFIRMED}
    content = {
        "booking": booking,
        "state": visits.state_of(booking),
        "kind": kind.value,
        "is_awaited": kind == BookingStatus.PENDING,
        "is_manual": visit.venue.confirmation_mode == ConfirmationMode.MANUAL,
        "stands": kind in SEATED,
        # Whoever booked by an account cancels by it.
        "can_cancel": can_end
        and is_owner(visits.owner_of(booking, visit.actor), booking)
        and booking.starts_at - moment >= visit.venue.cancellation_cutoff,
        "told": told,
        "is_step": is_step,
    }
    return visit.show(template, content, status)


def query_of(booking: Booking) -> str:
    """The booking's day and party, for the address of the calendar."""
    day = booking.venue.local(booking.starts_at).date()
    return urlencode({"date": day.isoformat(), "party": str(booking.guest_count)})
