"""Moving bookings along their state machine by REST."""

from rest_framework.request import Request
from rest_framework.response import Response

from bookings import states
from bookings.api.rest.content import BookingSerializer, ConfirmSerializer, ReasonSerializer
from bookings.api.rest.declared import MANAGE, MOVED, holder
from bookings.errors import (
    BookingLimitReached,
    OutsideCancellationWindow,
)
from bookings.guests import GuestDetails
from bookings.models import Booking
from bookings.services import bookings
from bookings.states import Transition
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.serializers import (
    body_of,
)
from reserve.core.rest.views import View


class ConfirmView(View):
    @operation(
        "confirm_booking",
        body=ConfirmSerializer,
        example={"guest": {"name": "Ada Lovelace", "email": "ada@example.com"}},
        answers=BookingSerializer,
        refusals=(*MOVED, BookingLimitReached),
        headers=MANAGE,
    )
    def post(self, request: Request, booking: str) -> Response:
        """Turn a hold into a booking."""
        guest = body_of(request, ConfirmSerializer).get("guest")
        confirmed = bookings.confirm_hold(
            actor=holder(request),
            booking_id=Booking.parse_id(booking),
            guest=GuestDetails(**guest) if guest else None,
        )
        return Response(BookingSerializer(confirmed).data)


class TransitionView(View):
    """Moves a booking along the state machine; `transition` says which way."""

    transition: Transition

    def _move(self, request: Request, booking: str) -> Response:
        changed = bookings.apply_transition(
            actor=holder(request),
            booking_id=Booking.parse_id(booking),
            transition=self.transition,
            reason=body_of(request, ReasonSerializer)["reason"],
        )
        return Response(BookingSerializer(changed).data)


class CancelView(TransitionView):
    transition = states.CANCEL

    @operation(
        "cancel_booking",
        body=ReasonSerializer,
        example={"reason": "Ill"},
        answers=BookingSerializer,
        refusals=(*MOVED, OutsideCancellationWindow),
        headers=MANAGE,
    )
    def post(self, request: Request, booking: str) -> Response:
        """Give the seats back."""
        return self._move(request, booking)


class _StaffTransitionView(TransitionView):
    """One that staff make; its name and its sentence are those of the class."""

    operation_name: str

    @operation(
        "move_booking",
        body=ReasonSerializer,
        example={"reason": "As agreed by phone"},
        answers=BookingSerializer,
        login=Login.REQUIRED,
        refusals=MOVED,
    )
    def post(self, request: Request, booking: str) -> Response:
        return self._move(request, booking)


class ApproveView(_StaffTransitionView):
    """Confirm a pending booking (staff)."""

    operation_name, transition = "approve_booking", states.APPROVE


class DeclineView(_StaffTransitionView):
    """Decline a pending booking (staff)."""

    operation_name, transition = "decline_booking", states.DECLINE


class CheckInView(_StaffTransitionView):
    """The party has arrived (staff)."""

    operation_name, transition = "check_in_booking", states.CHECK_IN


class UndoCheckInView(_StaffTransitionView):
    """The party has not arrived after all (staff)."""

    operation_name, transition = "undo_check_in", states.UNDO_CHECK_IN


class NoShowView(_StaffTransitionView):
    """The party did not come (staff)."""

    operation_name, transition = "mark_no_show", states.MARK_NO_SHOW


class CompleteView(_StaffTransitionView):
    """The party has left (staff)."""

    operation_name, transition = "complete_booking", states.COMPLETE
