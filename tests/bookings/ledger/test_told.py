"""How `verify_ledger` tells what it found: to people, and to machines."""

import json

import pytest

from bookings.audit.verify import MAX_TOLD
from tests.bookings.ledger.story import execute, run
from tests.factories import make_consecutive_slots, make_resource, make_slot

# The command chooses the isolation of its own transaction.
pytestmark = pytest.mark.django_db(transaction=True)


def test_what_breaks_is_told_with_its_figures(story) -> None:
    execute("UPDATE bookings_slot SET reserved = 7 WHERE id = {slot0}".format(**story.ids))
    lines, code = run()
    assert code == 1
    assert lines[0] == f"slot_reserved: {story.slots[0].public_id}: reserved 7, used 5"
    assert lines[1].startswith(f"slot_last_entry: {story.slots[0].public_id}: version 2, ")
    assert lines[-1].endswith(": 2 problems.")


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
