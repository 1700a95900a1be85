"""Guests of an organization: found again by their account, or written down anew."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from django.db.models import Q

from accounts.models import User
from accounts.person import clean_person
from bookings.models import Booking, Guest
from reserve.core.errors import Invalid, Unauthenticated

UNREACHABLE = "Give an e-mail address or a phone number."


@dataclass(frozen=True, slots=True)
class GuestDetails:
    """The person a booking is for, where that is not simply the caller's account."""

    name: str
    email: str = ""
    phone: str = ""
    locale: str = "en"

    @property
    def contact(self) -> str:
        """What tells one person from another: the e-mail address, or else the phone."""
        return self.email or self.phone


VISITOR = GuestDetails(name="Visitor")
"""Whoever holds seats and has not said yet who they are: one guest for all of them."""


def can_reach(guest: Guest) -> bool:
    return bool(guest.email or guest.phone)


def require_reachable(guest: Guest) -> None:
    """Raises Invalid where nobody knows how to reach a guest without an account."""
    if not can_reach(guest):
        raise Invalid.field("guest.email", UNREACHABLE)


def clean_guest(guest: GuestDetails, *, is_reachable: bool) -> GuestDetails:
    """A person in the form in which they are stored.

    Args:
        is_reachable: whether there must be an e-mail address or a phone number.

    Raises:
        Invalid: names every field that makes no sense: `guest.name`, `guest.email` and so on.
    """
    given = asdict(guest)
    # No address is none, rather than one that cannot be right.
    if not guest.email.strip():
        del given["email"]
    try:
        cleaned = GuestDetails(**clean_person(**given))
    except Invalid as refused:
        errors = refused.details["errors"]
        raise Invalid(errors={f"guest.{name}": said for name, said in errors.items()}) from None
    if is_reachable and not cleaned.contact:
        raise Invalid.field("guest.email", UNREACHABLE)
    return cleaned


Created = Sequence[tuple[Booking, GuestDetails | None]]


def assign_guests(created: Created) -> None:
    """Give each new booking its guest, in a constant number of statements."""
    _assign_accounts([booking for booking, details in created if details is None])
    _assign_named([(booking, details) for booking, details in created if details is not None])


def forget_guests() -> None:
    """Forget which guests accounts are: somebody may have removed one."""
    _guest_of_account.clear()


# --- Accounts --------------------------------------------------------------------

_Account = tuple[UUID, UUID]
"""An organization and the account of a person."""

_MAXIMUM_KEPT = 50_000
# Guests of accounts that were seen before; their ids never change.
_guest_of_account: dict[_Account, UUID] = {}


def _assign_accounts(bookings: Sequence[Booking]) -> None:
    unknown = {_account(booking) for booking in bookings} - _guest_of_account.keys()
    if unknown:
        if len(_guest_of_account) > _MAXIMUM_KEPT:
            _guest_of_account.clear()
            unknown = {_account(booking) for booking in bookings}
        found = _read_accounts(unknown)
        missing = unknown - found.keys()
        if missing:
            _write_accounts(missing)
            found |= _read_accounts(missing)
        # Written in this very transaction, they are remembered once it is over:
        # the next to ask finds them.
        _guest_of_account.update(
            {account: guest for account, guest in found.items() if account not in missing}
        )
    else:
        found = {}
    for booking in bookings:
        account = _account(booking)
        booking.guest_id = _guest_of_account.get(account) or found[account]


def _account(booking: Booking) -> _Account:
    assert booking.customer_id is not None
    return booking.organization_id, booking.customer_id


def _read_accounts(accounts: set[_Account]) -> dict[_Account, UUID]:
    rows = Guest.objects.filter(
        organization_id__in={organization_id for organization_id, _ in accounts},
        account_id__in={account_id for _, account_id in accounts},
    )
    return {
        (organization_id, account_id): guest_id
        for guest_id, organization_id, account_id in rows.values_list(
            "pk", "organization_id", "account_id"
        )
        if account_id is not None
    }


def _write_accounts(accounts: set[_Account]) -> None:
    users = User.objects.in_bulk({account_id for _, account_id in accounts})
    if len(users) < len({account_id for _, account_id in accounts}):
        raise Unauthenticated
    # Another process may write the same guest at this moment: then its row counts.
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
            for organization_id, account_id in sorted(accounts)
        ),
        ignore_conflicts=True,
    )


# --- People without an account -----------------------------------------------------

_Person = tuple[UUID, str, str, str]
"""An organization, and who is the same person there: name, e-mail address, phone."""


def _assign_named(named: Sequence[tuple[Booking, GuestDetails]]) -> None:
    if not named:
        return
    contacts = {details.contact for _, details in named} - {""}
    same = Q(email__in=contacts) | Q(email="", phone__in=contacts)
    if any(details == VISITOR for _, details in named):
        same |= Q(name=VISITOR.name, email="", phone="")
    organizations = {booking.organization_id for booking, _ in named}
    known: dict[_Person, UUID] = {
        (guest.organization_id, guest.name, guest.email, guest.phone): guest.pk
        for guest in Guest.objects.filter(same, organization_id__in=organizations, account=None)
    }
    new: list[Guest] = []
    for booking, details in named:
        person = booking.organization_id, details.name, details.email, details.phone
        # Of people whom nobody can reach, none is known to be the same as another.
        if not (details.contact or details == VISITOR) or person not in known:
            new.append(
                Guest(
                    organization_id=booking.organization_id,
                    name=details.name,
                    email=details.email,
                    phone=details.phone,
                    locale=details.locale,
                )
            )
            known[person] = new[-1].pk
        booking.guest_id = known[person]
    Guest.objects.bulk_create(new)
