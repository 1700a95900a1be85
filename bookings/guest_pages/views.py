"""The steps of a booking: choose, hold, say who you are, and have it confirmed.

Each is a form that works without scripts. A step answers with the page of the next one
and not by leading there: what the next one must know is in the form that leads to it, and
no address names a booking. Reloading sends the form again, which each step bears.
"""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.browser_login import person_of, refuse_forged
from bookings.guest_pages import visits
from bookings.guest_pages.calendar_file import calendar_file
from bookings.guest_pages.choice import Wish, alternatives
from bookings.guest_pages.forms import LookUpForm
from bookings.guest_pages.page import Visit
from bookings.guest_pages.sentences import TAKEN, sentence_of
from bookings.guest_pages.shown import ask, choose, query_of, show
from bookings.models import Slot
from bookings.requests.create import SeatsWanted
from bookings.selectors import booking_by_code, visible_slot
from bookings.services.bookings import (
    apply_transition,
    confirm_hold,
    create_hold,
    hold_for_visitor,
    update_booking,
)
from bookings.states import CANCEL, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid, NotFound, RateLimited, retry_seconds
from reserve.core.ratelimit import Attempt, charge_attempt
from venues.selectors import public_venue


def _page(view: Callable[[Visit], HttpResponse]) -> Callable[..., HttpResponse]:
    """A view of a public venue; of any other, and of none, the same refusal."""

    @never_cache
    @visits.in_their_language
    @wraps(view)
    def found(
        request: HttpRequest, organization_slug: str, venue_slug: str, *, framed: bool
    ) -> HttpResponse:
        try:
            found_venue = public_venue(organization_slug=organization_slug, venue_slug=venue_slug)
        except NotFound:
            language = {"language": translation.get_language(), "framed": framed}
            return render(request, "guest_pages/none.html", language, status=404)
        # Frames belong to other sites, and act for nobody who is logged in.
        person = None if framed else person_of(request)
        if person and request.method == "POST" and (forged := refuse_forged(request)):
            return forged
        visit = Visit(request, found_venue, framed, person)
        try:
            return view(visit)
        except DomainError as refused:
            return choose(visit, Wish.read(request.POST), refused)

    return found


# --- Choosing ----------------------------------------------------------------------------


@require_safe
@_page
def venue(visit: Visit) -> HttpResponse:
    """The calendar, and the times of a day; for htmx that part alone."""
    return choose(visit, Wish.read(visit.request.GET))


# --- Holding ------------------------------------------------------------------------------


@require_POST
@_page
def hold(visit: Visit) -> HttpResponse:
    """Take the seats, and ask who comes."""
    form = visit.request.POST
    wish = Wish.read(form)
    slot = visible_slot(
        actor=visit.actor, venue_id=visit.venue.pk, slot_id=Slot.parse_id(form.get("slot", ""))
    )
    wanted = SeatsWanted(
        visit.venue.pk,
        slot.pk,
        wish.party or visit.venue.minimum_party_size,
        slot_count=wish.length,
        # The same page and the same time are the same hold, however often it is sent.
        idempotency_key=f"{form.get('nonce', '')[:32]}.{slot.pk.hex}.{wish.party}.{wish.length}",
    )
    try:
        charge_attempt(Attempt.HOLD)
        if visit.person:
            booking = create_hold(actor=visit.actor, seats=wanted)
        else:
            booking = hold_for_visitor(seats=wanted)
    except TAKEN as refused:
        day = visit.venue.local(slot.starts_at).date()
        others = alternatives(
            venue=visit.venue,
            starts_at=slot.starts_at,
            party=wanted.guest_count,
            length=wanted.slot_count,
        )
        there = Wish(wanted.guest_count, day, length=wanted.slot_count)
        return choose(visit, there, refused, others=others)
    booking.venue = visit.venue
    return ask(visit, booking)


@require_POST
@_page
def resume(visit: Visit) -> HttpResponse:
    """Go on with what one holds."""
    return ask(visit, visit.booking())


@require_POST
@_page
def release(visit: Visit) -> HttpResponse:
    """Give back what one holds, and choose again."""
    booking = visit.booking()
    if booking.status == BookingStatus.HELD:
        actor = visits.owner_of(booking, visit.actor)
        apply_transition(actor=actor, booking_id=booking.pk, transition=CANCEL)
    response = HttpResponseRedirect(f"{visit.home}?{query_of(booking)}")
    visits.forget(response, visit.venue)
    return response


# --- Confirming ---------------------------------------------------------------------------


@require_POST
@_page
def confirm(visit: Visit) -> HttpResponse:
    """Turn the hold into a booking of whoever they say they are."""
    booking = visit.booking()
    if booking.status_at(now()) != BookingStatus.HELD:
        return ask(visit, booking)
    form = visit.form(booking, visit.request.POST)
    if not form.is_valid():
        return ask(visit, booking, form, status=400)
    actor = visits.owner_of(booking, visit.actor)
    try:
        if form.cleaned_data["notes"]:
            update_booking(actor=actor, booking_id=booking.pk, notes=form.cleaned_data["notes"])
        booking = confirm_hold(
            actor=actor,
            booking_id=booking.pk,
            guest=form.guest(translation.get_language() or "en"),
        )
    except Invalid as refused:
        form.refuse(refused, sentence_of(refused))
        return ask(visit, booking, form, status=refused.status)
    except DomainError as refused:
        booking = visit.booking()
        form.add_error(None, sentence_of(refused))
        return ask(visit, booking, form, status=refused.status)
    # With its guest, whom the desk leaves out.
    response = show(visit, visit.booking(), is_step=True)
    visits.forget(response, visit.venue)
    return response


# --- Afterwards -----------------------------------------------------------------------------


@require_POST
@_page
def status(visit: Visit) -> HttpResponse:
    """What the booking has become, for the page to put in place of what it shows."""
    return show(visit, visit.booking(), template="standing")


@require_POST
@_page
def cancel(visit: Visit) -> HttpResponse:
    booking = visit.booking()
    try:
        actor = visits.owner_of(booking, visit.actor)
        apply_transition(actor=actor, booking_id=booking.pk, transition=CANCEL)
    except DomainError as refused:
        # Sent twice, it is what was wanted.
        is_done = booking.status == BookingStatus.CANCELLED
        told, code = ("", 200) if is_done else (sentence_of(refused), refused.status)
        return show(visit, visit.booking(), told=told, status=code)
    return show(visit, visit.booking())


@require_POST
@_page
def calendar(visit: Visit) -> HttpResponse:
    """The booking as a file for one's calendar."""
    booking = visit.booking()
    response = HttpResponse(calendar_file(booking, now()), content_type="text/calendar")
    name = f"{visit.venue.slug}-{booking.confirmation_code}.ics"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@_page
def look_up(visit: Visit) -> HttpResponse:
    """Find a booking again by its code and its guest's e-mail address."""
    if visit.request.method != "POST":
        return visit.show("look_up", {"form": LookUpForm()})
    form = LookUpForm(visit.request.POST)
    if not form.is_valid():
        return visit.show("look_up", {"form": form}, 400)
    booking = None
    try:
        booking = booking_by_code(
            confirmation_code=form.cleaned_data["code"], email=form.cleaned_data["email"]
        )
    except (NotFound, Invalid):
        pass
    except RateLimited as refused:
        form.add_error(None, sentence_of(refused))
        response = visit.show("look_up", {"form": form}, refused.status)
        response.headers["Retry-After"] = str(retry_seconds(refused.wait))
        return response
    if booking is None or booking.venue_id != visit.venue.pk:
        form.add_error(None, _("We find no booking with this code and this address here."))
        return visit.show("look_up", {"form": form}, 404)
    booking.venue = visit.venue
    return show(visit, booking)
