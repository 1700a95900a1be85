"""Every reading uses its index: without it, it would still answer, and slowly.

`python -m bench reads` shows the same with two million slots.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from bench import town
from bench.lookups import Read, reads
from bench.plans import misplanned, plans_of
from venues.models import Venue

pytestmark = pytest.mark.django_db

VENUES, DAYS = 60, 12


@pytest.fixture
def venues() -> Sequence[Venue]:
    venues = town.build(venues=VENUES, days=DAYS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE bookings_slot, bookings_booking, venues_venue, venues_resource")
    return venues


def _faults(read: Read) -> list[str]:
    return list(misplanned(plans_of(read.ask), indexes=read.indexes, large=read.large))


def test_every_reading_uses_its_index(venues: Sequence[Venue]) -> None:
    found = {read.name: _faults(read) for read in reads(venues, days=DAYS)}
    assert found == {name: [] for name in found}


def test_a_lost_index_is_noticed(venues: Sequence[Venue]) -> None:
    for index in (
        "slot_by_venue_and_time",
        "slot_by_resource_and_time",
        "venue_by_words",
        "venue_by_position",
        "venue_by_name",
    ):
        with without_index(index):
            readings = [read for read in reads(venues, days=DAYS) if index in read.indexes]
            assert readings
            # One will do: without its index it takes its time.
            assert _faults(readings[0])


@contextmanager
def without_index(name: str) -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {name}")
        yield
        transaction.set_rollback(True)
