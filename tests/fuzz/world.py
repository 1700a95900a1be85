"""The small world of one round: so few slots, seats and people that everything collides."""

from dataclasses import asdict, dataclass
from typing import Any

from accounts.models import Membership, Role, User
from bookings.models import Slot
from reserve.core.ids import new_id
from tests.factories import make_consecutive_slots, make_organization, make_resource, make_venue
from venues.models import BookingMode, ConfirmationMode

# So many processes a worker can stand for.
DESKS = 3
_CUSTOMERS = 4
_STAFF = 2


@dataclass(frozen=True, slots=True)
class SlotPlace:
    """A slot as callers know it, in order of its resource."""

    id: str
    venue: str
    resource: str
    is_exclusive: bool
    capacity: int
    starts_at: str
    ends_at: str


@dataclass(frozen=True, slots=True)
class World:
    organization: str
    slots: list[SlotPlace]
    customers: list[str]
    staff: list[str]
    limits: dict[str, int]
    """Open bookings that a customer may have, by venue; a venue without a limit is not in it."""

    @property
    def venues(self) -> list[str]:
        return list(dict.fromkeys(slot.venue for slot in self.slots))

    def to_message(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> "World":
        places = [SlotPlace(**slot) for slot in message["slots"]]
        return cls(**(message | {"slots": places}))


@dataclass(frozen=True, slots=True)
class Order:
    """A round of one worker."""

    name: str
    seed: str
    operations: int
    threads: int
    desks: int
    """Queues that the threads share, at most DESKS: so many processes they stand for."""
    has_guards: bool
    defect: str | None
    history: str
    world: dict[str, Any]


def make_world() -> World:
    """Three venues of one organization: shared, shared with a limit, exclusive with a limit."""
    organization = make_organization(slug=f"fuzz-{new_id().hex}")
    automatic = {"confirmation_mode": ConfirmationMode.AUTOMATIC, "hold_seconds": 1}
    manual = {"confirmation_mode": ConfirmationMode.MANUAL, "hold_seconds": 1}
    exclusive = {"booking_mode": BookingMode.EXCLUSIVE, "capacity": 4}
    plan: list[tuple[dict[str, Any], list[tuple[int, dict[str, Any]]]]] = [
        (automatic, [(6, {"capacity": 3}), (4, {"capacity": 6})]),
        (manual | {"open_bookings_per_customer": 2}, [(8, {"capacity": 4})]),
        (manual | {"open_bookings_per_customer": 3}, [(6, exclusive), (4, exclusive)]),
    ]
    slots: list[SlotPlace] = []
    limits: dict[str, int] = {}
    for rules, resources in plan:
        venue = make_venue(organization=organization, slug=f"fuzz-{new_id().hex}", **rules)
        if venue.open_bookings_per_customer is not None:
            limits[str(venue.pk)] = venue.open_bookings_per_customer
        for number, fields in resources:
            resource = make_resource(venue, **fields)
            slots += [place_of(slot) for slot in make_consecutive_slots(resource, number)]
    people = [
        User(email=f"{new_id().hex}@example.com", name=f"Person {number}", password="!")
        for number in range(_CUSTOMERS + _STAFF)
    ]
    User.objects.bulk_create(people)
    staff, customers = people[:_STAFF], people[_STAFF:]
    Membership.objects.bulk_create(
        Membership(organization=organization, user=person, role=Role.STAFF) for person in staff
    )
    return World(
        organization=str(organization.pk),
        slots=slots,
        customers=[str(person.pk) for person in customers],
        staff=[str(person.pk) for person in staff],
        limits=limits,
    )


def place_of(slot: Slot) -> SlotPlace:
    return SlotPlace(
        id=str(slot.pk),
        venue=str(slot.venue_id),
        resource=str(slot.resource_id),
        is_exclusive=slot.resource.is_exclusive,
        capacity=slot.capacity,
        starts_at=slot.starts_at.isoformat(),
        ends_at=slot.ends_at.isoformat(),
    )
