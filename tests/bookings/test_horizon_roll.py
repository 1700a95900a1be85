"""Every venue is published on to its horizon, day by day and by itself."""

from datetime import timedelta
from typing import Any

import pytest

from bookings import tasks
from bookings.models import Publication, Slot
from bookings.services import publication as publication_module
from bookings.services.publication import republish_requested, roll
from tests.bookings.schedules import hours_of, local_day, make_open_resource, rows, slots_on
from tests.factories import make_venue
from venues.models import Venue

pytestmark = pytest.mark.django_db


def test_the_roll_ends_before_beat_asks_for_the_next_and_goes_on_soon(settings: Any) -> None:
    (entry,) = (
        entry
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if entry["task"] == tasks.roll_publications.name
    )
    assert tasks._PUBLISHING_TIME < entry["schedule"] <= timedelta(seconds=30)
    assert entry["options"]["expires"] <= entry["schedule"].total_seconds()


def test_another_default_length_is_published(settings: Any) -> None:
    default, own = make_open_resource(), make_open_resource()
    hours_of(default, slot_minutes=None)
    assert roll() == 2
    assert list(slots_on(default))[:2] == ["10:00", "10:30"]
    before = rows()
    assert roll() == 0
    assert not Publication.objects.exclude(requested_at=None).exists()
    settings.SLOT_DURATION = timedelta(hours=2)
    assert roll() == 0
    assert republish_requested(within=timedelta(seconds=20)) == 2
    assert list(slots_on(default)) == ["10:00", "12:00"]
    mine = set(own.slots.values_list("pk", flat=True))
    assert {key: row for key, row in before.items() if key in mine}.items() <= rows().items()
    assert (roll(), republish_requested(within=timedelta(seconds=20))) == (0, 0)


def test_every_venue_is_rolled_to_its_own_horizon_once_a_day() -> None:
    rooms = [
        make_open_resource(make_venue(booking_horizon_days=2, timezone=zone))
        for zone in ("Pacific/Kiritimati", "Pacific/Niue")
    ]
    assert roll() == 2
    assert roll() == 0
    Publication.objects.filter(venue=rooms[0].venue).update(
        published_until=local_day(rooms[0].venue, 1)
    )
    Slot.objects.filter(
        resource=rooms[0],
        pk__in=[slot.pk for slot in slots_on(rooms[0], 2).values()],
    ).delete()
    before = rows()
    assert roll() == 1
    assert before.items() <= rows().items()
    assert len(slots_on(rooms[0], 2)) == 4
    assert Publication.objects.get(venue=rooms[0].venue).published_until == local_day(
        rooms[0].venue, 2
    )


def test_a_venue_that_fails_keeps_no_other_from_being_rolled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, sound = make_open_resource(), make_open_resource()
    roll_venue = publication_module._roll_venue

    def fail_for_one(venue: Venue, *arguments: Any) -> bool:
        if venue.pk == broken.venue_id:
            raise RuntimeError
        return roll_venue(venue, *arguments)

    monkeypatch.setattr(publication_module, "_roll_venue", fail_for_one)
    assert roll() == 1
    assert (broken.slots.count(), sound.slots.count()) == (0, 16)
