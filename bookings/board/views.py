"""The board's pages: whole ones for browsers, and their parts for htmx."""

from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.actors import Actor
from accounts.staff_pages import staff_page
from bookings import states
from bookings.board.figures import bars
from bookings.board.reading import Board, board_of, slot_on_board
from bookings.board.timeline import rows_of, times_of
from bookings.guests import GuestDetails
from bookings.models import Booking, Slot
from bookings.rules import MAX_GUEST_COUNT
from bookings.services.bookings import apply_transition
from bookings.services.walk_ins import seat_walk_in
from reserve.core.errors import DomainError, Forbidden, Invalid, NotFound
from venues.models import Venue
from venues.selectors import venues_worked_at

# Party sizes that a walk-in is seated with by one click.
_QUICK_SIZES = 8

VERBS = {
    "check-in": states.CHECK_IN,
    "undo-check-in": states.UNDO_CHECK_IN,
    "no-show": states.MARK_NO_SHOW,
    "complete": states.COMPLETE,
    "approve": states.APPROVE,
    "decline": states.DECLINE,
    "cancel": states.CANCEL,
}


@require_GET
@staff_page
def choose(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Lead to the board of the only venue, or let one choose."""
    venues = venues_worked_at(actor)
    if len(venues) == 1:
        return HttpResponseRedirect(reverse("board", args=[venues[0].public_id]))
    return render(request, "board/venues.html", {"venues": venues})


@require_GET
@staff_page
def page(request: HttpRequest, actor: Actor, venue_id: str) -> HttpResponse:
    """The whole board of a day."""
    try:
        board = _board(request, actor, venue_id)
    except DomainError as refused:
        return _refusal_page(request, refused)
    context = _context(board) | {"venues": venues_worked_at(actor)}
    return render(request, "board/page.html", context)


@require_GET
@staff_page
def part(request: HttpRequest, actor: Actor, venue_id: str) -> HttpResponse:
    """What changes of the board, for the page to put in place of what it has."""
    try:
        return render(request, "board/board.html", _context(_board(request, actor, venue_id)))
    except DomainError as refused:
        return HttpResponse(refused.text, status=_status(refused), content_type="text/plain")


@require_GET
@staff_page
def slot(request: HttpRequest, actor: Actor, venue_id: str, slot_id: str) -> HttpResponse:
    """Who is on a slot, and the buttons to seat somebody."""
    try:
        return _slot_panel(request, actor, venue_id, slot_id)
    except DomainError as refused:
        return HttpResponse(refused.text, status=_status(refused), content_type="text/plain")


@require_POST
@staff_page
def act(
    request: HttpRequest, actor: Actor, venue_id: str, booking_id: str, verb: str
) -> HttpResponse:
    """Check in, approve, cancel and so on; answers the board as it is then."""
    if verb not in VERBS:
        return HttpResponse(_("There is no such action."), status=404, content_type="text/plain")
    told = ""
    try:
        apply_transition(
            actor=actor,
            booking_id=Booking.parse_id(booking_id),
            transition=VERBS[verb],
            reason=request.POST.get("reason", ""),
        )
    except DomainError as refused:
        told = refused.text
    return _after(request, actor, venue_id, told)


@require_POST
@staff_page
def walk_in(request: HttpRequest, actor: Actor, venue_id: str, slot_id: str) -> HttpResponse:
    """Seat a party at the door; answers the slot's panel as it is then."""
    told = ""
    try:
        seat_walk_in(
            actor=actor,
            venue_id=Venue.parse_id(venue_id),
            slot_id=Slot.parse_id(slot_id),
            guest_count=_party_of(request.POST.get("guest_count", "")),
            guest=GuestDetails(name=request.POST.get("name", "").strip() or _("Walk-in")),
        )
    except DomainError as refused:
        told = refused.text
    if not request.headers.get("HX-Request"):
        return _after(request, actor, venue_id, told)
    return _slot_panel(request, actor, venue_id, slot_id, told)


def _after(request: HttpRequest, actor: Actor, venue_id: str, told: str) -> HttpResponse:
    """The board after something was done to it, with what is to be said of that."""
    if not request.headers.get("HX-Request"):
        # A browser without scripts comes back to the whole page.
        query = {"date": request.POST["date"]} if request.POST.get("date") else {}
        address = reverse("board", args=[venue_id])
        return HttpResponseRedirect(f"{address}?{urlencode(query)}" if query else address)
    try:
        board = _board(request, actor, venue_id)
    except DomainError as refused:
        return HttpResponse(refused.text, status=_status(refused), content_type="text/plain")
    return render(request, "board/board.html", _context(board) | {"told": told})


def _slot_panel(
    request: HttpRequest, actor: Actor, venue_id: str, slot_id: str, told: str = ""
) -> HttpResponse:
    board, found = slot_on_board(
        actor=actor, venue_id=Venue.parse_id(venue_id), slot_id=Slot.parse_id(slot_id)
    )
    largest = found.capacity if found.resource.is_exclusive else found.remaining
    can_seat = not found.is_closed and found.remaining > 0 and found.ends_at > board.now
    context = {
        "board": board,
        "slot": found,
        "bookings": board.seated_on.get(found.pk, []),
        "sizes": range(1, min(largest, _QUICK_SIZES) + 1) if can_seat else (),
        "largest": min(largest, MAX_GUEST_COUNT),
        "told": told,
    }
    return render(request, "board/slot.html", context)


def _board(request: HttpRequest, actor: Actor, venue_id: str) -> Board:
    asked = request.GET.get("date") or request.POST.get("date")
    try:
        day = date.fromisoformat(asked) if asked else None
    except ValueError:
        raise Invalid.field("date", "This must be a date, as 2025-04-15.") from None
    return board_of(actor=actor, venue_id=Venue.parse_id(venue_id), day=day)


def _context(board: Board) -> dict[str, Any]:
    today = board.venue.local(board.now).date()
    return {
        "board": board,
        "venue": board.venue,
        "times": times_of(board),
        "rows": rows_of(board),
        "pending": board.in_status(states.BookingStatus.PENDING),
        "present": board.in_status(states.BookingStatus.CHECKED_IN),
        "day_bars": bars(board.loads_by_start),
        "week_bars": bars(board.week),
        "is_today": board.day == today,
        "today": today,
        "yesterday": board.day - timedelta(days=1),
        "tomorrow": board.day + timedelta(days=1),
    }


def _party_of(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_GUEST_COUNT)):
        raise Invalid.field("guest_count", f"This must be from 1 to {MAX_GUEST_COUNT}.")
    return int(text)


def _status(refused: DomainError) -> int:
    if isinstance(refused, NotFound):
        return 404
    return 403 if isinstance(refused, Forbidden) else 400


def _refusal_page(request: HttpRequest, refused: DomainError) -> HttpResponse:
    return render(request, "board/refused.html", {"text": refused.text}, status=_status(refused))
