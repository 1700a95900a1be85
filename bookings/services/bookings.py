"""What can be done with bookings. Each goes through the desk."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from accounts.actors import ANONYMOUS, SYSTEM, Actor
from bookings import selectors
from bookings.batches import Outcome
from bookings.desk import desk
from bookings.guests import VISITOR, GuestDetails, clean_guest
from bookings.models import Booking
from bookings.requests.change import (
    ApplyTransition,
    ChangeParty,
    ConfirmHold,
    ExpireHold,
    MoveToSlot,
)
from bookings.requests.create import SeatsWanted, TakeSeats
from bookings.requests.imported import ImportBooking
from bookings.rules import MAX_GUEST_COUNT, MAX_SLOT_COUNT
from bookings.states import APPROVE, CONFIRM, DECLINE, BookingStatus, Transition
from reserve.core.errors import Invalid, Unauthenticated
from reserve.core.text import clean_text

MAX_NOTES = 2_000
MAX_REASON = 500


def create_hold(*, actor: Actor, seats: SeatsWanted) -> Booking:
    """Take seats until the hold lapses.

    Raises:
        Unauthenticated: there is nobody to book for.
        Invalid: a number or text that makes no sense.
        SlotUnavailable: too few seats remain.
        SlotBusy: the slot stayed locked too long; safe to retry.

    The other refusals of `bookings.errors` tell of the venue's rules.
    """
    return desk.submit(_taking(actor, seats, BookingStatus.HELD))


async def acreate_hold(*, actor: Actor, seats: SeatsWanted) -> Booking:
    """`create_hold` from an event loop."""
    return await desk.submit_async(_taking(actor, seats, BookingStatus.HELD))


def hold_for_visitor(*, seats: SeatsWanted) -> Booking:
    """Take seats for somebody without an account who says only later who they are.

    `confirm_hold` wants it said. Refuses as `create_hold` does.
    """
    return desk.submit(_taking(ANONYMOUS, replace(seats, guest=VISITOR), BookingStatus.HELD))


def create_booking(*, actor: Actor, seats: SeatsWanted) -> Booking:
    """Book seats; the queue or the venue's staff confirm. Refuses as `create_hold` does."""
    return desk.submit(_taking(actor, seats, BookingStatus.PENDING))


async def acreate_booking(*, actor: Actor, seats: SeatsWanted) -> Booking:
    """`create_booking` from an event loop."""
    return await desk.submit_async(_taking(actor, seats, BookingStatus.PENDING))


def _taking(actor: Actor, seats: SeatsWanted, status: BookingStatus) -> TakeSeats:
    if actor.user_id is None and seats.guest is None:
        raise Unauthenticated("Log in, or say who the booking is for.")
    _check_guest_count(seats.guest_count)
    if not 1 <= seats.slot_count <= MAX_SLOT_COUNT:
        raise Invalid.field("slot_count", f"This must be from 1 to {MAX_SLOT_COUNT}.")
    guest = _cleaned(actor, seats.guest)
    notes = clean_text(seats.notes, field="notes", maximum=MAX_NOTES)
    # Most are as they should be, and a copy costs as much as looking.
    if guest is not seats.guest or notes != seats.notes:
        seats = replace(seats, guest=guest, notes=notes)
    return TakeSeats(actor, seats, status)


def apply_transition(
    *, actor: Actor, booking_id: UUID, transition: Transition, reason: str = ""
) -> Booking:
    """Move a booking along the state machine: confirm, cancel, approve, check in and so on.

    Raises:
        NotFound: out of the actor's reach.
        Forbidden: theirs to see, not theirs to do.
        InvalidState: the present status does not allow it.
        HoldExpired: it is a hold that lapsed.
        OutsideCancellationWindow: too late for a customer to cancel.
    """
    return desk.submit(_moving(actor, booking_id, transition, reason))


async def aapply_transition(
    *, actor: Actor, booking_id: UUID, transition: Transition, reason: str = ""
) -> Booking:
    """`apply_transition` from an event loop."""
    return await desk.submit_async(_moving(actor, booking_id, transition, reason))


def _moving(actor: Actor, booking_id: UUID, transition: Transition, reason: str) -> ApplyTransition:
    return ApplyTransition(actor, booking_id, transition, _reason(reason))


def confirm_hold(*, actor: Actor, booking_id: UUID, guest: GuestDetails | None = None) -> Booking:
    """Turn a hold into a booking; `guest` says who comes, where that is now another person.

    Raises:
        Forbidden: whoever holds for their own account names somebody else.

    Refuses as `apply_transition` does.
    """
    return desk.submit(_confirming(actor, booking_id, guest))


async def aconfirm_hold(
    *, actor: Actor, booking_id: UUID, guest: GuestDetails | None = None
) -> Booking:
    """`confirm_hold` from an event loop."""
    return await desk.submit_async(_confirming(actor, booking_id, guest))


def _confirming(actor: Actor, booking_id: UUID, guest: GuestDetails | None) -> ConfirmHold:
    return ConfirmHold(actor, booking_id, CONFIRM, guest=_cleaned(actor, guest))


def reschedule_booking(
    *, actor: Actor, booking_id: UUID, slot_id: UUID, reason: str = ""
) -> Booking:
    """Move a booking to another slot of its venue, and to as many after it as it has now.

    One transaction: the old seats go back only if the new ones are had. Its id
    and code stay. Refuses as `create_hold` and `apply_transition` do.
    """
    return desk.submit(MoveToSlot(actor, booking_id, slot_id, _reason(reason)))


async def areschedule_booking(*, actor: Actor, booking_id: UUID, slot_id: UUID) -> Booking:
    """`reschedule_booking` from an event loop."""
    return await desk.submit_async(MoveToSlot(actor, booking_id, slot_id))


def update_booking(
    *,
    actor: Actor,
    booking_id: UUID,
    guest_count: int | None = None,
    notes: str | None = None,
    reason: str = "",
) -> Booking:
    """Change the size of a party, or the notes; None leaves either as it is."""
    return desk.submit(_changing(actor, booking_id, guest_count, notes, reason))


async def aupdate_booking(
    *, actor: Actor, booking_id: UUID, guest_count: int | None = None, notes: str | None = None
) -> Booking:
    """`update_booking` from an event loop."""
    return await desk.submit_async(_changing(actor, booking_id, guest_count, notes))


def _changing(
    actor: Actor, booking_id: UUID, guest_count: int | None, notes: str | None, reason: str = ""
) -> ChangeParty:
    if guest_count is not None:
        _check_guest_count(guest_count)
    if notes is not None:
        notes = clean_text(notes, field="notes", maximum=MAX_NOTES)
    return ChangeParty(actor, booking_id, guest_count, notes, _reason(reason))


def _reason(text: str) -> str:
    return clean_text(text, field="reason", maximum=MAX_REASON)


def _cleaned(actor: Actor, guest: GuestDetails | None) -> GuestDetails | None:
    """Whoever has no account must be reachable; staff may seat whoever walks in."""
    if guest is None or guest is VISITOR:
        return guest
    return clean_guest(guest, is_reachable=actor.user_id is None and not actor.is_system)


def _check_guest_count(guest_count: int) -> None:
    if not 1 <= guest_count <= MAX_GUEST_COUNT:
        raise Invalid.field("guest_count", f"This must be from 1 to {MAX_GUEST_COUNT}.")


def confirm_automatically(*, causes: Mapping[UUID, str]) -> list[Outcome]:
    """Confirm pending bookings of venues that leave it to the queue.

    Args:
        causes: the bookings, each with the id of the request that made it.
    """
    return desk.submit_all(
        [
            ApplyTransition(SYSTEM, booking_id, APPROVE, request_id=cause)
            for booking_id, cause in causes.items()
        ]
    )


def release_lapsed_holds(*, limit: int = 500) -> int:
    """Give back the seats of holds whose time is over; return how many holds were looked at.

    Tidying only: a lapsed hold's seats can be booked whether this ran or not.
    """
    lapsed = selectors.lapsed_hold_ids(limit=limit)
    desk.submit_all([ExpireHold(booking_id) for booking_id in lapsed])
    return len(lapsed)


def decline_unanswered(*, limit: int = 500) -> int:
    """Decline pending bookings whose slot has started; return how many were looked at."""
    unanswered = selectors.unanswered_booking_ids(limit=limit)
    reason = "Nobody answered before the slot began."
    desk.submit_all(
        [ApplyTransition(SYSTEM, booking_id, DECLINE, reason) for booking_id in unanswered]
    )
    return len(unanswered)


def import_bookings(*, requests: Sequence[ImportBooking]) -> list[Outcome]:
    """Record bookings made elsewhere, each with its own outcome."""
    return desk.submit_all(requests)
