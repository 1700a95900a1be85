"""A process that dies in the middle of an operation leaves all of it or nothing."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.actors import Actor
from bookings.audit import verify_ledger
from bookings.crash_points import CRASH_POINTS
from bookings.models import Booking, BookingSlot, Guest, IdempotencyKey, Slot
from bookings.services.bookings import create_booking
from bookings.states import BookingStatus
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.concurrency.crashing import OPERATIONS, PARTY
from tests.factories import make_consecutive_slots, make_customer, make_resource, seats_on
from tests.processes import PROJECT, environment

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "after write, before commit"
KILLED = -signal.SIGKILL

Answers = Callable[[dict[str, Any]], int]


@pytest.fixture(scope="module")
def process(django_db_setup: None) -> Iterator[Answers]:
    """Has an operation done by a process of its own; tells how that ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.crashing"],
        cwd=PROJECT,
        env=environment(DJANGO_SETTINGS_MODULE="reserve.settings"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        given, answers = running.stdin, running.stdout

        def carry_out(order: dict[str, Any]) -> int:
            given.write(json.dumps(order) + "\n")
            given.flush()
            return int(json.loads(answers.readline())["status"])

        yield carry_out
        given.close()


@dataclass(frozen=True)
class _Scene:
    """Three slots of one room, and a customer with two bookings on the first."""

    actor: Actor
    slots: list[Slot]
    bookings: list[Booking]

    @classmethod
    def set_up(cls) -> "_Scene":
        actor, slots = make_customer(), make_consecutive_slots(make_resource(capacity=9), 3)
        bookings = [create_booking(actor=actor, seats=seats_on(slots[0], PARTY)) for _ in range(2)]
        return cls(actor, slots, bookings)

    def order(self, operation: str, crash_point: str = "", **more: Any) -> dict[str, Any]:
        return {
            "operation": operation,
            "crash_point": crash_point,
            "actor": str(self.actor.user_id),
            "slots": [str(slot.pk) for slot in self.slots],
            "bookings": [str(booking.pk) for booking in self.bookings],
            **more,
        }

    def state(self) -> dict[str, Any]:
        """Everything that an operation could have left, but for what is drawn by lot."""
        slots = Slot.objects.order_by("starts_at")
        bookings = Booking.objects.order_by("pk")
        return {
            "slots": list(slots.values_list("reserved", "version")),
            "bookings": list(bookings.values_list("status", "version", "seats", "starts_at")),
            "links": BookingSlot.objects.count(),
            "guests": Guest.objects.count(),
            "keys": list(IdempotencyKey.objects.order_by("key").values_list("key", flat=True)),
            "events": list(Event.objects.order_by("pk").values_list("name", "sequence")),
        }


def _assert_ledger_agrees() -> None:
    report = verify_ledger()
    assert report.problem_count == 0, report.problems


def _assert_done(operation: str, scene: _Scene) -> None:
    """What the operation is to have come to, once, however often it was begun."""
    kept, other = (Booking.objects.get(pk=booking.pk) for booking in scene.bookings)
    seats = list(Slot.objects.order_by("starts_at").values_list("reserved", flat=True))
    match operation:
        case "create":
            assert seats == [3 * PARTY, PARTY, 0]
            assert Booking.objects.count() == 3
            new = IdempotencyKey.objects.get().booking
            assert list(new.slots.order_by("starts_at")) == scene.slots[:2]
        case "batch":
            assert seats == [3, 0, PARTY]
            assert Booking.objects.count() == 5
            assert IdempotencyKey.objects.values("booking").distinct().count() == 3
            assert (kept.starts_at, other.status) == (scene.slots[2].starts_at, "CANCELLED")
        case "move":
            assert seats == [PARTY, 0, PARTY]
            assert kept.starts_at == scene.slots[2].starts_at
        case "cancellation":
            assert seats == [PARTY, 0, 0]
            assert (kept.status, kept.version) == (BookingStatus.CANCELLED, 2)


@pytest.mark.parametrize("crash_point", sorted(CRASH_POINTS))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_crash_leaves_all_or_nothing_and_a_retry_completes_it(
    process: Answers, operation: str, crash_point: str
) -> None:
    """First it is as it was or as it is to be, then as it is to be, then delivered."""
    scene = _Scene.set_up()
    before = scene.state()
    assert process(scene.order(operation, crash_point)) == KILLED
    _assert_ledger_agrees()
    if crash_point == BEFORE:
        assert scene.state() == before
    else:
        _assert_done(operation, scene)
    after = scene.state()

    retried = process(scene.order(operation))

    # Who cancels again hears that it is done: a refusal, of which nothing is left.
    assert retried == (1 if operation == "cancellation" and crash_point != BEFORE else 0)
    _assert_done(operation, scene)
    if crash_point != BEFORE:
        assert scene.state() == after
    _assert_ledger_agrees()
    _assert_delivered()


def _assert_delivered() -> None:
    while relay_pending_events():
        pass
    assert not Event.objects.filter(delivered_at=None).exists()
    confirmed = Booking.objects.exclude(status=BookingStatus.CANCELLED)
    assert set(confirmed.values_list("status", flat=True)) <= {BookingStatus.CONFIRMED}
    for booking in confirmed:
        names = Event.objects.filter(subject_id=booking.pk).values_list("name", flat=True)
        assert list(names).count("booking.confirmed") == 1
    _assert_ledger_agrees()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_control_without_a_transaction_a_crash_leaves_something(
    process: Answers, operation: str
) -> None:
    scene = _Scene.set_up()
    before = scene.state()
    assert process(scene.order(operation, BEFORE, without_transaction=True)) == KILLED
    assert scene.state() != before


def test_control_without_a_crash_the_process_answers(process: Answers) -> None:
    scene = _Scene.set_up()
    assert process(scene.order("create")) == 0
    _assert_done("create", scene)


def test_a_repeated_call_after_a_crash_tells_of_the_same_booking(process: Answers) -> None:
    scene = _Scene.set_up()
    assert process(scene.order("create", "after commit, before answer")) == KILLED
    made = IdempotencyKey.objects.get().booking
    told = OPERATIONS["create"](scene.order("create"))
    assert (told.pk, told.confirmation_code) == (made.pk, made.confirmation_code)


def test_every_crash_point_is_tried() -> None:
    assert BEFORE in CRASH_POINTS
    assert len(CRASH_POINTS) == 3
