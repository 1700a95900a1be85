"""What `bench.publication` measures, in a process of its own that has Django."""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from accounts.actors import SYSTEM  # noqa: E402
from accounts.models import Organization  # noqa: E402
from bookings import store  # noqa: E402
from bookings.guests import GuestDetails  # noqa: E402
from bookings.models import Publication, Slot  # noqa: E402
from bookings.requests.create import SeatsWanted  # noqa: E402
from bookings.services.bookings import create_booking  # noqa: E402
from bookings.services.previews import preview  # noqa: E402
from bookings.services.publication import publish, republish  # noqa: E402
from bookings.tasks import roll_publications  # noqa: E402
from venues.models import OpeningHours, Resource, Venue  # noqa: E402

_RESOURCES, _SLOTS, _DAYS = 3, 24, 90
_ZONE = ZoneInfo("Europe/Copenhagen")
_BOOKINGS = 300
_HORIZON = _DAYS - 1  # today is one of them


class _Places:
    """Makes venues whose resources have 24 slots of half an hour on every day."""

    def __init__(self) -> None:
        self._organization = Organization.objects.create(name="Bench", slug="bench")
        self._number = 0

    def make(self, number: int) -> list[Venue]:
        venues = [self._venue() for _ in range(number)]
        Venue.objects.bulk_create(venues)
        resources = [
            Resource(
                organization=self._organization, venue=venue, name=f"Court {place}", capacity=4
            )
            for venue in venues
            for place in range(_RESOURCES)
        ]
        Resource.objects.bulk_create(resources)
        OpeningHours.objects.bulk_create(
            OpeningHours(
                organization=self._organization,
                venue=resource.venue,
                resource=resource,
                weekday=weekday,
                opens_at=clock(9),
                closes_at=clock(21),
                slot_minutes=30,
            )
            for resource in resources
            for weekday in range(7)
        )
        return venues

    def _venue(self) -> Venue:
        self._number += 1
        return Venue(
            organization=self._organization,
            name=f"Venue {self._number}",
            slug=f"venue-{self._number}",
            timezone=_ZONE.key,
            booking_horizon_days=_HORIZON,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--venues", type=int, required=True)
    options = parser.parse_args()
    call_command("migrate", interactive=False, verbosity=0)
    places, faults = _Places(), []
    figures: dict[str, Any] = _one_venue(places, options.repeats, faults)
    figures["inserts"] = _inserts(places, options.repeats)
    figures["roll"] = _roll(places, options.venues, faults)
    figures["hot_percent"] = _hot_percent()
    figures["faults"] = faults
    options.file.write_text(json.dumps(figures))


def _one_venue(places: _Places, repeats: int, faults: list[str]) -> dict[str, Any]:
    steps: dict[str, dict[str, Any]] = {}

    def timed(name: str, slots: int, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        step = steps.setdefault(name, {"slots": slots, "seconds": []})
        step["seconds"].append(time.perf_counter() - began)

    whole = _RESOURCES * _SLOTS * _DAYS
    for _ in range(repeats):
        (venue,) = places.make(1)

        def change(venue: Venue = venue) -> None:
            Resource.objects.filter(venue=venue).update(capacity=5)

        def publish(venue: Venue = venue) -> None:
            republish(venue_id=venue.pk)

        timed("publish", whole, publish)
        number = Slot.objects.filter(venue=venue).count()
        if number != whole:
            faults.append(f"{number} slots were published, not {whole}")
        timed("nothing differs", whole, publish)
        timed(
            "preview",
            whole,
            lambda v=venue, c=change: preview(actor=SYSTEM, venue_id=v.pk, change=c),
        )
        change()
        timed("every capacity differs", whole, publish)
    return steps


# --- Ways to insert -----------------------------------------------------------------------


def _inserts(places: _Places, repeats: int) -> dict[str, list[float]]:
    (venue,) = places.make(1)
    resources = list(venue.resources.all())
    ways: dict[str, Callable[[list[Slot]], object]] = {
        "bulk_create": lambda slots: Slot.objects.bulk_create(
            slots, batch_size=1_000, ignore_conflicts=True
        ),
        "INSERT … SELECT FROM unnest": store.insert_slots,
        "INSERT … SELECT FROM jsonb": _insert_by_json,
        "COPY into a temporary table, INSERT … SELECT": _insert_by_copy,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, insert in ways.items():
            slots = list(_new_slots(venue, resources))
            with _rolled_back():
                began = time.perf_counter()
                insert(slots)
                seconds[name].append(time.perf_counter() - began)
    return seconds


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _new_slots(venue: Venue, resources: list[Resource]) -> Iterator[Slot]:
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    half_an_hour = timedelta(minutes=30)
    for resource in resources:
        for day in range(_DAYS):
            for number in range(_SLOTS):
                starts_at = first + timedelta(days=day) + number * half_an_hour
                yield Slot(
                    organization_id=venue.organization_id,
                    venue_id=venue.pk,
                    resource_id=resource.pk,
                    starts_at=starts_at,
                    ends_at=starts_at + half_an_hour,
                    capacity=4,
                )


_COLUMNS = "id, organization_id, venue_id, resource_id, starts_at, ends_at, capacity"
_REST = "reserved, is_closed, is_withdrawn, is_added_by_hand, has_own_capacity, version"
_ZEROES = "0, false, false, false, false, 0"


def _insert_by_json(slots: list[Slot]) -> None:
    rows = [{name: str(value) for name, value in _values(slot).items()} for slot in slots]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO bookings_slot ({_COLUMNS}, {_REST})"  # noqa: S608
            f" SELECT {_COLUMNS}, {_ZEROES} FROM jsonb_to_recordset(%s::jsonb) AS n(id uuid,"
            " organization_id uuid, venue_id uuid, resource_id uuid, starts_at timestamptz,"
            " ends_at timestamptz, capacity int) ON CONFLICT DO NOTHING",
            [json.dumps(rows)],
        )


def _insert_by_copy(slots: list[Slot]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE new_slot ON COMMIT DROP AS"  # noqa: S608
            f" SELECT {_COLUMNS} FROM bookings_slot WITH NO DATA"
        )
        with cursor.copy(f"COPY new_slot ({_COLUMNS}) FROM STDIN") as copy:
            for slot in slots:
                copy.write_row(list(_values(slot).values()))
        cursor.execute(
            f"INSERT INTO bookings_slot ({_COLUMNS}, {_REST})"  # noqa: S608
            f" SELECT {_COLUMNS}, {_ZEROES} FROM new_slot ON CONFLICT DO NOTHING"
        )


def _values(slot: Slot) -> dict[str, Any]:
    return {name: getattr(slot, name) for name in _COLUMNS.split(", ")}


# --- The roll ----------------------------------------------------------------------------

_BEAT = settings.CELERY_BEAT_SCHEDULE["publish the next day of venues"]
_MAX_TURNS = 40
# Of so many venues one is compared with its schedule from end to end, for its conflicts.
_VENUES_PER_CONFLICT = 50


def _roll(places: _Places, number: int, faults: list[str]) -> dict[str, Any]:
    """The task as beat asks for it, turn by turn, until every venue has its new day.

    Every venue has all its days but the last. Of those with conflicts all slots are
    there; of the others none, since nobody looks at them.
    """
    venues = places.make(number)
    # Days are the venue's: near midnight UTC has another.
    today = datetime.now(_ZONE).date()
    yesterday = today + timedelta(days=_HORIZON - 1)
    for venue in venues[::_VENUES_PER_CONFLICT]:
        publish(venue_id=venue.pk, first_date=today, last_date=yesterday)
    Publication.objects.all().delete()
    minutes = int(settings.SLOT_DURATION / timedelta(minutes=1))
    Publication.objects.bulk_create(
        Publication(
            organization_id=venue.organization_id,
            venue=venue,
            published_until=yesterday,
            default_slot_minutes=minutes,
            conflict_count=0 if position % _VENUES_PER_CONFLICT else 1,
        )
        for position, venue in enumerate(venues)
    )
    # The venues of the other steps have no part in it.
    Publication.objects.bulk_create(
        Publication(
            organization_id=venue.organization_id,
            venue=venue,
            published_until=yesterday + timedelta(days=2),
            default_slot_minutes=minutes,
        )
        for venue in Venue.objects.filter(publication=None)
    )
    before, rss, began = Slot.objects.count(), _rss_mb(), time.perf_counter()
    rolled, turns, working = 0, 0, 0.0
    interval = _BEAT["schedule"].total_seconds()
    while True:
        turn = time.perf_counter()
        rolled += roll_publications()
        working += time.perf_counter() - turn
        turns += 1
        if rolled >= number or turns >= _MAX_TURNS:
            break
        time.sleep(max(0.0, turn + interval - time.perf_counter()))
    # At worst a day begins just after a beat.
    seconds, growth = interval + time.perf_counter() - began, _rss_mb() - rss
    added = Slot.objects.count() - before
    due = Publication.objects.filter(published_until=yesterday).count()
    if rolled != number or due or added != number * _RESOURCES * _SLOTS:
        faults.append(f"{rolled} venues were rolled with {added} slots, and {due} were not")
    return {
        "venues": number,
        "slots": added,
        "turns": turns,
        "seconds": seconds,
        "working_seconds": working,
        "rss_before_mb": rss,
        "rss_growth_mb": growth,
    }


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- Bookings' updates -------------------------------------------------------------------


def _hot_percent() -> float:
    """The share of updates of slots that touch no index, over some bookings."""
    slots = list(Slot.objects.filter(starts_at__gt=datetime.now(UTC)).order_by("?")[:_BOOKINGS])
    before = _updates()
    for number, slot in enumerate(slots):
        guest = GuestDetails(name=f"Guest {number % 20}", email=f"guest{number % 20}@example.com")
        create_booking(actor=SYSTEM, seats=SeatsWanted(slot.venue_id, slot.pk, 1, guest=guest))
    after = _updates()
    return 100 * (after[1] - before[1]) / max(after[0] - before[0], 1)


def _updates() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"
            " WHERE relname = 'bookings_slot'"
        )
        updates, hot = cursor.fetchone()
    return updates, hot


if __name__ == "__main__":
    main()
