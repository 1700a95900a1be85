"""The steps of a booking: choose, hold, say who you are, and have it confirmed.

Each is a form that works without scripts. A step answers with the page of the next one
and not by leading there: what the next one must know is in the form that leads to it, and
no address names a booking. Reloading sends the form again, which each step bears.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import ANONYMOUS, Actor, account
from accounts.browser_login import login_address, person_of, refuse_forged
from accounts.models import User
from bookings.guest_pages import visits
from bookings.guest_pages.calendar_file import calendar_file
from bookings.guest_pages.choice import Wish, alternatives, choice_of
from bookings.guest_pages.forms import DetailsForm, LookUpForm, NotesForm
from bookings.guest_pages.sentences import TAKEN, sentence_of
from bookings.manage_tokens import is_owner
from bookings.models import Booking, Slot
from bookings.requests.create import SeatsWanted
from bookings.selectors import booking_by_code, visible_slot
from bookings.services.bookings import (
    apply_transition,
    confirm_hold,
    create_hold,
    hold_for_visitor,
    update_booking,
)
from bookings.states import CANCEL, SEATED, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid, NotFound, RateLimited, retry_seconds
from reserve.core.ratelimit import Attempt, charge_attempt
from venues.models import ConfirmationMode, Venue
from venues.selectors import public_venue


@dataclass(frozen=True)
class Visit:
    """A request for a venue's page, alone or in a frame, and who is logged in there."""

    request: HttpRequest
    venue: Venue
    framed: bool
    person: User | None

    @property
    def actor(self) -> Actor:
        return account(self.person.pk) if self.person else ANONYMOUS

    @property
    def home(self) -> str:
        return visits.address("venue", self.venue, framed=self.framed)

    def booking(self) -> Booking:
        """That of the form. Raises NotFound where it is none."""
        state = self.request.POST.get("state", "")
        return visits.booking_of(state, actor=self.actor, venue=self.venue)

    def form(self, booking: Booking, content: Any = None) -> DetailsForm | NotesForm:
        """What is still to be said by whoever will have the booking."""
        return (NotesForm if self.books_by_account(booking) else DetailsForm)(content)

    def books_by_account(self, booking: Booking) -> bool:
        """Whether it is, or on confirming becomes, the booking of who is logged in."""
        return self.person is not None and booking.customer_id in {None, self.person.pk}

    def show(self, template: str, content: dict[str, Any], status: int = 200) -> HttpResponse:
        names = ("venue", "hold", "resume", "confirm", "release", "status", "cancel")
        addresses = {
            name: visits.address(name, self.venue, framed=self.framed)
            for name in (*names, "calendar", "look_up")
        }
        common = {
            "venue": self.venue,
            "framed": self.framed,
            "person": self.person,
            "can_log_in": not self.framed,
            "log_in": login_address(self.home),
            "paths": addresses,
            "language": translation.get_language(),
            "is_rtl": translation.get_language_bidi(),
        }
        page = f"guest_pages/{template}.html"
        return render(self.request, page, common | content, status=status)


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
            return _choose(visit, Wish.read(request.POST), refused)

    return found


# --- Choosing ----------------------------------------------------------------------------


@require_safe
@_page
def venue(visit: Visit) -> HttpResponse:
    """The calendar, and the times of a day; for htmx that part alone."""
    return _choose(visit, Wish.read(visit.request.GET))


def _choose(
    visit: Visit,
    wish: Wish,
    refused: DomainError | None = None,
    *,
    told: str = "",
    others: list[Slot] | None = None,
) -> HttpResponse:
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
        return _choose(visit, there, refused, others=others)
    booking.venue = visit.venue
    return _ask(visit, booking)


@require_POST
@_page
def resume(visit: Visit) -> HttpResponse:
    """Go on with what one holds."""
    return _ask(visit, visit.booking())


def _ask(
    visit: Visit,
    booking: Booking,
    form: DetailsForm | NotesForm | None = None,
    status: int = 200,
) -> HttpResponse:
    moment = now()
    match booking.status_at(moment):
        case BookingStatus.HELD:
            pass
        case BookingStatus.EXPIRED:
            return _ran_out(visit, booking)
        case BookingStatus.CANCELLED:
            return HttpResponseRedirect(visit.home)
        case _:
            return _show(visit, booking)
    content = {
        "booking": booking,
        "state": visits.state_of(booking),
        "form": form or visit.form(booking),
        "by_account": visit.books_by_account(booking),
        "now": moment,
        "again": _query_of(booking),
    }
    response = visit.show("details", content, status)
    if not visit.framed:
        visits.keep(response, booking, moment)
    return response


@require_POST
@_page
def release(visit: Visit) -> HttpResponse:
    """Give back what one holds, and choose again."""
    booking = visit.booking()
    if booking.status == BookingStatus.HELD:
        actor = visits.owner_of(booking, visit.actor)
        apply_transition(actor=actor, booking_id=booking.pk, transition=CANCEL)
    response = HttpResponseRedirect(f"{visit.home}?{_query_of(booking)}")
    visits.forget(response, visit.venue)
    return response


def _query_of(booking: Booking) -> str:
    day = booking.venue.local(booking.starts_at).date()
    return urlencode({"date": day.isoformat(), "party": str(booking.guest_count)})


# --- Confirming ---------------------------------------------------------------------------


@require_POST
@_page
def confirm(visit: Visit) -> HttpResponse:
    """Turn the hold into a booking of whoever they say they are."""
    booking = visit.booking()
    if booking.status_at(now()) != BookingStatus.HELD:
        return _ask(visit, booking)
    form = visit.form(booking, visit.request.POST)
    if not form.is_valid():
        return _ask(visit, booking, form, status=400)
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
        return _ask(visit, booking, form, status=refused.status)
    except DomainError as refused:
        booking = visit.booking()
        form.add_error(None, sentence_of(refused))
        return _ask(visit, booking, form, status=refused.status)
    # With its guest, whom the desk leaves out.
    response = _show(visit, visit.booking())
    visits.forget(response, visit.venue)
    return response


def _ran_out(visit: Visit, booking: Booking) -> HttpResponse:
    """Whoever took too long sees what is still there."""
    there = Wish(booking.guest_count, visit.venue.local(booking.starts_at).date())
    told = _("Your time ran out, and the seats were given back. Please choose again.")
    response = _choose(visit, there, told=told)
    visits.forget(response, visit.venue)
    return response


def show_booking(request: HttpRequest, booking: Booking, owner: Actor) -> HttpResponse:
    """A booking of a public venue on the venue's page, to whoever has shown that it is theirs."""
    state, venue = visits.state_of(booking), booking.venue
    found = visits.booking_of(state, actor=owner, venue=venue)
    return _show(Visit(request, venue, False, person_of(request)), found)


def _show(
    visit: Visit, booking: Booking, *, told: str = "", template: str = "booking", status: int = 200
) -> HttpResponse:
    """The booking: its code, when and where, and what can be done with it."""
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
    }
    return visit.show(template, content, status)


# --- Afterwards -----------------------------------------------------------------------------


@require_POST
@_page
def status(visit: Visit) -> HttpResponse:
    """What the booking has become, for the page to put in place of what it shows."""
    return _show(visit, visit.booking(), template="standing")


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
        return _show(visit, visit.booking(), told=told, status=code)
    return _show(visit, visit.booking())


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
    return _show(visit, booking)
