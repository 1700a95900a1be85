"""What the cases of one round may name: so few things that they often fit together."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import connection

from accounts.actors import Actor, account
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services.logins import open_login
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking, create_hold
from bookings.states import BookingStatus
from reserve.core.clock import now
from reserve.core.ids import new_id
from tests.factories import (
    make_consecutive_slots,
    make_hours,
    make_organization,
    make_resource,
    make_user,
    make_venue,
    seats_on,
)
from venues.models import (
    BookingMode,
    Closure,
    ConfirmationMode,
    OpeningHours,
    SpecialHours,
)

ABSENT = "01HQ3K5W6X7Y8Z9A0B1C2D3E4F"

# Members whose texts are seldom accepted where they are made up.
_TEXTS = {
    "email": ["ada@example.org", "søren@example.org", "Ada@EXAMPLE.org"],
    "phone": ["+45 12 34 56 78", "12", ""],
    "locale": ["en", "da-DK", "xx-yy-zz"],
    "timezone": ["Europe/Copenhagen", "America/New_York", "Mars/Base"],
    "country": ["DK", "US", "dk"],
    "slug": ["a-place", "b"],
    "opens_at": ["09:00", "22:00", "00:00"],
    "closes_at": ["17:00", "02:00", "24:00"],
}

# Statuses that staff meet, set as rows: no clock has to run for them.
_MET = (
    BookingStatus.PENDING,
    BookingStatus.CONFIRMED,
    BookingStatus.CHECKED_IN,
    BookingStatus.NO_SHOW,
    BookingStatus.COMPLETED,
)


class Tokens:
    """The access token of somebody; another one once it is refused: cases log people out."""

    def __init__(self, user: UUID) -> None:
        self._user = user
        self._lock = threading.Lock()
        self._token = ""

    def __call__(self, refused: str = "") -> str:
        """A token; a new one if `refused` is the one that was given before."""
        with self._lock:
            if self._token == refused:
                self._token = open_login(User.objects.get(pk=self._user)).access_token
                # Threads of cases keep no connection of their own.
                if threading.current_thread() is not threading.main_thread():
                    connection.close()
            return self._token


@dataclass
class World:
    """Ids by their prefix, those first that belong together; and who asks."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    days: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    """By the name of the member that they may stand in; the others are made up."""
    actors: dict[str, Tokens | None] = field(default_factory=dict)

    def add(self, *rows: object) -> None:
        for row in rows:
            name = row.public_id  # type: ignore[attr-defined]
            self.ids.setdefault(name.partition("_")[0], []).append(name)


def make_world(*, has_texts: bool) -> World:
    """A customer, a manager and nobody, at two organizations with venues of each kind.

    Args:
        has_texts: whether texts are narrowed to those that are worth trying.
    """
    world = World(texts=_TEXTS if has_texts else {})
    organization = make_organization(slug=new_id().hex)
    customer, manager = (make_user(email=f"{new_id().hex}@example.com") for _ in range(2))
    staff = make_user(email=f"{new_id().hex}@example.com")
    for person, role in ((manager, Role.MANAGER), (staff, Role.STAFF)):
        world.add(Membership.objects.create(organization=organization, user=person, role=role))
    world.add(organization)
    _invite(world, organization)
    slots = _add_venue(world, organization)
    manual_slots = _add_venue(
        world,
        organization,
        confirmation_mode=ConfirmationMode.MANUAL,
        booking_mode=BookingMode.EXCLUSIVE,
    )
    _add_bookings(world, account(customer.pk), [*slots, *manual_slots])
    other = make_organization(slug=new_id().hex)
    world.add(other)
    _add_venue(world, other)
    first = slots[0].starts_at
    world.days = [(first.date() + timedelta(days=ahead)).isoformat() for ahead in (0, 1, 7)]
    world.times = [slot.starts_at.isoformat() for slot in slots[:3]]
    world.actors = {
        "customer": Tokens(customer.pk),
        "manager": Tokens(manager.pk),
        "nobody": None,
    }
    return world


def _invite(world: World, organization: Organization) -> None:
    world.add(
        *(
            Invitation.objects.create(
                organization=organization,
                email=f"{new_id().hex}@example.com",
                role=Role.STAFF,
                expires_at=now() + timedelta(days=1),
            )
            for _ in range(2)
        )
    )


def _add_venue(
    world: World,
    organization: Organization,
    booking_mode: BookingMode = BookingMode.SHARED,
    **fields: object,
) -> list[Slot]:
    venue = make_venue(organization=organization, slug=new_id().hex, **fields)
    resource = make_resource(venue, capacity=200, booking_mode=booking_mode)
    spare = make_resource(venue, capacity=4)
    make_hours(resource)
    day = (now() + timedelta(days=30)).date()
    owned = {"organization": organization, "venue": venue, "first_date": day, "last_date": day}
    special = SpecialHours.objects.create(
        opens_at=OpeningHours.objects.get(resource=resource).opens_at,
        closes_at=OpeningHours.objects.get(resource=resource).closes_at,
        **owned,
    )
    closure = Closure.objects.create(**owned)
    slots = make_consecutive_slots(resource, 4)
    world.add(venue, resource, spare, special, closure, *slots)
    return slots


def _add_bookings(world: World, customer: Actor, slots: list[Slot]) -> None:
    for status in _MET:
        booking = create_booking(actor=customer, seats=seats_on(slots[0], 2))
        Booking.objects.filter(pk=booking.pk).update(status=status)
        world.add(booking)
    world.add(create_hold(actor=customer, seats=seats_on(slots[1])))
    world.add(create_booking(actor=customer, seats=seats_on(slots[4])))
