"""The data of `bench.api`, made through the services: `python -m bench.city FILE`.

Venues with thirty slots a day: one with endless seats to read, as many as
`bench.fixtures` has to book at random, and one whose slots a crowd can fill.
"""

import json
import os
import sys
from datetime import date, time, timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.actors import SYSTEM  # noqa: E402
from accounts.services.organizations import create_organization  # noqa: E402
from accounts.services.users import create_user  # noqa: E402
from bench.clients import SEATS  # noqa: E402
from bookings.services.publication import publish  # noqa: E402
from reserve.core.clock import now  # noqa: E402
from venues.models import Venue  # noqa: E402
from venues.services.resources import ResourceDetails  # noqa: E402
from venues.services.schedule import Opening, set_opening_hours  # noqa: E402
from venues.services.venues import VenueDetails, create_venue  # noqa: E402

_VENUES, _USERS = 34, 10
_ENDLESS = 1_000_000
_DAYS = 14
_PASSWORD = "window seats for two"  # noqa: S105 (of nobody real)
_WEEK = [
    Opening(weekday=weekday, opens_at=time(7), closes_at=time(22), slot_minutes=30)
    for weekday in range(7)
]


def main() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    for number in range(1, _USERS + 1):
        create_user(
            email=f"bench{number}@example.com",
            password=_PASSWORD,
            name=f"Bench {number}",
            email_verified_at=now(),
        )
    organization = create_organization(actor=SYSTEM, name="Bench", slug="bench")
    today = now().date()
    day = today + timedelta(days=7)

    def venue(slug: str, capacity: int, first: date, last: date) -> str:
        made = create_venue(
            actor=SYSTEM,
            organization_id=organization.pk,
            details=VenueDetails(
                name=slug,
                slug=slug,
                timezone="Europe/Copenhagen",
                street="Main Street 1",
                city="Copenhagen",
                country="DK",
            ),
            resource=ResourceDetails(name="Room", capacity=capacity),
        )
        set_opening_hours(actor=SYSTEM, venue_id=made.pk, resource_id=None, openings=_WEEK)
        publish(venue_id=made.pk, first_date=first, last_date=last)
        return Venue.format_id(made.pk)

    soon, late = today + timedelta(days=1), today + timedelta(days=_DAYS)
    described = {
        "email": "bench{}@example.com",
        "password": _PASSWORD,
        "users": _USERS,
        "date": day.isoformat(),
        "read_venues": [venue("read", _ENDLESS, soon, late)],
        "spread_venues": [venue(f"spread-{n:02}", _ENDLESS, day, day) for n in range(_VENUES)],
        "hot_venue": venue("hot", SEATS, soon, late),
        "hot_dates": [(soon + timedelta(days=n)).isoformat() for n in range(_DAYS)],
    }
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    Path(sys.argv[1]).write_text(json.dumps(described))


if __name__ == "__main__":
    main()
