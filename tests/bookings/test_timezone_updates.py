"""Slots follow an update of the time-zone data, and staff are told."""

import importlib.resources
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, reset_tzpath

import pytest

from bookings.models import Publication, Slot
from bookings.services.bookings import create_booking
from bookings.services.publication import republish_requested, request_republication, roll
from reserve.core.clock import now
from tests.bookings.schedules import (
    assert_books_agree,
    hours_of,
    local_day,
    make_open_resource,
    republished,
    slots_on,
)
from tests.commands import run_command
from tests.factories import make_customer, make_venue, seats_on
from venues.models import Resource, Venue

pytestmark = pytest.mark.django_db


def check_timezones(*options: str) -> tuple[list[str], int]:
    return run_command("check_timezones", *options)


@pytest.fixture
def lagos_time_in_asmara(tmp_path: Path):
    """An update of the time-zone data: Asmara is two hours nearer to Greenwich."""
    lagos = importlib.resources.files("tzdata.zoneinfo.Africa").joinpath("Lagos").read_bytes()
    (tmp_path / "Africa").mkdir()
    (tmp_path / "Africa" / "Asmara").write_bytes(lagos)

    def update() -> None:
        reset_tzpath([str(tmp_path), *TZPATH])
        ZoneInfo.clear_cache()

    yield update
    reset_tzpath()
    ZoneInfo.clear_cache()


def test_an_update_of_the_timezone_data_is_reported_and_followed(lagos_time_in_asmara) -> None:
    moved = make_open_resource(make_venue(booking_horizon_days=3, timezone="Africa/Asmara"))
    unmoved = make_open_resource()
    republished(moved), republished(unmoved)
    slot = slots_on(moved)["11:00"]
    create_booking(actor=make_customer(), seats=seats_on(slot))
    assert check_timezones()[1] == 0

    lagos_time_in_asmara()
    for resource in (moved, unmoved):
        resource.refresh_from_db()
    lines, code = check_timezones()
    assert code == 1
    (line,) = lines
    assert moved.venue.public_id in line
    coming = Slot.objects.filter(resource=moved, starts_at__gt=now()).count()
    assert f"{coming} slots with 1 bookings belong 120 minutes later (UTC)." in line

    lines, code = check_timezones("--republish")
    assert code == 1
    assert "1 withdrawn" in lines[1]
    # 11:00 is 09:00 now: the booking stays, at a time that is not offered.
    day = slots_on(Resource.objects.get(pk=moved.pk))
    assert [clock for clock, slot in day.items() if not slot.is_closed] == [
        "10:00",
        "11:00",
        "12:00",
        "13:00",
    ]
    slot.refresh_from_db()
    assert (slot.is_withdrawn, slot.reserved) == (True, 1)
    assert check_timezones()[1] == 0
    assert_books_agree()


def test_a_republication_does_not_hide_an_update_of_the_timezone_data(
    lagos_time_in_asmara,
) -> None:
    """Neither one after a change nor one of a day with conflicts, and each is told once."""
    changed, conflicting, theirs = (
        make_open_resource(make_venue(booking_horizon_days=3, timezone="Africa/Asmara"))
        for _ in range(3)
    )
    for resource in (changed, conflicting, theirs):
        republished(resource)
    create_booking(actor=make_customer(), seats=seats_on(slots_on(conflicting)["13:00"]))
    hours_of(conflicting, closes_at=time(13))
    assert republished(conflicting).conflicts == 1
    # Who moves to another zone has asked for it.
    Venue.objects.filter(pk=theirs.venue_id).update(timezone="Europe/Berlin")

    lagos_time_in_asmara()
    request_republication(venue_ids=[changed.venue_id, theirs.venue_id])
    assert republish_requested(within=timedelta(seconds=20)) >= 2
    Publication.objects.filter(venue=conflicting.venue_id).update(
        published_until=local_day(conflicting.venue, 2)
    )
    assert roll() == 1
    # So it is done again, should it have ended half-way.
    assert Publication.objects.get(venue=conflicting.venue_id).requested_at is not None
    lines, code = check_timezones()
    assert code == 1
    assert len(lines) == 2
    for line, resource, bookings in zip(lines, (changed, conflicting), (0, 1), strict=True):
        assert resource.venue.public_id in line
        assert f"with {bookings} bookings belonged 120 minutes later (UTC)" in line
        assert "moved since" in line
    assert check_timezones()[1] == 0
    assert republish_requested(within=timedelta(seconds=20)) >= 1
    assert check_timezones()[1] == 0
