"""What stands against a schedule is listed for the venue's staff, through both APIs alike."""

from datetime import time, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import ANONYMOUS, SYSTEM, Actor, account
from accounts.models import Role
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking, create_hold
from bookings.services.conflicts import schedule_conflicts
from bookings.services.publication import republish, roll
from reserve.core.clock import now
from tests.clients import BookingApi, RestApi
from tests.factories import (
    make_customer,
    make_hours,
    make_member,
    make_organization,
    make_resource,
    make_venue,
    seats_on,
    tomorrow_at,
)
from tests.staff import snakes
from venues.models import Resource
from venues.services.schedule import Opening, set_opening_hours

pytestmark = pytest.mark.django_db(transaction=True)

_DOCUMENT = """query($venue: ID!, $first: Int, $after: String) {
  scheduleConflicts(venueId: $venue, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { kind slot { slotId startTime capacity resource { id } } planned { startTime }
      bookings { id confirmationCode guestName guestCount status startTime endTime } } } } }"""


def conflicts(
    api: BookingApi, venue: Any, actor: Actor, *, first: int = 20, after: str | None = None
) -> tuple[Any, str | None]:
    """How many there are, those of the page, and where the next one begins; or the code."""
    if isinstance(api, RestApi):
        query = f"first={first}" + (f"&after={after}" if after else "")
        answer = api.ask("GET", f"/venues/{venue.public_id}/conflicts?{query}", None, actor)
        if answer.code:
            return answer.code, None
        body, following = answer.body, answer.body["next"]
        after = urlsplit(following).query.partition("after=")[2] if following else None
        return (body["count"], body["results"]), after
    variables = {"venue": venue.public_id, "first": first, "after": after}
    answer = api.ask(_DOCUMENT, variables, actor)
    if answer.code:
        return answer.code, None
    body = snakes(answer.body)
    nodes = [edge["node"] for edge in body["edges"]]
    for node in nodes:
        node["slot"]["resource_id"] = node["slot"].pop("resource")["id"]
    info = body["page_info"]
    return (body["total_count"], nodes), info["end_cursor"] if info["has_next_page"] else None


@pytest.fixture
def resource() -> Resource:
    """Open every day from 10 to 14 with slots of an hour; published over four days."""
    resource = make_resource(make_venue(booking_horizon_days=3, timezone="UTC"))
    for weekday in range(7):
        make_hours(resource, weekday, opens_at=time(10), closes_at=time(14), slot_minutes=60)
    republish(venue_id=resource.venue_id)
    return resource


def _shorten(resource: Resource) -> None:
    week = [Opening(day, time(10), time(12), slot_minutes=60) for day in range(7)]
    set_opening_hours(
        actor=SYSTEM, venue_id=resource.venue_id, resource_id=resource.pk, openings=week
    )


def test_bookings_in_conflict_are_listed_before_and_after_the_change_is_carried_out(
    api: BookingApi, resource: Resource
) -> None:
    venue, staff = resource.venue, account(make_member(resource.organization).pk)
    assert conflicts(api, venue, staff) == ((0, []), None)
    booked = [
        create_booking(
            actor=make_customer(),
            seats=seats_on(Slot.objects.get(starts_at=tomorrow_at(hour) + days * timedelta(1))),
        )
        for days, hour in ((1, 12), (0, 13), (0, 12))
    ]
    lapsed = create_hold(
        actor=make_customer(), seats=seats_on(Slot.objects.get(starts_at=tomorrow_at(12)))
    )
    Booking.objects.filter(pk=lapsed.pk).update(hold_expires_at=now() - timedelta(seconds=1))
    _shorten(resource)
    for carry_out in (lambda: None, lambda: republish(venue_id=venue.pk), roll):
        carry_out()
        (count, found), following = conflicts(api, venue, staff)
        assert (count, following) == (3, None)
        assert [conflict["bookings"][0]["id"] for conflict in found] == [
            booking.public_id for booking in reversed(booked)
        ]
        assert {conflict["kind"] for conflict in found} == {"NOT_PLANNED"}
        told = found[0]["bookings"]
        assert len(told) == 1
        assert told[0]["confirmation_code"] == booked[2].confirmation_code
        assert told[0]["start_time"] == tomorrow_at(12).isoformat()
        assert found[0]["slot"]["resource_id"] == resource.public_id
        assert found[0]["planned"] is None

    (_, some), following = conflicts(api, venue, staff, first=2)
    assert some == found[:2]
    assert conflicts(api, venue, staff, first=2, after=following) == ((3, found[2:]), None)


def test_nobody_else_is_told(api: BookingApi, resource: Resource) -> None:
    venue, organization = resource.venue, resource.organization
    elsewhere = make_member(organization, venues=[make_venue(organization=organization)])
    strangers = {
        ANONYMOUS: "UNAUTHENTICATED",
        make_customer(): "FORBIDDEN",
        account(make_member(make_organization(), Role.OWNER).pk): "FORBIDDEN",
        account(elsewhere.pk): "FORBIDDEN",
    }
    for actor, code in strangers.items():
        assert conflicts(api, venue, actor) == (code, None)
    venue.is_public = False
    venue.save()
    assert conflicts(api, venue, make_customer()) == ("NOT_FOUND", None)
    staff = account(make_member(organization).pk)
    assert conflicts(api, venue, staff)[0] == (0, [])
    for wrong in ({"first": 0}, {"first": 101}, {"after": "mine"}):
        assert conflicts(api, venue, staff, **wrong) == ("BAD_USER_INPUT", None)


def test_as_many_statements_for_one_as_for_twenty(resource: Resource) -> None:
    counts = []
    for hours in ((12,), (13,)):
        for slot in Slot.objects.filter(starts_at__gte=tomorrow_at(0), starts_at__hour__in=hours):
            create_booking(actor=make_customer(), seats=seats_on(slot))
        if hours == (12,):
            _shorten(resource)
        with CaptureQueriesContext(connection) as queries:
            page = schedule_conflicts(actor=SYSTEM, venue_id=resource.venue_id, first=20)
        counts.append((page.total, len(queries)))
    (some, few), (more, many) = counts
    assert (some, more) == (3, 6)
    assert few == many
