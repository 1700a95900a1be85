"""An organization with very many bookings, and the time that its admin's pages take.

`python -m bench.staff` fills an empty database by COPY and asks for each page
as its owner, as an administrator, and as staff of one venue.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import Membership, Organization, Role, User  # noqa: E402
from bench.town import checked_at_the_end, copy  # noqa: E402
from bookings.models import Booking, BookingSlot, Guest, Slot  # noqa: E402
from reserve.core.clock import now  # noqa: E402
from reserve.core.ids import new_id  # noqa: E402
from venues.models import Resource, Venue  # noqa: E402

VENUES, SLOTS_PER_DAY, PER_SLOT = 20, 40, 8
_CAPACITY = 10
_LENGTH = timedelta(minutes=15)
_STATUSES = (*("CONFIRMED",) * 90, *("PENDING",) * 4, *("CANCELLED",) * 4, "NO_SHOW", "DECLINED")
_FIRST_NAMES = ("Ada", "Bo", "Cy", "Di", "Eli", "Flo", "Gus", "Hal", "Ida", "Jo")
_LAST_NAMES = ("Lovelace", "Hopper", "Turing", "Noether", "Hamilton", "Johnson", "Curie")

_Row = tuple[Any, ...]
_SLOT = (
    *("id", "organization_id", "venue_id", "resource_id", "starts_at", "ends_at"),
    *("capacity", "reserved"),
)
_BOOKING = (
    *("id", "organization_id", "venue_id", "resource_id", "guest_id", "status"),
    *("guest_count", "seats", "confirmation_code", "starts_at", "ends_at"),
    *("created_at", "version"),
)
_GUEST = ("id", "organization_id", "name", "email", "phone", "created_at")


def main() -> None:
    options = _options()
    call_command("migrate", interactive=False, verbosity=0)
    began = time.perf_counter()
    organization = Organization.objects.create(name="Busy", slug="busy")
    guests = _fill(organization, options.bookings)
    filled = time.perf_counter() - began
    answer = {
        "bookings": options.bookings,
        "guests": guests,
        "fill_seconds": filled,
        "pages": _measured(organization, options.repeats),
    }
    options.out.write_text(json.dumps(answer))


def _fill(organization: Organization, bookings: int) -> int:
    resources = []
    for number in range(VENUES):
        venue = Venue.objects.create(
            organization=organization,
            name=f"Venue {number}",
            slug=f"venue-{number}",
            timezone="Europe/Copenhagen",
        )
        resources.append(
            Resource.objects.create(
                organization=organization, venue=venue, name="Room", capacity=_CAPACITY
            )
        )
    guests = max(10, bookings // 10)
    days = -(-bookings // (VENUES * SLOTS_PER_DAY * PER_SLOT))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        tables = ("bookings_guest", "bookings_slot", "bookings_booking", "bookings_bookingslot")
        with checked_at_the_end(cursor, *tables):
            _copy_all(organization, resources, days, guests, bookings)
        cursor.execute("VACUUM ANALYZE")
    return guests


def _copy_all(
    organization: Organization,
    resources: Sequence[Resource],
    days: int,
    guests: int,
    bookings: int,
) -> None:
    base = new_id().int
    copy(Guest, _GUEST, _guests(organization, base, guests))
    slots = list(_slots(resources, days))
    copy(Slot, _SLOT, iter(slots))
    copy(Booking, _BOOKING, _bookings(slots, base, guests, bookings))
    copy(
        BookingSlot,
        ("booking_id", "slot_id", "organization_id"),
        (
            (UUID(int=base + 2**40 + n), slots[n // PER_SLOT][0], organization.pk)
            for n in range(bookings)
        ),
    )


def _guests(organization: Organization, base: int, number: int) -> Iterator[_Row]:
    moment = now()
    for n in range(number):
        first, last = _FIRST_NAMES[n % len(_FIRST_NAMES)], _LAST_NAMES[n % len(_LAST_NAMES)]
        yield (
            *(UUID(int=base + n), organization.pk, f"{first} {last} {n}"),
            *(f"{first.lower()}{n}@example.org", f"+45 {n:08}", moment),
        )


def _slots(resources: Sequence[Resource], days: int) -> Iterator[_Row]:
    """Half of the days are over. Every slot of all venues at one time, and then the next."""
    first = datetime.combine(now().date() - timedelta(days=days // 2), datetime.min.time(), UTC)
    number = new_id().int
    for day in range(days):
        for place in range(SLOTS_PER_DAY):
            starts_at = first + timedelta(days=day, hours=8) + place * _LENGTH
            for resource in resources:
                number += 1
                yield (
                    *(UUID(int=number), resource.organization_id, resource.venue_id, resource.pk),
                    *(starts_at, starts_at + _LENGTH, _CAPACITY, PER_SLOT),
                )


def _bookings(slots: Sequence[_Row], base: int, guests: int, number: int) -> Iterator[_Row]:
    moment = now()
    for n in range(number):
        _, organization_id, venue_id, resource_id, starts_at, ends_at, *_ = slots[n // PER_SLOT]
        yield (
            *(UUID(int=base + 2**40 + n), organization_id, venue_id, resource_id),
            *(UUID(int=base + n * 7919 % guests), _STATUSES[n * 31 % len(_STATUSES)]),
            *(1, 1, f"{n:08X}", starts_at, ends_at, moment, 1),
        )


def _people(organization: Organization) -> dict[str, User]:
    people = {
        "administrator": User.objects.create_superuser("all@example.com", None, name="All"),
        "owner": User.objects.create_user("owner@example.com", name="Owner", is_staff=True),
        "staff of one venue": User.objects.create_user(
            "staff@example.com", name="Staff", is_staff=True
        ),
    }
    Membership.objects.create(organization=organization, user=people["owner"], role=Role.OWNER)
    venue = Venue.objects.filter(organization=organization).earliest("pk")
    Membership.objects.create(
        organization=organization,
        user=people["staff of one venue"],
        role=Role.STAFF,
        venue_ids=[venue.pk],
    )
    return people


def _addresses(organization: Organization) -> dict[str, str]:
    venue = Venue.objects.filter(organization=organization).earliest("pk")
    booking = Booking.objects.filter(venue=venue, starts_at__gt=now()).earliest("starts_at")
    bookings, guests = "/admin/bookings/booking/", "/admin/bookings/guest/"
    day = now().date()
    return {
        "front page": "/admin/",
        "bookings": bookings,
        "bookings, page 20": f"{bookings}?p=20",
        "bookings of today": f"{bookings}?day=today",
        "bookings from today": f"{bookings}?day=upcoming",
        "bookings of a venue": f"{bookings}?venue__id__exact={venue.pk}",
        "no-shows": f"{bookings}?status=NO_SHOW",
        "pending": f"{bookings}?status=PENDING&day=upcoming",
        "bookings by code": f"{bookings}?q={booking.confirmation_code}",
        "bookings by name": f"{bookings}?q=Ada+Lovelace+70",
        "bookings by e-mail": f"{bookings}?q={booking.guest.email}",
        "bookings by phone": f"{bookings}?q={booking.guest.phone[4:]}",
        "bookings by a frequent name": f"{bookings}?q=lovelace",
        "a booking": f"{bookings}{booking.pk}/change/",
        "moving it": f"{bookings}{booking.pk}/move/",
        "guests": guests,
        "guests by name": f"{guests}?q=lovelace",
        "a guest": f"{guests}{booking.guest_id}/change/",
        "slots": "/admin/bookings/slot/",
        "calendar, day": f"/admin/venues/venue/{venue.pk}/calendar/?view=day&date={day}",
        "calendar, week": f"/admin/venues/venue/{venue.pk}/calendar/?view=week&date={day}",
        "calendar, month": f"/admin/venues/venue/{venue.pk}/calendar/?view=month&date={day}",
    }


def _measured(organization: Organization, repeats: int) -> list[dict[str, Any]]:
    found = []
    addresses = _addresses(organization)
    for who, person in _people(organization).items():
        client = Client(SERVER_NAME="localhost")
        client.force_login(person, "django.contrib.auth.backends.ModelBackend")
        for name, address in addresses.items():
            statements: list[str] = []
            with connection.execute_wrapper(partial(_noted, statements)):
                answer = client.get(address)
            assert answer.status_code == 200, f"{address} as {who}: {answer.status_code}"  # noqa: PLR2004
            times = []
            for _ in range(repeats):
                began = time.perf_counter()
                client.get(address)
                times.append(1_000 * (time.perf_counter() - began))
            found.append({"name": f"{name}, {who}", "statements": len(statements), "ms": times})
    return found


def _noted(statements: list[str], execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
    statements.append(sql)
    return execute(sql, *arguments)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bookings", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
