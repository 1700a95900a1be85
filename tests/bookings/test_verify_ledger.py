"""`verify_ledger` on a ledger that is right, and on one with each kind of damage."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from accounts.actors import SYSTEM, Actor
from bookings.audit import record, verify
from bookings.audit.verify import MAX_TOLD, verify_ledger
from bookings.metrics import LedgerFigures
from bookings.models import Booking, LedgerCheck, Slot
from bookings.services.bookings import (
    apply_transition,
    confirm_automatically,
    create_booking,
    create_hold,
    release_lapsed_holds,
    reschedule_booking,
    update_booking,
)
from bookings.services.slots import change_slot
from bookings.states import CANCEL, CONFIRM
from bookings.tasks import check_ledger
from reserve.core.clock import now
from reserve.core.ids import new_id
from tests.factories import (
    make_consecutive_slots,
    make_customer,
    make_resource,
    make_slot,
    make_venue,
    seats_on,
)
from venues.models import Resource

# The command chooses the isolation of its own transaction.
pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Story:
    """Slots 0 to 3 follow one another. On slot 0 are `confirmed` and `held`, in this order,
    on slots 1 to 3 `long`."""

    resource: Resource
    other_resource: Resource
    slots: list[Slot]
    confirmed: Booking
    held: Booking
    long: Booking
    actor: Actor

    @property
    def ids(self) -> dict[str, object]:
        rows = {f"slot{number}": slot for number, slot in enumerate(self.slots)}
        rows |= {"confirmed": self.confirmed, "held": self.held, "long": self.long}
        rows |= {"resource": self.resource, "other_resource": self.other_resource}
        return {name: f"'{row.pk}'" for name, row in rows.items()}


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


def run(*options: str) -> tuple[list[str], int]:
    """What the command prints, and its exit code."""
    out = StringIO()
    try:
        call_command("verify_ledger", *options, stdout=out)
    except SystemExit as end:
        return out.getvalue().splitlines(), int(end.code or 0)
    return out.getvalue().splitlines(), 0


def broken() -> dict[str, int]:
    return {
        check.name: check.problem_count for check in verify_ledger().checks if check.problem_count
    }


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def mutable_log() -> Iterator[None]:
    """The owner of the table can do what the application cannot: rewrite the log."""
    execute("ALTER TABLE outbox_event DISABLE TRIGGER USER")
    yield
    execute("ALTER TABLE outbox_event ENABLE TRIGGER USER")


def lapse(booking: Booking) -> None:
    moment = now() - timedelta(seconds=1)
    Booking.objects.filter(pk=booking.pk).update(hold_expires_at=moment)
    Slot.objects.filter(bookings=booking).update(next_lapse_at=moment)


# --- A ledger that is right --------------------------------------------------------------


def test_an_empty_database_is_right() -> None:
    lines, code = run()
    assert code == 0
    assert lines[-1].startswith("0 slots, 0 bookings and 0 events checked in ")


def test_whatever_bookings_go_through_the_ledger_stays_right(story) -> None:
    slots, actor = story.slots, story.actor
    assert broken() == {}
    # Everything that changes seats, slots or bookings.
    apply_transition(actor=actor, booking_id=story.held.pk, transition=CONFIRM)
    update_booking(actor=actor, booking_id=story.held.pk, guest_count=4)
    reschedule_booking(actor=actor, booking_id=story.held.pk, slot_id=slots[2].pk)
    swept = create_hold(actor=actor, seats=seats_on(slots[1], 1, slot_count=2))
    lapse(swept)
    release_lapsed_holds()
    assert Booking.objects.get(pk=swept.pk).status == "EXPIRED"
    apply_transition(actor=actor, booking_id=story.long.pk, transition=CANCEL)
    for change in ({"capacity": 12}, {"is_closed": True}, {"is_closed": False}):
        change_slot(actor=SYSTEM, slot_id=slots[0].pk, **change)
    # A hold that has lapsed and that nobody has expired uses its seats until then.
    lapse(create_hold(actor=actor, seats=seats_on(slots[3], 1)))
    # And one whose seats the next caller takes.
    reclaimed = create_hold(actor=actor, seats=seats_on(slots[0], 1))
    lapse(reclaimed)
    create_booking(actor=actor, seats=seats_on(slots[0], 1))
    assert Booking.objects.get(pk=reclaimed.pk).status == "EXPIRED"
    lines, code = run()
    assert code == 0, lines
    assert lines[0].startswith("4 slots, 7 bookings and 17 events checked in "), lines
    assert lines[0].endswith(": nothing breaks.")


def test_bookings_that_go_on_meanwhile_are_no_problem(story, monkeypatch) -> None:
    """Seats, bookings and log are read one after the other, as of one instant."""
    results = verify._results

    def book_first(*arguments):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(_book_in_another_connection, story).result()
        return results(*arguments)

    monkeypatch.setattr(verify, "_results", book_first)
    assert broken() == {}
    assert Booking.objects.count() > 3


def _book_in_another_connection(story: Story) -> None:
    try:
        create_booking(actor=story.actor, seats=seats_on(story.slots[1]))
    finally:
        connection.close()


# --- Damage -----------------------------------------------------------------------------

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


def test_what_breaks_is_told_with_its_figures(story) -> None:
    execute("UPDATE bookings_slot SET reserved = 7 WHERE id = {slot0}".format(**story.ids))
    lines, code = run()
    assert code == 1
    assert lines[0] == f"slot_reserved: {story.slots[0].public_id}: reserved 7, used 5"
    assert lines[1].startswith(f"slot_last_entry: {story.slots[0].public_id}: version 2, ")
    assert lines[-1].endswith(": 2 problems.")


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


def test_a_flood_of_problems_is_told_in_part() -> None:
    resource = make_resource()
    make_slot(resource)
    number = MAX_TOLD + 5
    make_consecutive_slots(make_resource(), number)
    execute("UPDATE bookings_slot SET version = 1")
    lines, code = run()
    assert code == 1
    assert len(lines) == MAX_TOLD + 2
    assert lines[-2] == "slot_last_entry: and 6 more"
    assert lines[-1].endswith(f": {number + 1} problems.")


def test_json_for_machines(story) -> None:
    lines, code = run("--json")
    assert (json.loads("\n".join(lines))["problem_count"], code) == (0, 0)
    execute("UPDATE bookings_booking SET version = 9 WHERE id = {held}".format(**story.ids))
    lines, code = run("--json")
    assert code == 1
    found = json.loads("\n".join(lines))
    assert (found["slots"], found["bookings"], found["events"]) == (4, 3, 4)
    assert found["problem_count"] == 1
    assert found["checks"]["booking_events"] == 1
    assert found["checks"]["slot_reserved"] == 0
    assert found["problems"] == [
        {
            "check": "booking_events",
            "subject": story.held.public_id,
            "figures": {"version": 9, "events": 1, "first": 1, "last": 1},
        }
    ]


# --- Every night ------------------------------------------------------------------------


def figures() -> str:
    registry = CollectorRegistry()
    registry.register(LedgerFigures())
    return generate_latest(registry).decode()


def test_a_check_is_kept_and_shown(story) -> None:
    assert figures() == ""
    with capture_logs() as logs:
        assert check_ledger() == 0
    assert [(line["event"], line["log_level"]) for line in logs] == [("ledger_checked", "info")]
    check = LedgerCheck.objects.get()
    assert (check.slots, check.bookings, check.events) == (4, 3, 4)
    assert (check.problem_count, check.problems) == (0, [])
    assert "reserve_ledger_problems 0.0" in figures()

    execute("UPDATE bookings_booking SET version = 9 WHERE id = {held}".format(**story.ids))
    with capture_logs() as logs:
        assert check_ledger() == 1
    assert [(line["event"], line["log_level"]) for line in logs] == [("ledger_broken", "error")]
    assert logs[0]["checks"] == {"booking_events": 1}
    assert LedgerCheck.objects.latest("started_at").problems[0]["subject"] == story.held.public_id
    assert "reserve_ledger_problems 1.0" in figures()


def test_the_age_of_the_last_check_is_told() -> None:
    check_ledger()
    LedgerCheck.objects.update(started_at=now() - timedelta(hours=2))
    (line,) = (
        line
        for line in figures().splitlines()
        if line.startswith("reserve_ledger_check_age_seconds ")
    )
    assert 7200 <= float(line.split()[1]) < 7260


def test_old_checks_are_dropped(monkeypatch) -> None:
    monkeypatch.setattr(record, "_KEPT_CHECKS", 3)
    for _ in range(5):
        last = record.check_ledger()
    kept = LedgerCheck.objects.order_by("-started_at")
    assert kept.count() == 3
    assert kept.first() == last
