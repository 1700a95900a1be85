"""Hours to say, and to say them."""

from datetime import date, time

from accounts.actors import SYSTEM, account
from tests.factories import make_member
from venues.services.schedule import Opening, SpecialOpening, set_opening_hours

FIRST, LAST = date(2026, 12, 24), date(2026, 12, 26)
LUNCH = Opening(0, time(11), time(14))
EVENING = Opening(4, time(18), time(2), slot_minutes=60, capacity=8)
EVE = SpecialOpening(first_date=FIRST, last_date=LAST, opens_at=time(10), closes_at=time(14))


def member(organization, role):
    return account(make_member(organization, role).pk)


def set_week(venue, *openings, resource=None, actor=SYSTEM):
    return set_opening_hours(
        actor=actor,
        venue_id=venue.pk,
        resource_id=resource.pk if resource else None,
        openings=openings,
    )
