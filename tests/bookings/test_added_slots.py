"""Slots that staff add by hand or open again, and the rule that open slots do not overlap."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.actors import ANONYMOUS, SYSTEM, account
from bookings.errors import SlotOverlaps
from bookings.ledger import Ledger
from bookings.models import Slot
from bookings.services.bookings import create_booking
from bookings.services.run import Published
from bookings.services.slots import add_slot, change_slot
from reserve.core.clock import now
from reserve.core.errors import Forbidden, Invalid, NotFound
from tests.bookings.schedules import (
    MINUTES,
    assert_books_agree,
    hours_of,
    make_open_resource,
    republished,
    slots_on,
)
from tests.factories import (
    make_customer,
    make_member,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
    tomorrow_at,
)
from venues.models import Resource, Venue

pytestmark = pytest.mark.django_db


def add(resource: Resource, hour: int, minutes: int = 60, **fields: Any) -> Slot:
    starts_at = fields.pop("starts_at", tomorrow_at(hour))
    fields.setdefault("ends_at", starts_at + minutes * MINUTES)
    return add_slot(
        **{
            "actor": SYSTEM,
            "resource_id": resource.pk,
            "starts_at": starts_at,
            "capacity": 4,
            **fields,
        }
    )


def test_a_slot_that_is_added_by_hand_is_left_alone() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = add(resource, 17)
    assert republished(resource) == Published()
    assert (slot.version, slot.is_added_by_hand) == (1, True)
    create_booking(actor=make_customer(), seats=seats_on(slot))
    assert_books_agree()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("start_time", {"starts_at": now() - timedelta(hours=1)}),
        ("start_time", {"starts_at": now() + timedelta(days=9)}),
        ("start_time", {"starts_at": tomorrow_at(12).replace(tzinfo=None)}),
        ("start_time", {"starts_at": tomorrow_at(12, 10)}),
        ("end_time", {"minutes": 0}),
        ("end_time", {"minutes": -60}),
        ("end_time", {"minutes": 24 * 60 + 1}),
        ("capacity", {"capacity": 0}),
        ("capacity", {"capacity": 2**31}),
    ],
)
def test_nonsense_is_refused_with_its_field(field: str, values: dict[str, Any]) -> None:
    resource = make_resource(make_venue(booking_horizon_days=3, timezone="UTC"))
    make_slot(resource)
    with pytest.raises(Invalid) as refused:
        add(resource, 18, **values)
    assert list(refused.value.details["errors"]) == [field]
    assert Slot.objects.count() == 1


def test_slots_are_added_by_staff_only() -> None:
    resource = make_open_resource()
    with pytest.raises(Forbidden):
        add(resource, 18, actor=make_customer())
    Venue.objects.update(is_public=False)
    with pytest.raises(NotFound):
        add(resource, 18, actor=ANONYMOUS)
    add(resource, 18, actor=account(make_member(resource.organization).pk))


def test_a_slot_that_would_overlap_is_not_reopened() -> None:
    resource = make_resource()
    closed = make_slot(resource, is_closed=True)
    add(resource, 12, 20)
    with pytest.raises(SlotOverlaps) as refused:
        change_slot(actor=SYSTEM, slot_id=closed.pk, is_closed=False)
    assert refused.value.code == "INVALID_STATE"


def test_the_constraint_alone_keeps_open_slots_apart() -> None:
    resource = make_resource()
    slot = make_slot(resource)
    later = slot.starts_at + 15 * MINUTES
    with pytest.raises(IntegrityError), transaction.atomic():
        make_slot(resource, starts_at=later)
    make_slot(resource, starts_at=later, is_closed=True)
    make_slot(resource, starts_at=slot.ends_at)
    make_slot(starts_at=later)
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.update(is_closed=False)


def test_the_database_refusing_to_reopen_is_a_clear_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ledger, "occupied", lambda *_, **__: iter(()))
    resource = make_resource()
    closed = make_slot(resource, is_closed=True)
    make_slot(resource)
    with pytest.raises(SlotOverlaps):
        change_slot(actor=SYSTEM, slot_id=closed.pk, is_closed=False)


def test_a_withdrawn_slot_that_staff_reopen_is_theirs() -> None:
    resource = make_open_resource()
    republished(resource)
    slot = slots_on(resource)["10:00"]
    change_slot(actor=SYSTEM, slot_id=slot.pk, capacity=3)
    hours_of(resource, opens_at=time(11))
    republished(resource)
    change_slot(actor=SYSTEM, slot_id=slot.pk, is_closed=False)
    assert republished(resource) == Published()
    slot.refresh_from_db()
    assert (slot.is_closed, slot.is_added_by_hand) == (False, True)
    assert_books_agree()
