"""Lists of bookings: who sees which, in what order, by which statements."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import ANONYMOUS, account
from accounts.models import Membership
from bench.plans import misplanned, plans_of
from bookings.models import Booking, Guest
from bookings.selectors import booking_by_code, my_bookings, venue_bookings
from bookings.states import BookingStatus
from reserve.core.clock import now
from reserve.core.errors import DomainError, Forbidden, Invalid, NotFound, Unauthenticated
from reserve.core.ids import new_id
from reserve.core.pages import Page
from reserve.core.ratelimit.attempts import TooManyAttempts
from tests.factories import make_customer, make_member, make_resource, make_user, make_venue
from venues.models import Resource, Venue

pytestmark = pytest.mark.django_db

DAY = datetime(2027, 3, 28, tzinfo=UTC).date()
"""In Copenhagen it has 23 hours: from 23:00 UTC of the day before to 22:00."""


def make_guest(venue: Venue, **fields: Any) -> Guest:
    defaults = {"name": "Ada Guest", "email": "ada@example.org"}
    return Guest.objects.create(organization=venue.organization, **(defaults | fields))


def make_booking(resource: Resource, **fields: Any) -> Booking:
    """A bare row, as the lists read it: without slots or events."""
    booking_id = new_id()
    starts_at = fields.pop("starts_at", datetime(2027, 3, 28, 12, tzinfo=UTC))
    defaults = {
        "guest": fields.get("guest") or make_guest(resource.venue),
        "status": BookingStatus.CONFIRMED,
        "confirmation_code": booking_id.hex[-8:].upper(),
        "created_at": now(),
        "ends_at": starts_at + timedelta(minutes=30),
    }
    return Booking.objects.create(
        id=booking_id,
        organization=resource.organization,
        venue=resource.venue,
        resource=resource,
        guest_count=1,
        seats=1,
        starts_at=starts_at,
        version=1,
        **(defaults | fields),
    )


def walk(read: Callable[..., Page[Booking]], *, first: int = 2) -> Iterator[Booking]:
    """Every booking of a list, page by page; each page read backwards is the same."""
    page = read(first=first)
    while True:
        yield from page.items
        if not page.has_next:
            return
        following = read(first=first, after=page.cursors[-1])
        back = read(first=first, before=following.cursors[0])
        assert back.items == page.items
        assert back.has_next
        page = following


def test_my_bookings_are_mine_newest_first() -> None:
    user, resource = make_user(), make_resource()
    moment = now()
    # Two of one instant, which their ids tell apart.
    made = [
        make_booking(resource, customer=user, created_at=moment - timedelta(hours=hours))
        for hours in (3, 1, 1, 5, 2)
    ]
    make_booking(resource)
    make_booking(resource, customer=make_user())

    def read(**page: Any) -> Page[Booking]:
        return my_bookings(actor=account(user.pk), **page)

    expected = sorted(made, key=lambda booking: (booking.created_at, booking.pk), reverse=True)
    assert list(walk(read)) == expected
    assert read(first=1).total == len(made)


def test_a_lapsed_hold_is_listed_as_expired() -> None:
    user, resource = make_user(), make_resource()
    hold = {"customer": user, "status": BookingStatus.HELD}
    held = make_booking(resource, **hold, hold_expires_at=now() + timedelta(minutes=5))
    lapsed = make_booking(resource, **hold, hold_expires_at=now() - timedelta(seconds=1))
    swept = make_booking(resource, customer=user, status=BookingStatus.EXPIRED)
    make_booking(resource, customer=user)

    def found(status: BookingStatus) -> set[Booking]:
        page = my_bookings(actor=account(user.pk), status=status, first=10)
        assert page.total == len(page.items)
        return set(page.items)

    assert found(BookingStatus.HELD) == {held}
    assert found(BookingStatus.EXPIRED) == {lapsed, swept}


def test_venue_bookings_are_those_of_the_venues_own_day() -> None:
    venue = make_venue()
    staff = account(make_member(venue.organization).pk)
    resource = make_resource(venue)
    midnight = datetime(2027, 3, 27, 23, tzinfo=UTC)
    last = midnight + timedelta(hours=22, minutes=59)
    day = [make_booking(resource, starts_at=starts_at) for starts_at in (last, midnight)]
    others = [
        make_booking(resource, starts_at=midnight - timedelta(minutes=1)),
        make_booking(resource, starts_at=midnight + timedelta(hours=23)),
    ]
    make_booking(make_resource())

    def read(**page: Any) -> Page[Booking]:
        return venue_bookings(actor=staff, venue_id=venue.pk, **page)

    assert list(walk(lambda **page: read(day=DAY, **page), first=1)) == day[::-1]
    everything = sorted([*day, *others], key=lambda booking: booking.starts_at, reverse=True)
    assert list(walk(read, first=1)) == everything


def test_staff_find_a_booking_by_whatever_a_guest_tells_them() -> None:
    venue = make_venue()
    staff = account(make_member(venue.organization).pk)
    resource = make_resource(venue)
    zoe = make_guest(venue, name="Zoë Ångström", email="zoe@example.com", phone="+45 12 34 56 78")
    wanted = make_booking(resource, guest=zoe, confirmation_code="7XK2QM9A")
    make_booking(resource)
    make_booking(make_resource(), guest=zoe)

    def found(search: str) -> list[Booking]:
        return list(venue_bookings(actor=staff, venue_id=venue.pk, search=search, first=10).items)

    for search in (
        *("zoe", "angstrom zoë", "ÅNG", "zoe@example.com", "zoe@ex", "example zoe"),
        *("7XK2QM9A", "7xk2", " 7XK2QM9A "),
        *("+45 12 34 56 78", "4512345678", "12345678", "12 34 56 78", "012345678", "1234"),
    ):
        assert found(search) == [wanted], search
    for search in ("nobody", "7XK3", "99999", "---", "%", "'", "zoe ada"):
        assert found(search) == [], search
    for search in ("x" * 201, "a\0b", "\ud800"):
        with pytest.raises(Invalid):
            found(search)


def test_only_those_who_work_there_read_a_venues_bookings() -> None:
    venue = make_venue()
    hidden = make_venue(is_public=False)
    limited = make_member(venue.organization)
    Membership.objects.filter(user=limited).update(venue_ids=[new_id()])
    suspended = make_member(venue.organization, is_active=False)
    refusals: list[tuple[Any, Venue, type[DomainError]]] = [
        (ANONYMOUS, venue, Unauthenticated),
        (account(suspended.pk), venue, Unauthenticated),
        (make_customer(), venue, Forbidden),
        (account(limited.pk), venue, Forbidden),
        (account(make_member(make_venue().organization).pk), venue, Forbidden),
        (make_customer(), hidden, NotFound),
    ]
    for actor, asked, refusal in refusals:
        with pytest.raises(refusal):
            venue_bookings(actor=actor, venue_id=asked.pk, first=1)
    with pytest.raises(Unauthenticated):
        my_bookings(actor=ANONYMOUS, first=1)


def test_a_cursor_that_is_not_ours_is_refused() -> None:
    user, resource = make_user(), make_resource()
    make_booking(resource, customer=user)
    actor = account(user.pk)
    cursor = my_bookings(actor=actor, first=1).cursors[0]
    for after in ("x", "x" * 300, cursor[:-8], "🦊"):
        with pytest.raises(Invalid):
            my_bookings(actor=actor, first=1, after=after)


def test_a_code_opens_its_booking_with_its_guests_address_only() -> None:
    resource = make_resource()
    booking = make_booking(resource, confirmation_code="7XK2QM9A")
    make_booking(resource, guest=make_guest(resource.venue, email=""))
    for code, email in (
        ("7XK2QM9A", "ada@example.org"),
        ("7xk2-qm9a", "Ada@Example.ORG "),
        (" 7XK2 QM9A", "ada@example.org"),
    ):
        assert booking_by_code(confirmation_code=code, email=email) == booking
    wrong = [("7XK2QM9A", "eve@example.org"), ("AAAAAAAA", "ada@example.org")]
    statements = set()
    for code, email in wrong:
        with (
            pytest.raises(NotFound),
            CaptureQueriesContext(
                connection,
            ) as asked,
        ):
            booking_by_code(confirmation_code=code, email=email)
        statements.add(len(asked))
    assert statements == {1}
    for code, email in (("7XK2QM9", "ada@example.org"), ("", ""), ("7XK2QM9A", "nobody")):
        with pytest.raises(Invalid):
            booking_by_code(confirmation_code=code, email=email)


def test_guesses_of_a_code_are_counted_before_anything_is_read(settings: Any) -> None:
    settings.AUTH_RATE_LIMIT_ACCOUNT = 3
    booking = make_booking(make_resource())
    email = f"{new_id().hex}@example.org"
    for _ in range(3):
        with pytest.raises(NotFound):
            booking_by_code(confirmation_code="AAAAAAAA", email=email)
    Guest.objects.filter(pk=booking.guest_id).update(email=email)
    with pytest.raises(TooManyAttempts), CaptureQueriesContext(connection) as asked:
        booking_by_code(confirmation_code=booking.confirmation_code, email=email)
    assert not len(asked)


def test_lists_use_their_indexes() -> None:
    venue = make_venue()
    actor = account(make_member(venue.organization).pk)
    resources = [make_resource(venue), *(make_resource() for _ in range(9))]
    users = [make_user() for _ in range(20)]
    _fill(resources, users)
    start = datetime(2027, 3, 28, tzinfo=UTC)
    mine, theirs = account(users[0].pk), {"actor": actor, "venue_id": venue.pk, "first": 20}
    cursor = my_bookings(actor=mine, first=20).cursors[-1]
    reads: list[tuple[Callable[[], object], tuple[str, ...]]] = [
        (lambda: my_bookings(actor=mine, first=20), ("booking_of_customer",)),
        (lambda: my_bookings(actor=mine, first=20, after=cursor), ("booking_of_customer",)),
        (
            lambda: my_bookings(actor=mine, status=BookingStatus.CONFIRMED, first=20),
            ("booking_of_customer",),
        ),
        (lambda: venue_bookings(day=start.date(), **theirs), ("booking_by_venue_and_time",)),
        (lambda: venue_bookings(**theirs), ("booking_by_venue_and_time",)),
        (lambda: venue_bookings(search="guest17", **theirs), ("guest_by_words",)),
        (lambda: booking_by_code(confirmation_code="00000000", email="guest0@example.org"), ()),
    ]
    large = ("bookings_booking", "bookings_guest")
    for number, (read, indexes) in enumerate(reads):
        plans = plans_of(read)
        assert not list(misplanned(plans, indexes=indexes, large=large)), number


def _fill(resources: list[Resource], users: list[Any]) -> None:
    guests = Guest.objects.bulk_create(
        Guest(
            organization=resource.organization,
            name=f"Person {number}",
            email=f"guest{number}@example.org",
        )
        for number in range(200)
        for resource in resources
    )
    start = datetime(2027, 3, 1, tzinfo=UTC)
    Booking.objects.bulk_create(
        Booking(
            organization=resource.organization,
            venue=resource.venue,
            resource=resource,
            guest=guests[number * len(resources) + place],
            customer=users[number % len(users)],
            status=BookingStatus.CONFIRMED,
            guest_count=1,
            seats=1,
            confirmation_code=f"{place:02}{number:06}",
            starts_at=start + timedelta(hours=6 * number),
            ends_at=start + timedelta(hours=6 * number + 1),
            created_at=start + timedelta(minutes=number),
            version=1,
        )
        for number in range(200)
        for place, resource in enumerate(resources)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE bookings_booking, bookings_guest")
