"""The rows of the benchmarks: `python -m bench.fixtures` adds them where there are none."""

import os
from datetime import UTC, datetime, time, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import Organization, User  # noqa: E402
from bookings.models import Guest, Publication, Slot  # noqa: E402
from venues.models import Resource, Venue  # noqa: E402

VENUES, SLOTS_PER_VENUE, CUSTOMERS = 34, 30, 200
RACE_SLOTS, RACE_CAPACITY = 60, 50
_ENDLESS = 1_000_000
_DURATION = timedelta(minutes=30)


def main() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    if Organization.objects.filter(slug="bench").exists():
        return
    organization = Organization.objects.create(name="Bench", slug="bench")
    _add_customers(organization)
    for number in range(VENUES):
        add_venue(organization, f"venue-{number:02}", SLOTS_PER_VENUE, _ENDLESS)
    add_venue(organization, "race", RACE_SLOTS, RACE_CAPACITY)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _add_customers(organization: Organization) -> None:
    """Customers who have been here before: each is a guest of the organization already."""
    people = [
        User(email=f"bench{number}@example.com", name=f"Bench {number}", password="!")  # noqa: S106
        for number in range(CUSTOMERS)
    ]
    User.objects.bulk_create(people)
    Guest.objects.bulk_create(
        Guest(organization=organization, account=person, name=person.name, email=person.email)
        for person in people
    )


def add_venue(organization: Organization, slug: str, slots: int, capacity: int) -> None:
    venue = Venue.objects.create(
        organization=organization,
        name=slug,
        slug=slug,
        timezone="Europe/Copenhagen",
        street="Main Street 1",
        city="Copenhagen",
        country="DK",
    )
    room = Resource.objects.create(
        organization=organization, venue=venue, name="Room", capacity=capacity
    )
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    first = datetime.combine(tomorrow, time(8), tzinfo=UTC)
    Slot.objects.bulk_create(
        Slot(
            organization=organization,
            venue=venue,
            resource=room,
            starts_at=first + number * _DURATION,
            ends_at=first + (number + 1) * _DURATION,
            capacity=capacity,
        )
        for number in range(slots)
    )
    # Or beat would have those withdrawn that no opening hours stand for.
    Publication.objects.create(
        organization=organization,
        venue=venue,
        published_until=tomorrow + timedelta(days=1000),
        default_slot_minutes=_DURATION.total_seconds() // 60,
    )


if __name__ == "__main__":
    main()
