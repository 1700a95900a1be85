"""Guests of an organization: found again by their account, or written down anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from bookings.models import Booking, Guest


@dataclass(frozen=True, slots=True)
class GuestDetails:
    """The person a booking is for, where that is not simply the caller's account."""

    name: str
    email: str = ""
    phone: str = ""
    locale: str = "en"


def assign_guests(created: Sequence[tuple[Booking, GuestDetails | None]]) -> None:
    """Give each new booking its guest, in a constant number of statements."""
    named = [(booking, details) for booking, details in created if details is not None]
    of_accounts = [booking for booking, details in created if details is None]
    guests = [
        Guest(
            organization_id=booking.organization_id,
            name=details.name,
            email=details.email,
            phone=details.phone,
            locale=details.locale,
        )
        for booking, details in named
    ]
    if guests:
        Guest.objects.bulk_create(guests)
    for (booking, _), guest in zip(named, guests, strict=True):
        booking.guest = guest
    if of_accounts:
        _assign_guests_of_accounts(of_accounts)


def _assign_guests_of_accounts(bookings: Sequence[Booking]) -> None:
    pairs = {_pair(booking) for booking in bookings}
    known = _guests_of(pairs)
    if missing := pairs - known.keys():
        users = User.objects.in_bulk({account_id for _, account_id in missing})
        # Another process may write the same guest at this moment: then its row
        # counts, and is read below.
        Guest.objects.bulk_create(
            (
                Guest(
                    organization_id=organization_id,
                    account=users[account_id],
                    name=users[account_id].name,
                    email=users[account_id].email,
                    phone=users[account_id].phone,
                    locale=users[account_id].locale,
                )
                for organization_id, account_id in sorted(missing)
            ),
            ignore_conflicts=True,
        )
        known |= _guests_of(missing)
    for booking in bookings:
        booking.guest = known[_pair(booking)]


def _pair(booking: Booking) -> tuple[UUID, UUID]:
    assert booking.customer_id is not None
    return booking.organization_id, booking.customer_id


def _guests_of(pairs: set[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Guest]:
    guests = Guest.objects.filter(
        organization_id__in={organization_id for organization_id, _ in pairs},
        account_id__in={account_id for _, account_id in pairs},
    )
    return {
        (guest.organization_id, guest.account_id): guest
        for guest in guests
        if guest.account_id is not None
    }
