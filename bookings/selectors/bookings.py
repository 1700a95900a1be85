"""Reading bookings. What is out of the actor's reach is NotFound."""

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.person import clean_email
from accounts.selectors import current_user, works_at, works_at_condition
from bookings.manage_tokens import hash_of, is_owner
from bookings.models import Booking, BookingSlot, Guest, Slot
from bookings.selectors.availability import check_days
from bookings.selectors.search import matches
from bookings.selectors.seats import free_lapsed_seats
from bookings.states import BookingStatus
from reserve.core.clock import now as process_now
from reserve.core.errors import Forbidden, Invalid, NotFound
from reserve.core.pages import Ordering, Page, page_of, read_instant
from reserve.core.ratelimit.attempts import Attempt, charge_attempt
from venues.schedule import day_bounds
from venues.selectors import visible_venue

# As people write them down, and read them out.
_SEPARATORS = re.compile(r"[\s-]", re.ASCII)
_CODE = re.compile(r"[A-Z0-9]{8}")


def slot_count_of(*, booking_id: UUID) -> int:
    """How many slots a booking has, read without a lock; 1 where there is no such booking."""
    return BookingSlot.objects.filter(booking_id=booking_id).count() or 1


def guests_by_id(ids: Collection[UUID]) -> dict[UUID, Guest]:
    return Guest.objects.in_bulk(ids)


def bookings_visible_to(actor: Actor) -> QuerySet[Booking]:
    """The actor's own bookings and those of the venues where they work."""
    if actor.is_system:
        return Booking.objects.all()
    reach = Q(pk__in=())
    if actor.manage_token is not None:
        reach |= Q(manage_token_hash=hash_of(actor.manage_token))
    if actor.user_id is not None:
        reach |= Q(customer_id=actor.user_id) | Q(works_at_condition(actor.user_id))
    return Booking.objects.filter(reach)


def visible_booking(*, actor: Actor, booking_id: UUID) -> Booking:
    """Raises NotFound where the booking is not the actor's to see."""
    bookings = bookings_visible_to(actor).select_related("venue", "resource", "guest")
    booking = bookings.filter(pk=booking_id).first()
    if booking is None:
        raise NotFound
    return booking


def managed_booking(*, actor: Actor, booking_id: UUID) -> Booking:
    """A booking whose secret the actor has. Raises NotFound where it has another, or none."""
    booking = Booking.objects.filter(pk=booking_id).select_related("venue").first()
    if booking is None or not is_owner(actor, booking):
        raise NotFound
    return booking


def booking_by_code(*, confirmation_code: str, email: str) -> Booking:
    """The booking of whoever knows its code and its guest's e-mail address.

    Each look-up counts as an attempt, of the address that is tried and of the client.

    Raises:
        Invalid: a code or an address that cannot be one.
        TooManyAttempts: too many look-ups a minute.
        NotFound: no such code, or another guest's: the two look alike.
    """
    code = _SEPARATORS.sub("", confirmation_code).upper()
    if not _CODE.fullmatch(code):
        raise Invalid.field("confirmation_code", "This must be 8 letters and digits.")
    address = clean_email(email)
    charge_attempt(Attempt.CODE_LOOKUP, account=address)
    # One statement with both, which takes as long whichever of them is wrong.
    bookings = Booking.objects.select_related("venue", "resource", "guest")
    booking = bookings.filter(confirmation_code=code, guest__email__iexact=address).first()
    if booking is None:
        raise NotFound
    return booking


def my_bookings(
    *,
    actor: Actor,
    status: BookingStatus | None = None,
    starts_from: datetime | None = None,
    starts_before: datetime | None = None,
    ordering: Ordering | None = None,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Booking]:
    """A page of the bookings that the actor's account made, the newest first.

    Args:
        starts_from: only bookings that start at this instant (aware) or later.
        starts_before: only bookings that start before this one.
        ordering: by `created_at` or `starts_at` instead.

    Raises:
        Unauthenticated: nobody is logged in.
        Invalid: a page size or cursor that makes no sense.
    """
    bookings = Booking.objects.filter(customer=current_user(actor=actor))
    if starts_from is not None:
        bookings = bookings.filter(starts_at__gte=starts_from)
    if starts_before is not None:
        bookings = bookings.filter(starts_at__lt=starts_before)
    order, is_descending = ordering or Ordering("created_at", is_descending=True)
    return page_of(
        _in_status(bookings, status).select_related("venue", "resource", "guest"),
        order=order,
        is_descending=is_descending,
        read=read_instant,
        first=first,
        after=after,
        before=before,
    )


def venue_bookings(
    *,
    actor: Actor,
    venue_id: UUID,
    day: date | None = None,
    status: BookingStatus | None = None,
    search: str = "",
    is_descending: bool | None = None,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Booking]:
    """A page of a venue's bookings, for its staff.

    Args:
        day: only bookings that start on this day of the venue's calendar, in order of
            their start. Without it those that start last come first.
        is_descending: whether they do, with or without a day.
        search: a confirmation code or its beginning, words of the guest's name or e-mail
            address in any order, or their phone number; the last word may be a beginning.

    Raises:
        Unauthenticated: nobody is logged in.
        NotFound: the venue is not the actor's to see.
        Forbidden: they see it, but do not work there.
        Invalid: no such day, text that is too long, a page size or cursor that makes no sense.
    """
    if not actor.is_system:
        current_user(actor=actor)
    venue = visible_venue(actor=actor, venue_id=venue_id)
    if not works_at(actor=actor, organization_id=venue.organization_id, venue_id=venue.pk):
        raise Forbidden
    bookings = Booking.objects.filter(venue=venue)
    if day is not None:
        check_days(date=day)
        begins_at, ends_at = day_bounds(day, venue.zone)
        bookings = bookings.filter(starts_at__gte=begins_at, starts_at__lt=ends_at)
    if search.strip():
        bookings = bookings.filter(matches(search, organization_ids=[venue.organization_id]))
    return page_of(
        _in_status(bookings, status).select_related("venue", "resource", "guest"),
        order="starts_at",
        is_descending=day is None if is_descending is None else is_descending,
        read=read_instant,
        first=first,
        after=after,
        before=before,
    )


def _in_status(bookings: QuerySet[Booking], status: BookingStatus | None) -> QuerySet[Booking]:
    """Those that everybody sees in a status: a lapsed hold is EXPIRED, swept or not."""
    if status is None:
        return bookings
    lapsed = Q(status=BookingStatus.HELD, hold_expires_at__lte=process_now())
    if status == BookingStatus.EXPIRED:
        return bookings.filter(Q(status=status) | lapsed)
    return bookings.filter(status=status).exclude(lapsed)


def lapsed_hold_ids(*, limit: int) -> list[UUID]:
    """Holds whose time is over and that nobody has expired yet, oldest first."""
    lapsed = Booking.objects.filter(status=BookingStatus.HELD, hold_expires_at__lte=process_now())
    return list(lapsed.order_by("hold_expires_at").values_list("pk", flat=True)[:limit])


def unanswered_booking_ids(*, limit: int) -> list[UUID]:
    """Pending bookings whose slot has started."""
    unanswered = Booking.objects.filter(status=BookingStatus.PENDING, starts_at__lte=process_now())
    return list(unanswered.order_by("starts_at").values_list("pk", flat=True)[:limit])


def bookings_by_id(ids: Sequence[UUID]) -> dict[UUID, Booking]:
    return Booking.objects.in_bulk(ids)


def slots_of_bookings(ids: Sequence[UUID]) -> dict[UUID, list[Slot]]:
    """The slots of each booking, in order of their start."""
    slots: dict[UUID, list[Slot]] = {booking_id: [] for booking_id in ids}
    links = BookingSlot.objects.filter(booking_id__in=ids).select_related(
        "slot__resource", "slot__venue"
    )
    for link in links.order_by("slot__starts_at"):
        slots[link.booking_id].append(link.slot)
    free_lapsed_seats([slot for found in slots.values() for slot in found], process_now())
    return slots
