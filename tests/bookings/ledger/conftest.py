from collections.abc import Iterator

import pytest

from bookings.services.bookings import confirm_automatically, create_booking, create_hold
from tests.bookings.ledger.story import Story, execute
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_venue,
    seats_on,
)


@pytest.fixture
def story() -> Story:
    venue = make_venue()
    resource, other_resource = make_resource(venue), make_resource(venue)
    slots = make_consecutive_slots(resource, 4)
    actor = make_customer()
    confirmed = create_booking(actor=actor, seats=seats_on(slots[0], 2))
    confirm_automatically(causes={confirmed.pk: ""})
    held = create_hold(actor=actor, seats=seats_on(slots[0], 3))
    long = create_booking(actor=actor, seats=seats_on(slots[1], 2, slot_count=3))
    return Story(resource, other_resource, slots, confirmed, held, long, actor)


@pytest.fixture
def mutable_log() -> Iterator[None]:
    """The owner of the table can do what the application cannot: rewrite the log."""
    execute("ALTER TABLE outbox_event DISABLE TRIGGER USER")
    yield
    execute("ALTER TABLE outbox_event ENABLE TRIGGER USER")
