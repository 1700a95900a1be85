"""`verify_ledger` finds each kind of damage, and names it."""

import pytest
from django.db import connection

from accounts.actors import SYSTEM
from bookings.audit.verify import verify_ledger
from bookings.models import Slot
from bookings.services.slots import change_slot
from reserve.core.ids import new_id
from tests.bookings.ledger.story import broken, execute, run
from tests.factories import make_slot

# The command chooses the isolation of its own transaction.
pytestmark = pytest.mark.django_db(transaction=True)


EVENT = "UPDATE outbox_event SET {} WHERE subject_id = {} AND sequence = {}"

DAMAGE = {
    "a counter one too high": (
        "UPDATE bookings_slot SET reserved = reserved + 1 WHERE id = {slot0}",
        {"slot_reserved", "slot_last_entry"},
    ),
    "a counter one too low": (
        "UPDATE bookings_slot SET reserved = reserved - 1 WHERE id = {slot0}",
        {"slot_reserved", "slot_last_entry"},
    ),
    "seats of a booking changed": (
        "UPDATE bookings_booking SET seats = seats + 1 WHERE id = {confirmed}",
        {"slot_reserved", "booking_seats"},
    ),
    "a hold that lapses unnoticed": (
        "UPDATE bookings_slot SET next_lapse_at = NULL WHERE id = {slot0}",
        {"slot_lapse"},
    ),
    "a hold that is noticed late": (
        (
            "UPDATE bookings_slot SET next_lapse_at = next_lapse_at + interval '1 microsecond'"
            " WHERE id = {slot0}"
        ),
        {"slot_lapse"},
    ),
    "a status without an event": (
        "UPDATE bookings_booking SET status = 'CHECKED_IN' WHERE id = {confirmed}",
        {"booking_last_event"},
    ),
    "a cancellation without an event": (
        "UPDATE bookings_booking SET status = 'CANCELLED' WHERE id = {confirmed}",
        {"booking_last_event", "slot_reserved", "booking_seats"},
    ),
    "another party without an event": (
        "UPDATE bookings_booking SET guest_count = guest_count + 1 WHERE id = {confirmed}",
        {"booking_last_event"},
    ),
    "a version of a booking without an event": (
        "UPDATE bookings_booking SET version = version + 1 WHERE id = {confirmed}",
        {"booking_events"},
    ),
    "the last event lost": (
        "DELETE FROM outbox_event WHERE subject_id = {confirmed} AND sequence = 2",
        {"booking_events"},
    ),
    "the first event lost": (
        "DELETE FROM outbox_event WHERE subject_id = {confirmed} AND sequence = 1",
        {"booking_events", "slot_versions", "slot_steps", "slot_last_entry", "booking_seats"},
    ),
    "all events of a booking lost": (
        "DELETE FROM outbox_event WHERE subject_id = {long}",
        {"booking_events", "slot_last_entry", "booking_seats"},
    ),
    "events numbered with a gap": (
        EVENT.format("sequence = 3", "{confirmed}", 2),
        {"booking_events"},
    ),
    "an event of another organization": (
        EVENT.format("organization_id = gen_random_uuid()", "{confirmed}", 1),
        {"booking_foreign_event"},
    ),
    "an event of no booking": (
        EVENT.format("subject_id = gen_random_uuid()", "{confirmed}", 2),
        {"event_subject", "booking_events"},
    ),
    "an event without facts": (
        EVENT.format("payload = '{{}}'", "{confirmed}", 2),
        {"booking_last_event"},
    ),
    "a version of a slot without an event": (
        "UPDATE bookings_slot SET version = version + 1 WHERE id = {slot0}",
        {"slot_last_entry"},
    ),
    "a version of a slot used twice": (
        EVENT.format("payload = jsonb_set(payload, '{{slots,0,version}}', '1')", "{held}", 1),
        {"slot_versions", "slot_last_entry"},
    ),
    "a running sum that is wrong": (
        EVENT.format("payload = jsonb_set(payload, '{{slots,0,reserved}}', '9')", "{confirmed}", 1),
        {"slot_steps"},
    ),
    "a change of seats that is wrong": (
        EVENT.format("payload = jsonb_set(payload, '{{slots,0,seats}}', '9')", "{confirmed}", 1),
        {"slot_steps", "slot_last_entry", "booking_seats"},
    ),
    "a change of seats without its number": (
        EVENT.format("payload = payload #- '{{slots,0,seats}}'", "{held}", 1),
        {"slot_steps", "slot_last_entry", "booking_seats"},
    ),
    "a capacity that no event explains": (
        EVENT.format("payload = jsonb_set(payload, '{{slots,0,capacity}}', '9')", "{held}", 1),
        {"slot_capacity_steps", "slot_last_entry"},
    ),
    "a slot with another capacity": (
        "UPDATE bookings_slot SET capacity = capacity + 1 WHERE id = {slot0}",
        {"slot_last_entry"},
    ),
    "a slot closed without an event": (
        "UPDATE bookings_slot SET is_closed = true WHERE id = {slot0}",
        {"slot_last_entry"},
    ),
    "a slot withdrawn without an event": (
        "UPDATE bookings_slot SET is_closed = true, is_withdrawn = true WHERE id = {slot0}",
        {"slot_last_entry"},
    ),
    "an entry of no slot": (
        EVENT.format(
            "payload = jsonb_set(payload, '{{slots,0,slot}}', '\"slot_nowhere\"')", "{held}", 1
        ),
        {"slot_unknown", "slot_last_entry", "booking_seats"},
    ),
    "a booking without slots": (
        "DELETE FROM bookings_bookingslot WHERE booking_id = {confirmed}",
        {"booking_slots", "slot_reserved", "booking_seats"},
    ),
    "a slot of another resource": (
        "UPDATE bookings_slot SET resource_id = {other_resource} WHERE id = {slot1}",
        {"booking_foreign_slot"},
    ),
    "a link of another organization": (
        (
            "UPDATE bookings_bookingslot SET organization_id = gen_random_uuid()"
            " WHERE booking_id = {confirmed}"
        ),
        {"booking_foreign_slot"},
    ),
    "a booking that begins earlier": (
        "UPDATE bookings_booking SET starts_at = starts_at - interval '1 minute' WHERE id = {long}",
        {"booking_times"},
    ),
    "a booking that ends later": (
        "UPDATE bookings_booking SET ends_at = ends_at + interval '1 minute' WHERE id = {long}",
        {"booking_times"},
    ),
    "slots with a gap": (
        "UPDATE bookings_slot SET starts_at = starts_at + interval '1 minute' WHERE id = {slot2}",
        {"booking_times"},
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.usefixtures("mutable_log")
def test_damage_is_found_and_named(name, story) -> None:
    statement, checks = DAMAGE[name]
    assert broken() == {}
    execute(statement.format(**story.ids))
    assert broken().keys() == checks
    lines, code = run()
    assert code == 1
    assert {line.partition(":")[0] for line in lines[:-1]} == checks


def test_more_seats_than_there_are(story) -> None:
    execute("ALTER TABLE bookings_slot DROP CONSTRAINT slot_is_never_oversold")
    try:
        execute("UPDATE bookings_slot SET reserved = 11 WHERE id = {slot0}".format(**story.ids))
        assert broken().keys() == {"slot_range", "slot_reserved", "slot_last_entry"}
    finally:
        execute("UPDATE bookings_slot SET reserved = 5 WHERE id = {slot0}".format(**story.ids))
        execute(
            "ALTER TABLE bookings_slot ADD CONSTRAINT slot_is_never_oversold"
            " CHECK (reserved >= 0 AND reserved <= capacity)"
        )


def test_open_slots_that_overlap(story) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conname = 'slots_do_not_overlap'"
        )
        (definition,) = cursor.fetchone()
    execute("ALTER TABLE bookings_slot DROP CONSTRAINT slots_do_not_overlap")
    later = "UPDATE bookings_slot SET ends_at = ends_at {} interval '1 minute' WHERE id = {slot3}"
    try:
        make_slot(story.resource, starts_at=story.slots[3].ends_at)
        assert broken() == {}
        execute(later.format("+", **story.ids))
        assert broken().keys() == {"slot_overlap", "booking_times"}
    finally:
        execute(later.format("-", **story.ids))
        execute(f"ALTER TABLE bookings_slot ADD CONSTRAINT slots_do_not_overlap {definition}")


def test_an_event_of_no_slot(story) -> None:
    change_slot(actor=SYSTEM, slot_id=story.slots[0].pk, capacity=12)
    stray = new_id()
    execute(
        "INSERT INTO outbox_event (id, organization_id, name, subject_id, sequence, payload,"
        " request_id, attempts, last_error)"
        f" SELECT '{stray}', organization_id, 'slot.noted', '{stray}', 1, '{{}}', '', 0, ''"
        " FROM outbox_event LIMIT 1"
    )
    (problem,) = verify_ledger().problems
    assert problem.check == "event_subject"
    assert problem.figures["subject"] == Slot.format_id(stray)
