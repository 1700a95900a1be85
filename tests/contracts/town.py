"""One person's world with as many of everything as are wanted, for counting statements."""

from datetime import date, time, timedelta
from typing import Any

from accounts.actors import Actor, account
from accounts.models import Invitation, Login, Membership, Organization, Role, User
from bookings.models import Booking, BookingSlot, Guest, Slot
from bookings.states import BookingStatus
from notifications.kinds import Platform
from notifications.models import Device
from notifications.selectors import MAX_DEVICES
from reserve.core.clock import now
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.factories import make_user, tomorrow_at
from venues.models import Closure, OpeningHours, Resource, SpecialHours, Venue
from webhooks.models import FeedEntry, Webhook, WebhookDelivery


class Town:
    """`number` organizations, venues and bookings, and as many rows below the first of each."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._owner = make_user()
        self.actor: Actor = account(self._owner.pk)
        self.organizations = self._make_organizations()
        self.organization = self.organizations[0]
        self._make_logins()
        self._make_devices()
        self._make_feed()
        self.venues = self._make_venues()
        self.venue = self.venues[0]
        self._make_schedules()
        booked = [slot for slot in self._slots if slot.reserved]
        self._book(booked[:number], customer=self._owner)
        self._make_hall()

    @property
    def day(self) -> date:
        """The local day of the first venue on which it has its slots."""
        return tomorrow_at(12).date()

    @property
    def variables(self) -> dict[str, Any]:
        openings = [
            {
                "weekday": 0,
                "opensAt": "09:00",
                "closesAt": "10:00",
                "validFrom": (self.day + timedelta(days=7 * each)).isoformat(),
                "validUntil": (self.day + timedelta(days=7 * each + 6)).isoformat(),
            }
            for each in range(self.number)
        ]
        special = [
            {
                "firstDate": (self.day + timedelta(days=400 + each)).isoformat(),
                "lastDate": (self.day + timedelta(days=400 + each)).isoformat(),
                "opensAt": "09:00",
                "closesAt": "10:00",
            }
            for each in range(self.number)
        ]
        return {
            "organization": self.organization.public_id,
            "venue": self.venue.public_id,
            "webhook": self._webhook.public_id,
            "hallVenue": self.hall.venue.public_id,
            "hall": self.hall.public_id,
            "venues": [venue.public_id for venue in self.venues],
            "day": self.day.isoformat(),
            "last": (self.day + timedelta(days=self.number - 1)).isoformat(),
            "openings": openings,
            "special": special,
        }

    def _make_organizations(self) -> list[Organization]:
        numbers = range(self.number)
        made = Organization.objects.bulk_create(
            Organization(name=f"Town {each}", slug=new_id().hex) for each in numbers
        )
        people = User.objects.bulk_create(
            User(email=f"{new_id().hex}@example.com", name=f"Person {each}") for each in numbers
        )
        own = [Membership(organization=each, user=self._owner, role=Role.OWNER) for each in made]
        others = [
            Membership(
                organization=organization, user=person, role=Role.STAFF, venue_ids=[new_id()]
            )
            for organization, person in [
                *((made[0], person) for person in people),
                *((organization, people[0]) for organization in made[1:]),
            ]
        ]
        Membership.objects.bulk_create([*own, *others])
        Invitation.objects.bulk_create(
            Invitation(
                organization=organization,
                email=f"{new_id().hex}@example.com",
                role=Role.STAFF,
                venue_ids=[new_id()],
                expires_at=now() + timedelta(days=1),
            )
            for organization in [*([made[0]] * self.number), *made]
        )
        return made

    def _make_logins(self) -> None:
        Login.objects.bulk_create(
            Login(
                user=self._owner,
                expires_at=now() + timedelta(days=1),
                refreshed_at=now(),
                refresh_jti=new_id().hex,
            )
            for _ in range(self.number)
        )

    def _make_devices(self) -> None:
        Device.objects.bulk_create(
            Device(user=self._owner, platform=Platform.IOS, token=new_id().hex)
            for _ in range(min(self.number, MAX_DEVICES))
        )

    def _make_feed(self) -> None:
        moment = self.day.isoformat() + "T12:00:00+00:00"
        events = Event.objects.bulk_create(
            Event(
                organization_id=self.organization.pk,
                name="booking.created",
                subject_id=new_id(),
                sequence=1,
                payload={
                    "booking": Booking.format_id(new_id()),
                    "venue": Venue.format_id(new_id()),
                    "resource": Resource.format_id(new_id()),
                    "status": BookingStatus.PENDING,
                    "guest_count": 1,
                    "seats": 1,
                    "starts_at": moment,
                    "ends_at": moment,
                },
            )
            for _ in range(self.number)
        )
        FeedEntry.objects.bulk_create(
            FeedEntry(organization_id=self.organization.pk, event=event) for event in events
        )
        webhooks = Webhook.objects.bulk_create(
            Webhook(
                organization=self.organization,
                url="https://example.com/hooks",
                sealed_secret="whsec_",
                event_types=[new_id().hex for _ in range(self.number)],
            )
            for _ in range(self.number)
        )
        self._webhook = webhooks[0]
        WebhookDelivery.objects.bulk_create(
            WebhookDelivery(
                organization=self.organization,
                webhook=webhooks[0],
                event=event,
                type=event.name,
                subject_id=event.subject_id,
                sequence=1,
                log=[{"status": 500} for _ in range(self.number)],
            )
            for event in events
        )

    def _make_venues(self) -> list[Venue]:
        return Venue.objects.bulk_create(
            Venue(
                organization=self.organization,
                name=f"Venue {each}",
                slug=new_id().hex,
                timezone="UTC",
                picture_urls=[f"https://example.com/{n}" for n in range(min(self.number, 10))],
            )
            for each in range(self.number)
        )

    def _make_schedules(self) -> None:
        """A resource, hours and closures for each venue; the first has as many of each."""
        places = [*([self.venue] * self.number), *self.venues]
        resources = Resource.objects.bulk_create(
            Resource(
                organization=self.organization,
                venue=venue,
                name=new_id().hex,
                capacity=10,
                position=position,
            )
            for position, venue in enumerate(places)
        )
        owners = [*((venue, None) for venue in places), *((r.venue, r) for r in resources)]
        clock: dict[str, Any] = {
            "organization": self.organization,
            "opens_at": time(9),
            "closes_at": time(17),
        }
        far = self.day + timedelta(days=300)
        dates = {"first_date": far, "last_date": far}
        OpeningHours.objects.bulk_create(
            OpeningHours(venue=venue, resource=resource, weekday=each % 7, **clock)
            for each, (venue, resource) in enumerate(owners)
        )
        SpecialHours.objects.bulk_create(
            SpecialHours(venue=venue, resource=resource, **clock, **dates)
            for venue, resource in owners
        )
        Closure.objects.bulk_create(
            Closure(organization=self.organization, venue=venue, resource=resource, **dates)
            for venue, resource in owners
        )
        self._slots = Slot.objects.bulk_create(
            Slot(
                organization=self.organization,
                venue=resource.venue,
                resource=resource,
                starts_at=tomorrow_at(hour),
                ends_at=tomorrow_at(hour, 30),
                capacity=10,
                reserved=1 if hour == 12 else 0,
            )
            for resource in resources
            for hour in (12, 15)
        )

    def _make_hall(self) -> None:
        """A resource with slots that are booked, and as many that are not."""
        venue = Venue.objects.create(
            organization=self.organization, name="Hall", slug=new_id().hex, timezone="UTC"
        )
        self.hall = Resource.objects.create(
            organization=self.organization, venue=venue, name="Hall", capacity=10
        )
        length = timedelta(minutes=5)
        slots = Slot.objects.bulk_create(
            Slot(
                organization=self.organization,
                venue=venue,
                resource=self.hall,
                starts_at=tomorrow_at(0) + each * length,
                ends_at=tomorrow_at(0) + (each + 1) * length,
                capacity=10,
                reserved=1 if each < self.number else 0,
            )
            for each in range(2 * self.number)
        )
        self._book(slots[: self.number], customer=None)

    def _book(self, slots: list[Slot], customer: User | None) -> None:
        """One booking on each slot, each for a guest of its own."""
        guests = Guest.objects.bulk_create(
            Guest(organization=self.organization, name=f"Guest {each}", email="g@example.com")
            for each in range(len(slots))
        )
        bookings = Booking.objects.bulk_create(
            Booking(
                organization=self.organization,
                venue=slot.venue,
                resource=slot.resource,
                customer=customer,
                guest=guest,
                status=BookingStatus.CONFIRMED,
                guest_count=1,
                seats=1,
                confirmation_code=new_id().hex[-8:].upper(),
                starts_at=slot.starts_at,
                ends_at=slot.ends_at,
                created_at=now(),
                version=1,
            )
            for slot, guest in zip(slots, guests, strict=True)
        )
        BookingSlot.objects.bulk_create(
            BookingSlot(booking=booking, slot=slot, organization=self.organization)
            for booking, slot in zip(bookings, slots, strict=True)
        )
