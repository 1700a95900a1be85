"""Organizations with a row of everything, and the pages on which rows appear."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db import models
from django.urls import reverse

from accounts.actors import account
from accounts.models import Invitation, Membership, Organization, Role, User
from bookings.models import Booking, Guest, LedgerCheck, Slot
from bookings.services.bookings import apply_transition, create_booking, create_hold
from bookings.states import CANCEL
from notifications.kinds import Audience, Channel, Kind, Urgency
from notifications.models import Delivery, DeliveryState, Wording
from reserve.core.clock import now
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.factories import (
    make_hours,
    make_member,
    make_organization,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
)
from venues.models import Closure, Resource, Venue
from webhooks.models import Webhook, WebhookDelivery

_numbers = count(1)

# Those of the tenants; users belong to nobody.
TENANT_MODELS: tuple[type[models.Model], ...] = (
    *(Organization, Membership, Invitation, Venue, Resource, Closure, Slot, Booking, Guest, Event),
    *(Delivery, Wording, Webhook, WebhookDelivery),
)
# Their rows belong to no organization.
SUPERUSER_MODELS: tuple[type[models.Model], ...] = (User, LedgerCheck)


@dataclass
class Tenant:
    """One organization; its texts contain `word`."""

    organization: Organization
    owner: User
    manager: User
    staff: User
    venue: Venue
    resource: Resource
    closure: Closure
    slot: Slot
    booking: Booking
    guest: Guest
    event: Event
    ledgercheck: LedgerCheck
    invitation: Invitation
    delivery: Delivery
    wording: Wording
    webhook: Webhook
    webhookdelivery: WebhookDelivery

    def member(self, role: str) -> User:
        member: User = getattr(self, role)
        return member

    def row_of(self, model: type[models.Model]) -> models.Model:
        if model is Membership:
            return Membership.objects.get(organization=self.organization, user=self.staff)
        row: models.Model = getattr(self, model._meta.model_name or "")
        return row


def make_tenant(word: str) -> Tenant:
    organization = make_organization(name=f"Group {word}", slug=f"group-{word}")
    people = {
        role: make_member(
            organization,
            Role(role.upper()),
            email=f"{role}@{word}.example",
            name=f"{role} {word}",
            phone=f"1 {word}",
        )
        for role in ("owner", "manager", "staff")
    }
    rows = make_rows(organization, word)
    return Tenant(organization=organization, **people, **rows)


def make_rows(organization: Organization, word: str) -> dict[str, Any]:
    """A venue with one of everything, and a booking that has a history."""
    number = next(_numbers)
    venue = make_venue(
        organization=organization,
        name=f"Venue {word} {number}",
        slug=f"venue-{word}-{number}",
        description=f"About {word}",
        street=f"Street {word}",
        postal_code=word,
        city=f"City {word}",
        confirmation_mode="MANUAL",
    )
    resource = make_resource(venue, name=f"Room {word}")
    make_hours(resource)
    closure = Closure.objects.create(
        organization=organization,
        venue=venue,
        resource=resource,
        first_date=date(2030, 1, 1),
        last_date=date(2030, 1, 2),
        reason=f"Closed for {word}",
    )
    # Tomorrow where the venue is, which late in the evening UTC is not.
    tomorrow = resource.venue.local(now()).date() + timedelta(days=1)
    slot = make_slot(resource, starts_at=datetime.combine(tomorrow, time(12), UTC))
    customer = make_user(
        name=f"Guest {word}", email=f"guest{number}@{word}.example", phone=f"2 {word}"
    )
    booking = create_booking(
        actor=account(customer.pk), seats=seats_on(slot, 2, notes=f"Notes {word}")
    )
    # And a hold that has lapsed.
    hold = create_hold(actor=account(customer.pk), seats=seats_on(slot, 3))
    lapse = datetime.now(UTC) - timedelta(minutes=1)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=lapse)
    Slot.objects.filter(pk=slot.pk).update(next_lapse_at=lapse)
    webhook = Webhook.objects.create(
        organization=organization,
        url=f"https://{word}.example/hooks",
        description=f"Told to {word}",
        sealed_secret=f"whsec_{word}",
    )
    return {
        "venue": venue,
        "resource": resource,
        "closure": closure,
        "slot": slot,
        "booking": booking,
        "guest": booking.guest,
        "event": Event.objects.create(
            organization_id=organization.pk,
            name=f"booking.{word}",
            subject_id=new_id(),
            sequence=1,
            payload={"reason": word, "actor": word},
            request_id=word,
            last_error=f"ValueError: secret {word}",
            dead_at=lapse,
            attempts=8,
        ),
        "invitation": Invitation.objects.create(
            organization=organization,
            email=f"invited{number}@{word}.example",
            role=Role.STAFF,
            expires_at=lapse,
        ),
        "delivery": Delivery.objects.create(
            organization=organization,
            venue=venue,
            booking=booking,
            occasion=word,
            kind=Kind.CONFIRMED,
            channel=Channel.EMAIL,
            audience=Audience.GUEST,
            recipient=word,
            guest=booking.guest,
            facts={"reason": word},
            urgency=Urgency.PROMPT,
            state=DeliveryState.DEAD,
            provider_id=word,
            outcome=word,
        ),
        "wording": Wording.objects.create(
            organization=organization,
            kind=Kind.CONFIRMED,
            # Each language has one, and these are rows to be counted.
            language=f"en-x-{number}",
            subject=f"Welcome to {word}",
            body=f"Yours, {word}",
        ),
        "webhook": webhook,
        "webhookdelivery": WebhookDelivery.objects.create(
            organization=organization,
            webhook=webhook,
            type=f"booking.{word}",
            subject_id=booking.pk,
            sequence=1,
            request_id=word,
            state="DEAD",
            log=[{"response": word}],
        ),
        # No tenant's; but what it found may name anybody's rows.
        "ledgercheck": LedgerCheck.objects.create(
            started_at=lapse,
            seconds=1,
            slots=1,
            bookings=1,
            events=1,
            problem_count=1,
            problems=[{"check": word, "subject": word, "figures": {}}],
        ),
    }


def cancel(tenant: Tenant, reason: str) -> None:
    apply_transition(
        actor=account(tenant.staff.pk),
        booking_id=tenant.booking.pk,
        transition=CANCEL,
        reason=reason,
    )


def page_of(model: type[models.Model], page: str, row: models.Model | None = None) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(name, args=(row.pk,) if row is not None else ())


def registered() -> Iterator[tuple[type[models.Model], ModelAdmin]]:
    yield from admin.site._registry.items()


def is_question(response: Any) -> bool:
    """Whether a page shows what would become of slots, and asks."""
    return response.status_code == 200 and "booking_count" in (response.context or {})


def answer(response: Any) -> dict[str, list[str]]:
    """What the page's form sends."""
    fields: dict[str, list[str]] = {}
    for name, value in response.context["fields"]:
        fields.setdefault(name, []).append(str(value))
    return fields
