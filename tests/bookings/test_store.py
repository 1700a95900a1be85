"""The desk's two hand-written statements, each against what the ORM would do."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from accounts.actors import SYSTEM
from bookings import store
from bookings.events import SeatChange, booking_event
from bookings.models import Booking, BookingSlot, Guest, IdempotencyKey, Slot
from bookings.requests.create import new_confirmation_code
from bookings.rows import SlotChanges, created_row, slot_row
from bookings.states import BookingStatus
from reserve.core.clock import now
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.factories import make_resource, make_slot, make_user, tomorrow_at
from venues.models import Venue

pytestmark = pytest.mark.django_db


def _locked(*slots: Slot) -> dict[Any, Slot]:
    found, _ = store.lock_slots([slot.pk for slot in slots])
    return found


def _values(instance: Any) -> dict[str, Any]:
    return {
        field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields
    }


def test_locking_reads_what_the_orm_reads() -> None:
    resource = make_resource()
    slots = [make_slot(resource, starts_at=tomorrow_at(hour), reserved=hour) for hour in (8, 9)]
    slots.append(make_slot(next_lapse_at=now() + timedelta(minutes=5), is_closed=True))
    by_orm = (
        Slot.objects.select_for_update(of=("self",), no_key=True)
        .select_related("venue", "resource")
        .filter(pk__in=[slot.pk for slot in slots])
        .order_by("pk")
    )
    with transaction.atomic():
        by_hand = _locked(*slots)
        for expected in by_orm:
            found = by_hand[expected.pk]
            assert _values(found) == _values(expected)
            assert _values(found.venue) == _values(expected.venue)
            assert _values(found.resource) == _values(expected.resource)
        assert list(by_hand) == sorted(by_hand)


def test_the_clock_is_the_databases_and_goes_on() -> None:
    slot = make_slot()
    before = now()
    _, first = store.lock_slots([slot.pk])
    _, second = store.lock_slots([slot.pk])
    assert first is not None
    assert second is not None
    assert before - timedelta(seconds=1) < first < second < now() + timedelta(seconds=1)
    assert store.lock_slots([new_id()]) == ({}, None)


def test_a_changed_rule_is_seen_by_the_next_lock() -> None:
    slot = make_slot()
    assert _locked(slot)[slot.pk].venue.maximum_party_size is None
    Venue.objects.filter(pk=slot.venue_id).update(maximum_party_size=3)
    assert _locked(slot)[slot.pk].venue.maximum_party_size == 3
    Slot.objects.filter(pk=slot.pk).update(capacity=F("capacity") + 1)
    assert _locked(slot)[slot.pk].capacity == slot.capacity + 1


def _booking(slot: Slot, **fields: Any) -> Booking:
    guest = Guest.objects.create(organization_id=slot.organization_id, name="Somebody")
    defaults: dict[str, Any] = {
        "organization_id": slot.organization_id,
        "venue": slot.venue,
        "resource": slot.resource,
        "customer_id": make_user().pk,
        "guest": guest,
        "status": BookingStatus.HELD,
        "guest_count": 2,
        "seats": 2,
        "notes": "Quotes ' \" and \\ and ünïcode \u2028",
        "confirmation_code": new_confirmation_code(),
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "hold_expires_at": now() + timedelta(minutes=10),
        "created_at": now(),
        "version": 1,
    }
    return Booking(**(defaults | fields))


def _in_words(payload: dict[str, Any]) -> dict[str, Any]:
    """Times as the log tells them."""
    times = {name: payload[name].isoformat() for name in ("starts_at", "ends_at")}
    return payload | times


def test_writing_writes_what_the_orm_writes() -> None:
    slot = make_slot(capacity=10, reserved=3, version=7)
    by_hand = _booking(slot, manage_token_hash=b"\x00\xff" * 16)
    by_orm = _booking(slot, manage_token_hash=b"\x00\xff" * 16, notes=by_hand.notes)
    change = SeatChange(slot, 8, 2, 5, 10)
    event = booking_event(new_id(), "booking.held", by_hand, [change], actor=SYSTEM)
    lapse = now() + timedelta(minutes=3)
    slot.next_lapse_at = lapse
    key = IdempotencyKey(caller="user:1", key="a'b", fingerprint=b"\x01\x02", created_at=now())
    store.write(
        {
            "slots": [slot_row(slot, SlotChanges(seats=2, changes=1))],
            "created": [created_row(by_hand)],
            "changed": [],
            "linked": [
                {
                    "booking_id": by_hand.pk,
                    "slot_id": slot.pk,
                    "organization_id": slot.organization_id,
                }
            ],
            "unlinked": [],
            "keys": [
                {
                    "id": key.pk,
                    "caller": key.caller,
                    "key": key.key,
                    "fingerprint": key.fingerprint.hex(),
                    "booking_id": by_hand.pk,
                    "created_at": key.created_at,
                }
            ],
            "events": [event],
        }
    )
    by_orm.save(force_insert=True)
    own = {"id": new_id(), "subject_id": by_orm.pk, "payload": _in_words(event["payload"])}
    Event(**event | own).save(force_insert=True)

    assert _values(Booking.objects.get(pk=by_hand.pk)) == _values(by_hand)
    different = {"id", "confirmation_code", "created_at", "hold_expires_at", "customer_id"}
    different |= {"guest_id"}
    hand, orm = (Booking.objects.get(pk=booking.pk) for booking in (by_hand, by_orm))
    assert {k: v for k, v in _values(hand).items() if k not in different} == {
        k: v for k, v in _values(orm).items() if k not in different
    }
    found = Slot.objects.get(pk=slot.pk)
    assert (found.reserved, found.version, found.next_lapse_at) == (5, 8, lapse)
    assert BookingSlot.objects.get().booking_id == by_hand.pk
    remembered = IdempotencyKey.objects.get()
    assert (remembered.key, bytes(remembered.fingerprint)) == ("a'b", b"\x01\x02")
    hand_event, orm_event = (
        Event.objects.get(subject_id=booking.pk) for booking in (by_hand, by_orm)
    )
    # In the order in which PostgreSQL keeps them: it need not sort.
    stored = hand_event.payload
    assert list(event["payload"]) == list(stored)
    assert list(event["payload"]["slots"][0]) == list(stored["slots"][0])
    assert list(event) == sorted(event, key=lambda name: (len(name), name))
    different = {"id", "subject_id", "recorded_at", "next_attempt_at"}
    assert {k: v for k, v in _values(hand_event).items() if k not in different} == {
        k: v for k, v in _values(orm_event).items() if k not in different
    }


def test_a_change_of_a_booking_is_written_as_the_orm_writes_it() -> None:
    slot, elsewhere = make_slot(), make_slot()
    booking = _booking(slot)
    booking.save(force_insert=True)
    BookingSlot.objects.create(booking=booking, slot=slot, organization_id=slot.organization_id)
    booking.status, booking.version, booking.cancelled_at = "CANCELLED", 2, now()
    booking.guest_count, booking.seats, booking.notes = 5, 6, "other"
    booking.resource_id = elsewhere.resource_id
    booking.starts_at, booking.ends_at = elsewhere.starts_at, elsewhere.ends_at
    row = {
        "booking_id": booking.pk,
        "slot_id": elsewhere.pk,
        "organization_id": slot.organization_id,
    }
    store.write(
        {
            "slots": [],
            "created": [],
            "changed": [created_row(booking)],
            "linked": [row],
            "unlinked": [{"booking_id": booking.pk, "slot_id": slot.pk}],
            "keys": [],
            "events": [],
        }
    )
    assert _values(Booking.objects.get(pk=booking.pk)) == _values(booking)
    assert list(booking.slot_links.values_list("slot_id", flat=True)) == [elsewhere.pk]


def test_every_column_of_a_booking_and_an_event_is_written_by_hand() -> None:
    """A new column must be added to the statement, or it would be lost."""

    def inserted(part: str) -> set[str]:
        names = store._PARTS[part].split("(", 1)[1].split(")")[0]
        return {name.strip() for name in names.split(",")}

    for part, model in {"created": Booking, "keys": IdempotencyKey}.items():
        assert inserted(part) == {field.column for field in model._meta.concrete_fields}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'outbox_event'"
            " AND column_default IS NULL AND is_nullable = 'NO'"
        )
        required = {name for (name,) in cursor.fetchall()}
    assert required == inserted("events")
