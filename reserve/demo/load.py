"""Loading the demo, step by step through the services.

Each step looks for its rows by their natural keys and adds what is missing, so
that a load that was interrupted is completed by the next. The administrator
comes last and thereby marks the load as complete; from then on the bookings are
left alone.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import transaction

from accounts.actors import SYSTEM, Actor, account
from accounts.models import Membership, Organization, Role, User
from accounts.services.memberships import add_member
from accounts.services.organizations import create_organization
from accounts.services.users import create_user
from bookings.models import Booking, Slot
from bookings.requests.create import SeatsWanted
from bookings.requests.imported import ImportBooking
from bookings.services.bookings import (
    apply_transition,
    create_booking,
    create_hold,
    import_bookings,
)
from bookings.services.publication import publish, republish
from bookings.states import CANCEL, CHECK_IN, BookingStatus, Transition
from reserve.core.clock import now
from reserve.core.errors import DomainError
from reserve.demo.logins import ADMINISTRATOR, CUSTOMERS, STAFF, DemoLogin
from reserve.demo.places import ORGANIZATIONS, DemoOrganization, DemoVenue, Holiday
from reserve.demo.plan import COMING_DAYS, PAST_DAYS, Planned, plan_bookings
from venues.models import Resource, Venue
from venues.schedule import instant
from venues.services.resources import ResourceDetails, add_resource
from venues.services.schedule import add_closure, set_opening_hours
from venues.services.venues import create_venue

# Where a booking is found again: its resource, its start, its guest's name.
_Key = tuple[UUID, datetime, str]
_YEAR = 365


def needs_demo() -> bool:
    """Whether there is nothing yet, or a demo whose loading was interrupted."""
    if not Organization.objects.exists():
        return True
    return _is_ours(ORGANIZATIONS[0]) and not is_complete()


def is_complete() -> bool:
    return User.objects.filter(email=ADMINISTRATOR.email).exists()


def _is_ours(demo: DemoOrganization) -> bool:
    return Membership.objects.filter(
        organization__slug=demo.slug, user__email__in=[login.email for login in STAFF]
    ).exists()


def load_demo() -> None:
    """Add what is missing of the demo: people, organizations, venues, slots, bookings."""
    users = {login.email: _ensure_user(login) for login in (*CUSTOMERS, *STAFF)}
    complete = is_complete()
    for demo in ORGANIZATIONS:
        organization = _ensure_organization(demo, users)
        venues = [_ensure_venue(organization, venue) for venue in demo.venues]
        if not complete:
            _Bookings(organization, users).load(zip(demo.venues, venues, strict=True))
    if not complete:
        User.objects.create_superuser(
            ADMINISTRATOR.email, ADMINISTRATOR.password, name=ADMINISTRATOR.name
        )


# --- People -----------------------------------------------------------------------


def _ensure_user(login: DemoLogin) -> User:
    return User.objects.filter(email=login.email).first() or create_user(
        email=login.email,
        password=login.password,
        name=login.name,
        phone=login.phone,
        locale=login.locale,
        email_verified_at=now(),
    )


def _ensure_organization(demo: DemoOrganization, users: dict[str, User]) -> Organization:
    # At once, or an interruption could leave an organization that nobody knows as ours.
    with transaction.atomic():
        organization = Organization.objects.filter(slug=demo.slug).first() or create_organization(
            actor=SYSTEM, name=demo.name, slug=demo.slug
        )
        members = set(organization.memberships.values_list("user_id", flat=True))
        for login in STAFF:
            user = users[login.email]
            if login.organization == demo.slug and login.role and user.pk not in members:
                add_member(actor=SYSTEM, organization=organization, user=user, role=login.role)
    return organization


# --- Places -----------------------------------------------------------------------


def _ensure_venue(organization: Organization, demo: DemoVenue) -> Venue:
    owner = _member(organization, Role.OWNER)
    first, *others = (
        ResourceDetails(
            name=wanted.name,
            capacity=wanted.capacity,
            booking_mode=wanted.booking_mode,
            position=position,
        )
        for position, wanted in enumerate(demo.resources)
    )
    venue = organization.venues.filter(slug=demo.details.slug).first() or create_venue(
        actor=owner, organization_id=organization.pk, details=demo.details, resource=first
    )
    resources = {resource.name: resource for resource in venue.resources.all()}
    for details in others:
        if details.name not in resources:
            resources[details.name] = add_resource(actor=owner, venue_id=venue.pk, details=details)
    if not venue.opening_hours.exists():
        set_opening_hours(actor=owner, venue_id=venue.pk, resource_id=None, openings=demo.openings)
    _ensure_closures(owner, venue, demo, resources)
    today = venue.local(organization.created_at).date()
    publish(
        venue_id=venue.pk,
        first_date=today - timedelta(days=PAST_DAYS),
        last_date=today - timedelta(days=1),
    )
    republish(venue_id=venue.pk)
    return venue


def _ensure_closures(
    owner: Actor, venue: Venue, demo: DemoVenue, resources: dict[str, Resource]
) -> None:
    today = venue.local(venue.organization.created_at).date()
    known = set(venue.closures.values_list("resource_id", "first_date"))
    for closed, days, reason, name in _closures(demo, today):
        resource_id = resources[name].pk if name else None
        if (resource_id, closed) not in known:
            add_closure(
                actor=owner,
                venue_id=venue.pk,
                resource_id=resource_id,
                first_date=closed,
                last_date=closed + timedelta(days=days - 1),
                reason=reason,
            )


def _closures(demo: DemoVenue, today: date) -> Iterable[tuple[date, int, str, str | None]]:
    for works in demo.works:
        yield today + timedelta(days=works.in_days), works.days, works.reason, works.resource
    for holiday in demo.holidays:
        for first_date in _dates_of(holiday, today):
            yield first_date, holiday.days, holiday.reason, None


def _dates_of(holiday: Holiday, today: date) -> list[date]:
    """When a holiday begins, from the past that is published to a year ahead."""
    dates = [date(today.year + offset, holiday.month, holiday.day) for offset in (-1, 0, 1)]
    return [day for day in dates if -PAST_DAYS - holiday.days < (day - today).days <= _YEAR]


# --- Bookings ---------------------------------------------------------------------


def _member(organization: Organization, role: Role) -> Actor:
    membership = organization.memberships.filter(role=role).order_by("created_at").first()
    return account(membership.user_id) if membership else SYSTEM


@dataclass(frozen=True, slots=True)
class _Known:
    """A booking that an interrupted load has left."""

    booking_id: UUID
    status: str


class _Bookings:
    """The bookings of one organization, as they were on the day when it was created."""

    def __init__(self, organization: Organization, users: dict[str, User]) -> None:
        self._organization = organization
        self._users = users
        self._manager = _member(organization, Role.MANAGER)
        self._staff = _member(organization, Role.STAFF)
        self._known: dict[_Key, _Known] = {}

    def load(self, venues: Iterable[tuple[DemoVenue, Venue]]) -> None:
        plan = [booking for demo, venue in venues for booking in self._plan(demo, venue)]
        bookings = Booking.objects.filter(organization=self._organization)
        self._known = {
            (resource_id, starts_at, name): _Known(booking_id, status)
            for resource_id, starts_at, name, booking_id, status in bookings.values_list(
                "resource_id", "starts_at", "guest__name", "id", "status"
            )
        }
        self._import([planned for planned in plan if planned.imported])
        for planned in plan:
            if not planned.imported:
                self._create(planned)
            if planned.then:
                self._advance(planned, planned.then)

    def _plan(self, demo: DemoVenue, venue: Venue) -> list[Planned]:
        now = self._organization.created_at
        today = venue.local(now).date()
        bounds = [
            instant(today + timedelta(days=days), time.min, venue.zone)
            for days in (-PAST_DAYS, COMING_DAYS)
        ]
        slots = Slot.objects.filter(venue=venue, starts_at__gte=bounds[0], starts_at__lt=bounds[1])
        return plan_bookings(
            demo=demo,
            venue=venue,
            slots=list(slots.order_by("starts_at", "resource__position")),
            now=now,
        )

    def _import(self, plan: Sequence[Planned]) -> None:
        missing = [planned for planned in plan if self._key(planned) not in self._known]
        outcomes = import_bookings(
            requests=[
                # The system's word is taken for all; a manager's would be checked for each.
                ImportBooking(
                    actor=SYSTEM,
                    slot_id=planned.slots[0].pk,
                    slot_count=len(planned.slots),
                    status=planned.begins_as,
                    guest_count=planned.party,
                    guest=planned.guest,
                    customer_id=self._users[planned.customer].pk if planned.customer else None,
                    created_at=planned.created_at,
                    notes=planned.notes,
                )
                for planned in missing
            ]
        )
        for planned, outcome in zip(missing, outcomes, strict=True):
            if isinstance(outcome, Booking):
                self._remember(planned, outcome)
            elif isinstance(outcome, Exception) and not isinstance(outcome, DomainError):
                raise outcome

    def _create(self, planned: Planned) -> None:
        if self._key(planned) in self._known:
            return
        actor = account(self._users[planned.customer].pk) if planned.customer else self._manager
        create = create_hold if planned.begins_as == BookingStatus.HELD else create_booking
        seats = SeatsWanted(
            venue_id=planned.slots[0].venue_id,
            slot_id=planned.slots[0].pk,
            guest_count=planned.party,
            slot_count=len(planned.slots),
            notes=planned.notes,
            guest=planned.guest,
        )
        # Long after an interruption a slot may have passed, or somebody else has it.
        with suppress(DomainError):
            self._remember(planned, create(actor=actor, seats=seats))

    def _advance(self, planned: Planned, transition: Transition) -> None:
        known = self._known.get(self._key(planned))
        if known is None or known.status != planned.begins_as:
            return
        if planned.customer and transition is CANCEL:
            actor = account(self._users[planned.customer].pk)
        else:
            actor = self._staff if transition is CHECK_IN else self._manager
        # Long after an interruption it may be too late, or somebody else was quicker.
        with suppress(DomainError):
            apply_transition(
                actor=actor,
                booking_id=known.booking_id,
                transition=transition,
                reason=planned.reason,
            )

    def _remember(self, planned: Planned, booking: Booking) -> None:
        self._known[self._key(planned)] = _Known(booking.pk, booking.status)

    def _key(self, planned: Planned) -> _Key:
        name = self._users[planned.customer].name if planned.customer else ""
        if planned.guest:
            name = planned.guest.name
        return planned.slots[0].resource_id, planned.starts_at.astimezone(UTC), name
