"""Making, reading and changing bookings by REST."""

from collections.abc import Awaitable
from functools import partial
from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings import selectors
from bookings.api.rest.content import (
    BookingSerializer,
    ChangesSerializer,
    RescheduleSerializer,
    SeatsSerializer,
    seats_wanted,
)
from bookings.api.rest.declared import (
    EXAMPLE_SEATS,
    IDEMPOTENT,
    MANAGE,
    TAKEN,
    TAKING,
    holder,
)
from bookings.api.rest.fields import (
    StatusQueryField,
)
from bookings.errors import (
    HoldExpired,
    InvalidState,
    OutsideCancellationWindow,
)
from bookings.models import Booking
from bookings.requests.create import SeatsWanted
from bookings.services import bookings
from reserve.core.errors import Forbidden
from reserve.core.idempotency import IDEMPOTENCY_HEADER
from reserve.core.pages import Page
from reserve.core.rest.later import answer_later
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import OrderingField, PageQuery, page_response, page_schema
from reserve.core.rest.serializers import (
    StrictDateField,
    StrictInstantField,
    body_of,
)
from reserve.core.rest.views import View
from venues.models import Venue


class HoldsView(View):
    @operation(
        "create_hold",
        body=SeatsSerializer,
        example=EXAMPLE_SEATS,
        answers=BookingSerializer,
        status=201,
        refusals=TAKING,
        headers=IDEMPOTENT,
    )
    def post(self, request: Request) -> Response:
        """Take seats for a while, until the hold lapses."""
        actor, seats = actor_of(request), _wanted(request)
        return answer_later(
            request,
            begin=lambda: _awhole(bookings.acreate_hold(actor=actor, seats=seats)),
            wait=partial(bookings.create_hold, actor=actor, seats=seats),
            show=_created,
        )


class _BookingsQuery(PageQuery):
    status = StatusQueryField()


class MyBookingsQuery(_BookingsQuery):
    """Which of one's own bookings."""

    ordering = OrderingField(start_time="starts_at", created_at="created_at")

    def get_fields(self) -> dict[str, Any]:
        bounds = {
            "from": StrictInstantField(
                required=False, help_text="Only bookings that start then or later."
            ),
            "to": StrictInstantField(
                required=False, help_text="Only bookings that start before then."
            ),
        }
        return super().get_fields() | bounds


class VenueBookingsQuery(_BookingsQuery):
    """Which bookings of a venue."""

    date = StrictDateField(
        required=False, help_text="Only those that start on this day of the venue's calendar."
    )
    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=selectors.MAX_SEARCH,
        help_text="A confirmation code or its beginning, words of the guest's name or e-mail"
        " address, or their phone number.",
    )
    ordering = OrderingField(start_time="starts_at")


def _page(request: Request, page: Page[Booking]) -> Response:
    selectors.read_whole(page.items)
    return page_response(request, page, BookingSerializer().to_representation)


class BookingsView(View):
    @operation(
        "list_my_bookings",
        query=MyBookingsQuery,
        answers=page_schema("Booking", BookingSerializer),
        login=Login.REQUIRED,
    )
    def get(self, request: Request) -> Response:
        """The caller's own bookings, the newest first."""
        asked = dict(self.asked)
        page = selectors.my_bookings(
            actor=actor_of(request),
            starts_from=asked.pop("from", None),
            starts_before=asked.pop("to", None),
            **asked,
        )
        return _page(request, page)

    @operation(
        "create_booking",
        body=SeatsSerializer,
        example=EXAMPLE_SEATS,
        answers=BookingSerializer,
        status=201,
        refusals=TAKING,
        headers=IDEMPOTENT,
    )
    def post(self, request: Request) -> Response:
        """Book seats; the venue's queue or staff confirm."""
        actor, seats = actor_of(request), _wanted(request)
        return answer_later(
            request,
            begin=lambda: _awhole(bookings.acreate_booking(actor=actor, seats=seats)),
            wait=partial(bookings.create_booking, actor=actor, seats=seats),
            show=_created,
        )


class VenueBookingsView(View):
    @operation(
        "list_venue_bookings",
        query=VenueBookingsQuery,
        answers=page_schema("Booking", BookingSerializer),
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def get(self, request: Request, venue: str) -> Response:
        """The bookings of a venue (staff): of a day by their start, otherwise the last first."""
        asked = dict(self.asked)
        ordering = asked.pop("ordering", None)
        page = selectors.venue_bookings(
            actor=actor_of(request),
            venue_id=Venue.parse_id(venue),
            day=asked.pop("date", None),
            is_descending=ordering and ordering.is_descending,
            **asked,
        )
        return _page(request, page)


class BookingView(View):
    @operation("get_booking", answers=BookingSerializer, headers=MANAGE)
    def get(self, request: Request, booking: str) -> Response:
        """A booking, for its owner and the venue's staff."""
        found = selectors.visible_booking(
            actor=holder(request), booking_id=Booking.parse_id(booking)
        )
        return Response(BookingSerializer(found).data)

    @operation(
        "update_booking",
        body=ChangesSerializer,
        example={"guest_count": 5},
        answers=BookingSerializer,
        refusals=(*TAKEN, InvalidState, HoldExpired, OutsideCancellationWindow),
        headers=MANAGE,
    )
    def patch(self, request: Request, booking: str) -> Response:
        """Change the size of the party, or the notes."""
        changed = bookings.update_booking(
            actor=holder(request),
            booking_id=Booking.parse_id(booking),
            **body_of(request, ChangesSerializer),
        )
        return Response(BookingSerializer(changed).data)


class RescheduleView(View):
    @operation(
        "reschedule_booking",
        body=RescheduleSerializer,
        example={"slot_id": "slot_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"},
        answers=BookingSerializer,
        refusals=(*TAKEN, InvalidState, HoldExpired, OutsideCancellationWindow),
        headers=MANAGE,
    )
    def post(self, request: Request, booking: str) -> Response:
        """Move a booking; the old seats go back only if the new ones are had."""
        moved = bookings.reschedule_booking(
            actor=holder(request),
            booking_id=Booking.parse_id(booking),
            slot_id=body_of(request, RescheduleSerializer)["slot_id"],
        )
        return Response(BookingSerializer(moved).data)


def _wanted(request: Request) -> SeatsWanted:
    return seats_wanted(body_of(request, SeatsSerializer), request.headers.get(IDEMPOTENCY_HEADER))


# Making one costs more than what it does, and it keeps nothing of what it has shown.
_BOOKING = BookingSerializer()


async def _awhole(creation: Awaitable[Booking]) -> Booking:
    booking = await creation
    await selectors.aread_whole(booking)
    return booking


def _created(booking: Booking) -> Response:
    location = reverse("booking", kwargs={"booking": booking.public_id})
    content = _BOOKING.to_representation(booking)
    return Response(content, status=201, headers={"Location": location})
