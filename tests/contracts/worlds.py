"""An organization with things of every kind, and nine people who ask for them."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from accounts.actors import SYSTEM, account
from accounts.models import Invitation, Login, Membership, Organization, Role, User
from accounts.services.logins import open_login
from accounts.services.suspension import suspend_user
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking, create_hold
from bookings.states import BookingStatus
from notifications.kinds import Platform
from notifications.models import Device
from reserve.core.clock import now
from reserve.core.ids import UlidModel, new_id
from tests.admin.tenants import Tenant, make_tenant
from tests.factories import (
    PASSWORD,
    make_consecutive_slots,
    make_member,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
    somebody,
    tomorrow_at,
)
from venues.models import Closure, Resource, SpecialHours, Venue
from webhooks.models import Webhook, WebhookDelivery

_numbers = count(1)


@dataclass
class World:
    """An organization with things of every kind, by the names of the placeholders."""

    tenant: Tenant
    customer: User
    private: Slot
    next_slot: Slot
    made: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """What a placeholder stands for: the same thing each time, or a new one."""
        if make := getattr(self, f"_new_{name}", None):
            return str(make())
        return self.ids[name]

    @property
    def ids(self) -> dict[str, str]:
        tenant = self.tenant
        return {
            "organization": tenant.organization.public_id,
            "venue": tenant.venue.public_id,
            "resource": tenant.resource.public_id,
            "slot": tenant.slot.public_id,
            "next_slot": self.next_slot.public_id,
            "private_venue": self.private.venue.public_id,
            "private_resource": self.private.resource.public_id,
            "private_slot": self.private.public_id,
            "sent_webhook": tenant.webhook.public_id,
            "email": self.customer.email,
        }

    def _booking(self, status: BookingStatus) -> str:
        take = create_hold if status == BookingStatus.HELD else create_booking
        seats = seats_on(self.tenant.slot, 2)
        if self.tenant.venue.is_public:
            booking = take(actor=account(self.customer.pk), seats=seats)
        else:
            staff = account(self.tenant.staff.pk)
            booking = take(actor=staff, seats=seats_on(self.tenant.slot, 2, guest=somebody()))
        if status not in {BookingStatus.HELD, BookingStatus.PENDING}:
            Booking.objects.filter(pk=booking.pk).update(status=status)
        return booking.public_id

    def _new_booking(self) -> str:
        return self._booking(BookingStatus.PENDING)

    def _new_hold(self) -> str:
        return self._booking(BookingStatus.HELD)

    def _new_confirmed(self) -> str:
        return self._booking(BookingStatus.CONFIRMED)

    def _new_arrived(self) -> str:
        return self._booking(BookingStatus.CHECKED_IN)

    def _new_login(self) -> str:
        open_login(self.customer)
        return Login.objects.filter(user=self.customer).latest("pk").public_id

    def _new_device(self) -> str:
        return Device.objects.create(
            user=self.customer, platform=Platform.IOS, token=self._new_unique()
        ).public_id

    def _new_member(self) -> str:
        person = make_member(self.tenant.organization)
        return Membership.objects.get(user=person).public_id

    def _new_invitation(self) -> str:
        return Invitation.objects.create(
            organization=self.tenant.organization,
            email=f"invited{next(_numbers)}@example.com",
            role=Role.STAFF,
            expires_at=now() + timedelta(days=1),
        ).public_id

    def _new_webhook(self) -> str:
        return Webhook.objects.create(
            organization=self.tenant.organization,
            url="https://example.com/hooks",
            sealed_secret="s",
        ).public_id

    def _new_webhook_delivery(self) -> str:
        return WebhookDelivery.objects.create(
            organization=self.tenant.organization,
            webhook=self.tenant.webhook,
            type="webhook.test",
            subject_id=new_id(),
            sequence=1,
            state="SENT",
        ).public_id

    def _new_closure(self) -> str:
        day = self._new_day()
        return self._rule(Closure, first_date=day, last_date=day)

    def _new_special_hours(self) -> str:
        day = self._new_day()
        hours = {"opens_at": "09:00", "closes_at": "12:00"}
        return self._rule(SpecialHours, first_date=day, last_date=day, **hours)

    def _rule(self, kind: Any, **fields: Any) -> str:
        venue = self.tenant.venue
        row: UlidModel = kind.objects.create(organization=venue.organization, venue=venue, **fields)
        return row.public_id

    def _new_unique(self) -> str:
        return f"new-{next(_numbers)}"

    def _new_day(self) -> date:
        return date(2028, 1, 1) + timedelta(days=next(_numbers))

    def _new_start(self) -> str:
        return (tomorrow_at(0) + timedelta(days=2, minutes=3 * next(_numbers))).isoformat()

    def _new_end(self) -> str:
        # Whoever asks for a start asks for an end next: these numbers follow each other.
        return (tomorrow_at(0) + timedelta(days=2, minutes=3 * next(_numbers) - 1)).isoformat()

    def absent(self, name: str) -> str:
        """An id of the same kind as a placeholder's, which nothing has."""
        return MODELS[name].format_id(new_id())


MODELS: dict[str, type[UlidModel]] = {
    "organization": Organization,
    "venue": Venue,
    "private_venue": Venue,
    "resource": Resource,
    "private_resource": Resource,
    "slot": Slot,
    "next_slot": Slot,
    "private_slot": Slot,
    "booking": Booking,
    "hold": Booking,
    "confirmed": Booking,
    "arrived": Booking,
    "login": Login,
    "device": Device,
    "member": Membership,
    "invitation": Invitation,
    "webhook": Webhook,
    "sent_webhook": Webhook,
    "webhook_delivery": WebhookDelivery,
    "closure": Closure,
    "special_hours": SpecialHours,
}


def make_world(word: str, *, is_public: bool = True) -> World:
    tenant = make_tenant(word)
    Slot.objects.filter(pk=tenant.slot.pk).update(capacity=5000)
    Resource.objects.filter(pk=tenant.resource.pk).update(capacity=5000)
    Venue.objects.filter(pk=tenant.venue.pk).update(is_public=is_public)
    tenant.venue.refresh_from_db()
    hidden = make_venue(organization=tenant.organization, is_public=False)
    next_slot = make_slot(tenant.resource, starts_at=tenant.slot.ends_at, capacity=5000)
    return World(
        tenant,
        User.objects.get(pk=tenant.booking.customer_id),
        private=make_consecutive_slots(make_resource(hidden), 1)[0],
        next_slot=next_slot,
    )


@dataclass
class Callers:
    people: dict[str, User | None]
    _tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, caller: str) -> dict[str, str]:
        person = self.people[caller]
        if person is None:
            return {}
        if caller not in self._tokens:
            self._tokens[caller] = open_login(person).access_token
            if caller == "suspended":
                suspend_user(actor=SYSTEM, user_id=person.pk)
        return {"Authorization": f"Bearer {self._tokens[caller]}"}

    def log_in_again(self) -> None:
        kept = self._tokens.get("suspended")
        self._tokens = {"suspended": kept} if kept else {}


def make_people(world: World) -> dict[str, User | None]:
    """The nine callers of `tests.contracts.roles`."""
    organization = world.tenant.organization
    elsewhere = make_venue(organization=organization)
    foreign = make_tenant("foreign").owner
    people = {
        "anonymous": None,
        "customer": world.customer,
        "other": make_user(),
        "staff": world.tenant.staff,
        "elsewhere": make_member(organization, venues=[elsewhere]),
        "foreign": foreign,
        "manager": world.tenant.manager,
        "suspended": make_user(),
        "administrator": make_user(is_staff=True, is_superuser=True),
    }
    # Of one round, which the server checks in no time.
    password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
    for person in people.values():
        if person is not None:
            person.password = password
            person.save(update_fields=["password"])
    return people
