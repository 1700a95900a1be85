"""The demo, loaded once through the services, and everything that it promises."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db.models import F, Sum
from django.test import override_settings
from graphql import parse, validate
from graphql.language import ast

from accounts.actors import account
from accounts.models import Membership, Organization, Role, User
from bookings.models import Booking, Guest, Slot
from bookings.selectors import available_slots
from bookings.services.bookings import create_booking
from bookings.states import SEATED, BookingStatus
from reserve.core.clock import now
from reserve.demo import banner, load_demo, needs_demo
from reserve.demo import load as load_module
from reserve.demo.logins import ADMINISTRATOR, CUSTOMERS, DEMO_CUSTOMER, STAFF
from reserve.demo.plan import COMING_DAYS, PAST_DAYS
from reserve.outbox.models import Event
from reserve.schema import schema
from venues.models import BookingMode, Closure, ConfirmationMode, OpeningHours, Resource, Venue

# Everything that a load may add.
_TABLES = (
    User,
    Organization,
    Membership,
    Venue,
    Resource,
    OpeningHours,
    Closure,
    Slot,
    Booking,
    Guest,
    Event,
)


class Interrupted(Exception):
    pass


def counts() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in _TABLES}


def empty() -> None:
    call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(scope="module")
def _demo(django_db_setup, django_db_blocker):
    """The demo, loaded in two goes: the first breaks off in the middle of the bookings."""
    hasher = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with django_db_blocker.unblock(), hasher:
        empty()
        assert needs_demo()
        with pytest.MonkeyPatch.context() as patch:
            calls = 0

            def breaking_off(**arguments):
                nonlocal calls
                calls += 1
                if calls > 20:
                    raise Interrupted
                return create_booking(**arguments)

            patch.setattr(load_module, "create_booking", breaking_off)
            with pytest.raises(Interrupted):
                load_demo()
        assert Organization.objects.exists()
        assert needs_demo()
        call_command("load_demo", if_empty=True, stdout=StringIO())
        yield
        empty()


@pytest.fixture
def demo(_demo, django_db_blocker):
    with django_db_blocker.unblock():
        yield


pytestmark = pytest.mark.usefixtures("demo")


def test_two_organizations_with_five_venues_in_four_zones():
    assert Organization.objects.count() == 2
    venues = list(Venue.objects.all())
    assert len(venues) == 5
    zones = {venue.timezone: venue.zone for venue in venues}
    assert len(zones) == 4
    summer, winter = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    saving = [
        name
        for name, zone in zones.items()
        if summer.astimezone(zone).utcoffset() != winter.astimezone(zone).utcoffset()
    ]
    assert sorted(saving) == ["America/New_York", "Europe/Copenhagen"]


def test_venues_confirm_as_their_trade_does():
    modes = dict(Venue.objects.values_list("slug", "confirmation_mode"))
    assert modes == {
        "havnekaer": ConfirmationMode.AUTOMATIC,
        "museum-of-printing": ConfirmationMode.AUTOMATIC,
        "marsa-padel": ConfirmationMode.AUTOMATIC,
        "kamiya-barber": ConfirmationMode.MANUAL,
        "family-clinic": ConfirmationMode.MANUAL,
    }


def test_resources_are_shared_and_exclusive():
    kinds = Counter(Resource.objects.values_list("venue__slug", "booking_mode"))
    assert kinds == {
        ("havnekaer", BookingMode.SHARED): 3,
        ("marsa-padel", BookingMode.EXCLUSIVE): 4,
        ("kamiya-barber", BookingMode.EXCLUSIVE): 3,
        ("museum-of-printing", BookingMode.SHARED): 1,
        ("family-clinic", BookingMode.EXCLUSIVE): 3,
    }


def test_slots_fill_the_whole_horizon_and_some_weeks_of_past():
    for venue in Venue.objects.all():
        days = {
            venue.local(moment).date() for moment in venue.slots.values_list("starts_at", flat=True)
        }
        today = venue.local(now()).date()
        # No venue is closed for longer than a long holiday.
        assert today + venue.booking_horizon - timedelta(days=5) <= max(days)
        assert max(days) <= today + venue.booking_horizon
        assert min(days) <= today - timedelta(days=PAST_DAYS - 5)
        gaps = sorted(days)
        assert max(b - a for a, b in pairwise(gaps)) <= timedelta(days=6)


def test_slots_keep_to_opening_hours_and_closures():
    restaurant = Venue.objects.get(slug="havnekaer")
    local = [restaurant.local(slot.starts_at) for slot in restaurant.slots.all()]
    assert 0 not in {moment.weekday() for moment in local}
    assert {f"{moment:%H:%M}" for moment in local} == {"11:30", "13:00", "17:30", "19:00", "20:30"}
    assert Closure.objects.exists()
    for closure in Closure.objects.select_related("venue"):
        slots = closure.venue.slots.all()
        if closure.resource_id:
            slots = slots.filter(resource_id=closure.resource_id)
        days = {closure.venue.local(slot.starts_at).date() for slot in slots}
        assert not [day for day in days if closure.first_date <= day <= closure.last_date]


def test_bookings_are_there_in_every_status():
    statuses = Counter(Booking.objects.values_list("status", flat=True))
    expected = set(BookingStatus)
    anchor = Organization.objects.order_by("created_at")[0].created_at
    if not _somebody_can_be_there(anchor):
        expected -= {BookingStatus.CHECKED_IN}
    assert set(statuses) >= expected
    assert 400 <= sum(statuses.values()) <= 1_200
    assert statuses[BookingStatus.COMPLETED] > statuses[BookingStatus.NO_SHOW]


def _somebody_can_be_there(moment: datetime) -> bool:
    return any(
        venue.local(starts_at).date() == venue.local(moment).date()
        for venue in Venue.objects.all()
        for starts_at in venue.slots.filter(starts_at__lte=moment)
        .order_by("-starts_at")
        .values_list("starts_at", flat=True)[:1]
    )


def test_past_bookings_are_imported_and_over():
    imported = Event.objects.filter(name="booking.imported").values("subject_id")
    past = Booking.objects.filter(ends_at__lt=now() - timedelta(days=1))
    assert past.count() > 300
    assert not past.exclude(pk__in=imported).exists()
    open_ = {BookingStatus.HELD, BookingStatus.PENDING, BookingStatus.CONFIRMED}
    assert not open_ & set(past.values_list("status", flat=True))
    for venue in Venue.objects.all():
        first = past.filter(venue=venue).order_by("starts_at")[0].starts_at
        assert now() - first > timedelta(days=PAST_DAYS - 7)


def test_coming_bookings_went_through_the_desk():
    names = Counter(Event.objects.values_list("name", flat=True))
    assert names["booking.created"] >= 48
    assert names["booking.held"] >= 4
    assert {"booking.confirmed", "booking.cancelled", "booking.declined"} <= set(names)
    for venue in Venue.objects.all():
        coming = venue.bookings.filter(starts_at__gt=now())
        assert coming.filter(status=BookingStatus.PENDING).exists()
        assert coming.filter(status=BookingStatus.CONFIRMED).exists()
        assert coming.latest("starts_at").starts_at < now() + timedelta(days=COMING_DAYS + 1)


def test_evenings_and_weekends_are_fuller():
    restaurant = Venue.objects.get(slug="havnekaer")
    seats: Counter[str] = Counter()
    slots: Counter[str] = Counter()
    for slot in restaurant.slots.filter(ends_at__lt=now()):
        local = restaurant.local(slot.starts_at)
        kind = "weekend evening" if local.weekday() in {4, 5} and local.hour >= 17 else "other"
        seats[kind] += slot.reserved
        slots[kind] += slot.capacity
    assert seats["weekend evening"] / slots["weekend evening"] > 2 * seats["other"] / slots["other"]


def test_seats_are_the_sum_of_what_bookings_use():
    used = dict(
        Booking.objects.filter(status__in=SEATED)
        .values("slot_links__slot_id")
        .values_list("slot_links__slot_id")
        .annotate(seats=Sum("seats"))
    )
    for slot_id, reserved in Slot.objects.values_list("pk", "reserved"):
        assert reserved == used.get(slot_id, 0)
    assert not Slot.objects.filter(reserved__gt=F("capacity")).exists()


def test_exclusive_bookings_take_whole_slots_and_may_take_several():
    courts = Booking.objects.filter(resource__booking_mode=BookingMode.EXCLUSIVE)
    assert not courts.exclude(seats=F("resource__capacity")).exists()
    assert not courts.filter(guest_count__gt=F("resource__capacity")).exists()
    padel = courts.filter(venue__slug="marsa-padel", status=BookingStatus.COMPLETED)
    assert timedelta(minutes=90) in {booking.duration for booking in padel}


def test_demo_customer_has_past_and_coming_bookings():
    own = Booking.objects.filter(customer__email=DEMO_CUSTOMER.email)
    assert own.filter(starts_at__gt=now()).count() == 5
    assert own.filter(starts_at__lt=now()).count() == 5
    assert {booking.guest.name for booking in own} == {DEMO_CUSTOMER.name}
    # One guest of each organization, however they booked.
    assert len({booking.guest_id for booking in own}) == 2


def test_guests_reach_nobody():
    for guest in Guest.objects.all():
        assert guest.email or guest.phone
        assert guest.email.partition("@")[2] in {"", "example.com", "example.org", "example.net"}
        assert guest.email.isascii()
        fictional = (
            "+1 212 555 01",
            "+1 646 555 01",
            "+44 20 7946 0",
            "+49 30 23125 ",
            "+33 1 99 00 ",
            "+46 8 465 004 ",
            "+61 2 5550 ",
        )
        assert not guest.phone or guest.phone.startswith(fictional)
    assert len(set(Guest.objects.values_list("name", flat=True))) > 200


@pytest.mark.parametrize(
    "login", [*CUSTOMERS, *STAFF, ADMINISTRATOR], ids=lambda login: login.email
)
def test_everybody_can_log_in(login):
    user = User.objects.get(email=login.email)
    validate_password(login.password, user)
    assert user.check_password(login.password)
    assert user.is_superuser == (login is ADMINISTRATOR)
    assert user.is_staff == (login.role is not None or login is ADMINISTRATOR)


def test_each_organization_has_an_owner_a_manager_and_staff():
    for organization in Organization.objects.all():
        roles = Counter(organization.memberships.values_list("role", flat=True))
        assert roles == {Role.OWNER: 1, Role.MANAGER: 1, Role.STAFF: 1}


def test_loading_again_adds_nothing():
    before = counts()
    call_command("load_demo", stdout=StringIO())
    assert counts() == before


def test_loading_if_empty_is_silent_where_there_is_a_demo(django_assert_num_queries):
    out = StringIO()
    with django_assert_num_queries(3):
        call_command("load_demo", if_empty=True, stdout=out)
    assert out.getvalue() == ""


def test_banner_has_a_document_that_works():
    text = banner(4321)
    pages = ("/dashboard/", "/book/kestrel/havnekaer/", "/admin/")
    for path in ("/graphql", "/api/v1/", "/api/docs", *pages, "/health/ready"):
        assert f"http://localhost:4321{path}" in text
    for login in (*CUSTOMERS, *STAFF, ADMINISTRATOR):
        assert login.email in text
        assert login.password in text
    assert "development only" in text
    document = parse(text[text.index("mutation Login") :])
    assert validate(schema.graphql_schema, document) == []

    strings = _strings_by_name(document)
    slot = Slot.objects.get(pk=Slot.parse_id(strings["slotId"]))
    assert Venue.parse_id(strings["venueId"]) == slot.venue_id
    assert str(slot.venue.local(slot.starts_at).date()) == strings["date"]
    assert slot.starts_at > now()
    customer = account(User.objects.get(email=DEMO_CUSTOMER.email).pk)
    free = available_slots(
        actor=customer,
        venue_id=slot.venue_id,
        day=slot.venue.local(slot.starts_at).date(),
        guest_count=4,
    )
    assert slot.pk in {found.pk for found in free}


def _strings_by_name(node: ast.Node) -> dict[str, str]:
    """The string values of a document's arguments and input fields."""
    found: dict[str, str] = {}
    for key in node.keys:
        children = getattr(node, key, None)
        for child in children if isinstance(children, tuple | list) else [children]:
            if isinstance(child, ast.ArgumentNode | ast.ObjectFieldNode) and isinstance(
                child.value, ast.StringValueNode
            ):
                found[child.name.value] = child.value.value
            if isinstance(child, ast.Node):
                found |= _strings_by_name(child)
    return found


@pytest.mark.parametrize("command", ["load_demo", "demo_banner"])
def test_production_is_refused(settings, command):
    settings.PRODUCTION = True
    before = counts()
    with pytest.raises(CommandError, match=r"production\.$"):
        call_command(command, stdout=StringIO())
    assert counts() == before
