"""Every reading of slots and venues, with the index that it is to use and its time.

`python -m bench.lookups` fills an empty database and measures them. Tests hold
their plans on a small one.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
if not apps.ready:
    django.setup()

from django.core.management import call_command
from django.db import connection

from accounts.actors import ANONYMOUS
from bench import town
from bench.plans import misplanned, plans_of
from bookings import selectors
from reserve.core.clock import now
from reserve.core.pages import Page
from venues.models import Venue
from venues.search import Near, search_venues

_BY_TIME, _BY_NAME = "slot_by_venue_and_time", "venue_by_name"
_RUNS = (_BY_TIME, "slot_by_resource_and_time")
_SLOTS = ("bookings_slot", "bookings_booking", "bookings_bookingslot")


@dataclass(frozen=True)
class Read:
    name: str
    ask: Callable[[], object]
    """Asks about another venue or day each time."""
    indexes: tuple[str, ...]
    goal_ms: float
    """In the database, median."""
    large: tuple[str, ...] = (*_SLOTS, "venues_venue")
    """The tables that are not to be read from end to end."""


def reads(venues: Sequence[Venue], *, days: int, seed: int = 2) -> list[Read]:
    """The readings, on venues and days that a seed chooses."""
    chance = random.Random(seed)  # noqa: S311

    def venue() -> Venue:
        return chance.choice(venues)

    def day() -> date:
        # Not today, of which a part is over.
        return now().date() + timedelta(days=chance.randrange(1, max(2, days - 6)))

    def available(**asked: Any) -> object:
        return selectors.available_slots(actor=ANONYMOUS, venue_id=venue().pk, day=day(), **asked)

    def between(number: int) -> object:
        first = day()
        return selectors.slots_between(
            actor=ANONYMOUS,
            venue_id=venue().pk,
            first_day=first,
            last_day=first + timedelta(days=number - 1),
        )

    def calendar(number: int) -> object:
        first = now().date()
        return selectors.availability_calendar(
            actor=ANONYMOUS,
            venue_id=venue().pk,
            first_day=first,
            last_day=first + timedelta(days=number - 1),
            guest_count=2,
        )

    def next_of(number: int, **asked: Any) -> object:
        some = chance.sample(list(venues), min(number, len(venues)))
        return selectors.next_available_slots(
            actor=ANONYMOUS, venue_ids=[one.pk for one in some], first=3, **asked
        )

    def search(**asked: Any) -> Page[Venue]:
        return search_venues(actor=ANONYMOUS, first=20, **asked)

    def around() -> object:
        one = venue()
        assert one.latitude is not None
        assert one.longitude is not None
        return search(near=Near(one.latitude, one.longitude, 5))

    middle = search().cursors[-1]
    return [
        Read("slots of a day", available, (_BY_TIME,), 5),
        Read("slots of a day, a party of 4", lambda: available(guest_count=4), (_BY_TIME,), 5),
        Read("runs of three on a day", lambda: available(slot_count=3), _RUNS, 20),
        Read("every slot of a week", lambda: between(7), (_BY_TIME,), 10),
        Read("calendar of 31 days", lambda: calendar(31), (_BY_TIME,), 15),
        Read("calendar of 92 days", lambda: calendar(92), (_BY_TIME,), 30),
        Read("next slots of a venue", lambda: next_of(1), (_BY_TIME,), 10),
        Read("next slots of 50 venues", lambda: next_of(50), (_BY_TIME,), 100),
        Read("next runs of 50 venues", lambda: next_of(50, slot_count=3), _RUNS, 300),
        Read(
            "venues by words",
            lambda: search(search=f"zoe {venue().name.split()[-1]}"),
            ("venue_by_words",),
            5,
        ),
        Read(
            "venues by words, town",
            lambda: search(search=f"main {venue().postal_code}", city="zurich"),
            (),  # Of words or of towns, whichever are fewer.
            5,
        ),
        Read("venues within 5 km", around, ("venue_by_position",), 5),
        # Counting all is reading all; an index is smaller than the table, once it is vacuumed.
        Read("venues by name", search, (_BY_NAME,), 5, large=_SLOTS),
        Read(
            "venues by name, next page", lambda: search(after=middle), (_BY_NAME,), 5, large=_SLOTS
        ),
    ]


def main() -> None:
    options = _options()
    call_command("migrate", interactive=False, verbosity=0)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        with town.checked_at_the_end(cursor, "bookings_slot"):
            venues = town.build(venues=options.venues, days=options.days)
        cursor.execute("VACUUM ANALYZE")
    filled = time.perf_counter() - began
    figures = [_measured(read, options.repeats) for read in reads(venues, days=options.days)]
    slots = options.venues * options.days * town.RESOURCES * town.SLOTS_PER_DAY
    answer = {"venues": options.venues, "slots": slots, "fill_seconds": filled, "reads": figures}
    options.out.write_text(json.dumps(answer))


def _measured(read: Read, repeats: int) -> dict[str, Any]:
    read.ask()
    in_database, by_selector, faults = [], [], set()
    statements = 0
    for _ in range(repeats):
        began = time.perf_counter()
        read.ask()
        by_selector.append(1_000 * (time.perf_counter() - began))
        plans = plans_of(read.ask)
        in_database.append(sum(plan.milliseconds for plan in plans))
        statements = max(statements, len(plans))
        faults.update(misplanned(plans, indexes=read.indexes, large=read.large))
    return {
        "name": read.name,
        "goal_ms": read.goal_ms,
        "statements": statements,
        "database_ms": in_database,
        "selector_ms": by_selector,
        "faults": sorted(faults),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venues", type=int, required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
