"""Venues with slots in every state, as many as are wanted, made by COPY."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from accounts.models import Organization
from bookings.models import Booking, BookingSlot, Guest, Slot
from bookings.states import BookingStatus
from reserve.core.clock import now
from reserve.core.ids import new_id
from venues.models import BookingMode, Resource, Venue

RESOURCES, SLOTS_PER_DAY = 2, 20
CAPACITY = 8
_LENGTH = timedelta(minutes=30)
_COLUMNS = (
    *("id", "organization_id", "venue_id", "resource_id", "starts_at", "ends_at"),
    *("capacity", "reserved", "is_closed", "next_lapse_at"),
)
_NAMES = ("Café", "Brasserie", "Museum", "Tennis", "Salon", "Bistro", "Climbing", "Cinema")
_CITIES = {
    "København": (55.68, 12.57),
    "Zürich": (47.37, 8.54),
    "Reykjavík": (64.15, -21.94),
    "Auckland": (-36.85, 174.76),
    "New York": (40.71, -74.01),
}


def build(*, venues: int, days: int, seed: int = 1) -> list[Venue]:
    """Venues of one organization, with slots from five days ago on.

    Of a hundred slots five are closed, thirty full, and one has a hold that has lapsed.
    """
    chance = random.Random(seed)  # noqa: S311 (believable, not secret)
    organization = Organization.objects.create(name="Town", slug=f"town-{seed}")
    places = Venue.objects.bulk_create(
        [_venue(organization, number, chance) for number in range(venues)], batch_size=500
    )
    resources = Resource.objects.bulk_create(
        [
            Resource(
                organization=organization,
                venue=venue,
                name=f"Resource {position}",
                capacity=CAPACITY,
                position=position,
                booking_mode=BookingMode.EXCLUSIVE if position else BookingMode.SHARED,
            )
            for venue in places
            for position in range(RESOURCES)
        ],
        batch_size=500,
    )
    held: list[Slot] = []
    for start in range(0, len(resources), 100):
        copy(Slot, _COLUMNS, _rows(resources[start : start + 100], days, chance, held))
    _hold(organization, held)
    return places


def _venue(organization: Organization, number: int, chance: random.Random) -> Venue:
    city = chance.choice(list(_CITIES))
    latitude, longitude = _CITIES[city]
    return Venue(
        organization=organization,
        name=f"{chance.choice(_NAMES)} Zoë {number}",
        slug=f"venue-{number}",
        timezone="Europe/Copenhagen",
        street=f"Main Street {number}",
        postal_code=str(1_000 + number),
        city=city,
        latitude=latitude + chance.uniform(-0.5, 0.5),
        longitude=longitude + chance.uniform(-0.5, 0.5),
    )


def _rows(
    resources: Sequence[Resource], days: int, chance: random.Random, held: list[Slot]
) -> Iterator[tuple[Any, ...]]:
    """A row for each slot, as _COLUMNS has it: instances of the model would take a minute more."""
    first = datetime.combine(now().date() - timedelta(days=5), time(8), tzinfo=UTC)
    starts = [
        first + timedelta(days=day) + place * _LENGTH
        for day in range(days)
        for place in range(SLOTS_PER_DAY)
    ]
    lapsed_at = now() - timedelta(minutes=1)
    number = new_id().int
    for resource in resources:
        owners = (resource.organization_id, resource.venue_id, resource.pk)
        for starts_at in starts:
            number += 1
            lot = chance.randrange(100)
            reserved = CAPACITY if lot < 31 else 0  # noqa: PLR2004
            lapse = lapsed_at if lot == 0 else None
            row = (
                *(UUID(int=number), *owners, starts_at, starts_at + _LENGTH),
                *(CAPACITY, reserved, lot >= 95, lapse),  # noqa: PLR2004
            )
            if lapse:
                held.append(Slot(**dict(zip(_COLUMNS, row, strict=True))))
            yield row


def copy(model: type[Model], columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    """Rows by COPY; columns that are not named have the model's defaults."""
    fields = model._meta.concrete_fields  # noqa: SLF001 (Django's documented way)
    others = [field for field in fields if field.attname not in columns]
    defaults = tuple(field.get_default() for field in others)
    names = ", ".join((*columns, *(field.attname for field in others)))
    table = model._meta.db_table  # noqa: SLF001
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({names}) FROM STDIN") as target,
    ):
        for row in rows:
            target.write_row(row + defaults)


@contextmanager
def checked_at_the_end(cursor: Any, *tables: str) -> Iterator[None]:
    """Rows are looked up once for all, and indexed once for all, instead of row by row.

    Afterwards all constraints are there as in production, with the index of the
    exclusion constraint: the planner chooses among the same indexes.
    """
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = ANY(%s::regclass[]) AND contype IN ('f', 'x')",
        [list(tables)],
    )
    constraints = cursor.fetchall()
    for table, name, _ in constraints:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    yield
    cursor.execute("SET maintenance_work_mem = '256MB'")
    for table, name, definition in constraints:
        cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')


def _hold(organization: Organization, slots: Sequence[Slot]) -> None:
    """A lapsed hold of all seats on each slot."""
    guest = Guest.objects.create(organization=organization, name="Ada", email="ada@example.org")
    bookings = [Booking(**_lapsed_hold(slot, guest)) for slot in slots]
    Booking.objects.bulk_create(bookings, batch_size=1_000)
    BookingSlot.objects.bulk_create(
        [
            BookingSlot(booking=booking, slot=slot, organization=organization)
            for booking, slot in zip(bookings, slots, strict=True)
        ],
        batch_size=1_000,
    )


def _lapsed_hold(slot: Slot, guest: Guest) -> dict[str, Any]:
    booking_id = new_id()
    return {
        "id": booking_id,
        "organization_id": slot.organization_id,
        "venue_id": slot.venue_id,
        "resource_id": slot.resource_id,
        "guest": guest,
        "status": BookingStatus.HELD,
        "guest_count": CAPACITY,
        "seats": CAPACITY,
        "confirmation_code": booking_id.hex[-8:],
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "hold_expires_at": slot.next_lapse_at,
        "created_at": slot.next_lapse_at,
        "version": 1,
    }
