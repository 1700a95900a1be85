"""Rows for tests, each believable and as small as can be."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts.actors import Actor, account
from accounts.models import Login, Membership, Organization, Role, User
from accounts.services.logins import open_login
from accounts.tokens import issue_tokens
from bookings.guests import GuestDetails
from bookings.models import Slot
from bookings.requests.create import SeatsWanted
from venues.models import OpeningHours, Resource, Venue, Weekday

_numbers = count(1)

_access_tokens: dict[tuple[UUID, UUID | None], str] = {}

PASSWORD = "correct horse battery staple"


def make_user(**fields: Any) -> User:
    number = next(_numbers)
    defaults = {"email": f"person{number}@example.com", "name": f"Person {number}"}
    return User.objects.create_user(**(defaults | {"password": PASSWORD} | fields))


def make_login_user(**fields: Any) -> User:
    """A user whose password another process can check: hashed as in production."""
    user = make_user(**fields)
    hasher = Argon2PasswordHasher()
    User.objects.filter(pk=user.pk).update(password=hasher.encode(PASSWORD, hasher.salt()))
    return user


def make_organization(**fields: Any) -> Organization:
    number = next(_numbers)
    return Organization.objects.create(
        **({"name": f"Organization {number}", "slug": f"organization-{number}"} | fields)
    )


def make_member(
    organization: Organization,
    role: Role = Role.STAFF,
    *,
    venues: Sequence[Venue] = (),
    **fields: Any,
) -> User:
    """Somebody who works for the organization: everywhere, or at some venues only."""
    user = make_user(is_staff=True, **fields)
    Membership.objects.create(
        organization=organization, user=user, role=role, venue_ids=[venue.pk for venue in venues]
    )
    return user


def make_venue(**fields: Any) -> Venue:
    """A bare row; `make_resource` adds what can be booked there."""
    number = next(_numbers)
    fields.setdefault("organization", None)
    fields["organization"] = fields["organization"] or make_organization()
    defaults = {
        "name": f"Venue {number}",
        "slug": f"venue-{number}",
        "timezone": "Europe/Copenhagen",
        "street": f"Main Street {number}",
        "city": "Copenhagen",
        "country": "DK",
    }
    return Venue.objects.create(**(defaults | fields))


def make_resource(venue: Venue | None = None, **fields: Any) -> Resource:
    venue = venue or make_venue()
    defaults = {"name": f"Resource {next(_numbers)}", "capacity": 10}
    return Resource.objects.create(
        **({"organization": venue.organization, "venue": venue} | defaults | fields)
    )


def make_hours(resource: Resource, weekday: int = Weekday.MONDAY, **fields: Any) -> OpeningHours:
    defaults = {"opens_at": time(9), "closes_at": time(17)}
    return OpeningHours.objects.create(
        organization=resource.organization,
        venue=resource.venue,
        resource=resource,
        weekday=weekday,
        **(defaults | fields),
    )


def tomorrow_at(hour: int, minute: int = 0) -> datetime:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(hour, minute), tzinfo=UTC)


def make_slot(resource: Resource | None = None, **fields: Any) -> Slot:
    """A slot of half an hour, tomorrow at noon unless `starts_at` says otherwise."""
    resource = resource or make_resource()
    starts_at = fields.pop("starts_at", tomorrow_at(12))
    defaults = {"ends_at": starts_at + timedelta(minutes=30), "capacity": resource.capacity}
    return Slot.objects.create(
        organization_id=resource.organization_id,
        venue=resource.venue,
        resource=resource,
        starts_at=starts_at,
        **(defaults | fields),
    )


def make_consecutive_slots(resource: Resource, number: int) -> list[Slot]:
    first = tomorrow_at(12)
    return [
        make_slot(resource, starts_at=first + index * timedelta(minutes=30))
        for index in range(number)
    ]


def make_customer() -> Actor:
    return account(make_user().pk)


def seats_on(slot: Slot, guest_count: int = 1, **fields: Any) -> SeatsWanted:
    return SeatsWanted(slot.venue_id, slot.pk, guest_count, **fields)


def somebody() -> GuestDetails:
    return GuestDetails(name="Ada Guest", email="ada@example.org")


def bearer(actor: Actor) -> str:
    """The `Authorization` header of an actor: of the login that they name, or of one of theirs."""
    assert actor.user_id is not None
    key = (actor.user_id, actor.login_id)
    if key not in _access_tokens:
        user = User.objects.get(pk=actor.user_id)
        _access_tokens[key] = (
            open_login(user).access_token
            if actor.login_id is None
            else _access_token_of(Login.objects.get(pk=actor.login_id, user=user))
        )
    return f"Bearer {_access_tokens[key]}"


def _access_token_of(login: Login) -> str:
    return issue_tokens(
        user_id=login.user_id,
        login_id=login.pk,
        refresh_jti=login.refresh_jti,
        issued_at=login.refreshed_at,
    ).access
