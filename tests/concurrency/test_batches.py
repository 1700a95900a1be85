"""Batches of requests: committed together, retried singly, and none of them done twice."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction
from structlog.testing import capture_logs

from bookings import batches
from bookings.batches import commit
from bookings.errors import SlotBusy
from bookings.ledger import Ledger
from bookings.models import Booking, Slot
from reserve.core.errors import ServiceUnavailable
from reserve.outbox.models import Event
from tests.concurrency.races import take
from tests.factories import make_slot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("with_brief_lock_waits")
def test_a_slot_that_stays_locked_is_busy_and_nothing_has_changed() -> None:
    slot = make_slot()
    with _locked_elsewhere(slot):
        (outcome,) = commit([take(slot)])
    assert isinstance(outcome, SlotBusy)
    assert outcome.retry_after is not None
    assert not Booking.objects.exists()


def test_events_of_a_batch_sort_as_its_requests_were_decided() -> None:
    slot = make_slot(capacity=30)
    commit([take(slot) for _ in range(20)])
    payloads = Event.objects.order_by("pk").values_list("payload", flat=True)
    assert [payload["slots"][0]["version"] for payload in payloads] == list(range(1, 21))


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[set[UUID]]:
    """The slots of each lock that is tried, whether or not it can be had."""
    tried: list[set[UUID]] = []
    lock = Ledger.lock

    def remembering(*, slot_ids: set[UUID], **options: Any) -> Ledger:
        tried.append(slot_ids)
        return lock(slot_ids=slot_ids, **options)

    monkeypatch.setattr(Ledger, "lock", remembering)
    return tried


@pytest.mark.usefixtures("with_brief_lock_waits")
def test_of_a_batch_only_those_wait_in_vain_who_want_the_locked_slots(
    tries: list[set[UUID]],
) -> None:
    """Twenty want two slots that another session keeps; twenty others have theirs, soon."""
    locked, free = [make_slot(), make_slot()], [make_slot(capacity=10) for _ in range(2)]
    batch = [take((*locked, *free)[number % 4]) for number in range(40)]
    with _locked_elsewhere(*locked):
        outcomes = commit(batch)
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [SlotBusy, SlotBusy, Booking, Booking] * 10
    # The batch, whoever wants neither, and once more for each locked slot: not for each caller.
    assert len(tries) <= 4
    assert [(slot.reserved, slot.version) for slot in _read(locked)] == [(0, 0)] * 2
    assert [slot.reserved for slot in _read(free)] == [10, 10]
    assert Booking.objects.count() == Event.objects.count() == 20


@pytest.mark.usefixtures("with_brief_lock_waits")
def test_control_tried_one_by_one_each_waits_for_the_lock_anew(
    tries: list[set[UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_by_locked_slot", lambda *_: {None: []})
    locked = make_slot()
    with _locked_elsewhere(locked):
        outcomes = commit([*[take(locked) for _ in range(8)], take(make_slot())])
    # Bounded all the same, but whoever is last is told to come again though nothing was in the way.
    assert [type(outcome) for outcome in outcomes] == [SlotBusy] * 9
    assert 1 < len(tries) < 9


@contextmanager
def _locked_elsewhere(*slots: Slot) -> Iterator[None]:
    """Another session has the rows of these slots, until the block is left."""
    is_locked, done = threading.Event(), threading.Event()

    def hold_the_locks() -> None:
        with transaction.atomic():
            list(Slot.objects.select_for_update().filter(pk__in=[slot.pk for slot in slots]))
            is_locked.set()
            done.wait(30)
        connection.close()

    holder = threading.Thread(target=hold_the_locks)
    holder.start()
    is_locked.wait(10)
    try:
        yield
    finally:
        done.set()
        holder.join()


def _read(slots: Sequence[Slot]) -> list[Slot]:
    return [Slot.objects.get(pk=slot.pk) for slot in slots]


def test_a_batch_that_fails_as_a_whole_is_retried_singly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slot, write, batches = make_slot(), Ledger.write, []

    def fail_for_many(ledger: Ledger) -> None:
        batches.append(len(ledger.changed_bookings))
        if len(ledger.changed_bookings) > 1:
            raise OperationalError("too many at once")
        write(ledger)

    monkeypatch.setattr(Ledger, "write", fail_for_many)
    outcomes = commit([take(slot), take(slot, 99), take(slot)])

    assert [type(outcome).__name__ for outcome in outcomes] == [
        "Booking",
        "SlotUnavailable",
        "Booking",
    ]
    assert batches == [2, 1, 0, 1]
    slot.refresh_from_db()
    assert slot.reserved == Booking.objects.count() == Event.objects.count() == 2


@pytest.mark.parametrize("step", ["about_slots", "wake_relay"])
def test_a_fault_after_the_commit_takes_no_second_seat(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(batches, step, fail)
    slot = make_slot()
    with capture_logs() as lines:
        outcomes = commit([take(slot), take(slot)])
    assert all(isinstance(outcome, Booking) for outcome in outcomes)
    assert [line["event"] for line in lines].count("after_commit") == 1
    slot.refresh_from_db()
    assert slot.reserved == Booking.objects.count() == Event.objects.count() == 2


def test_a_commit_without_an_answer_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slot, transactions = make_slot(), []

    def break_at_commit(**_: object) -> None:
        transactions.append(1)
        raise OperationalError("the connection is gone")

    atomic = batches.transaction.atomic

    def breaking_atomic(*, durable: bool = False, **options: Any) -> Any:
        return _BreaksOnLeaving(break_at_commit) if durable else atomic(**options)

    monkeypatch.setattr(batches.transaction, "atomic", breaking_atomic)
    outcomes = commit([take(slot), take(slot)])
    assert all(isinstance(outcome, ServiceUnavailable) for outcome in outcomes)
    assert len(transactions) == 1


class _BreaksOnLeaving:
    """Stands where the connection breaks: after the decisions, around the commit."""

    def __init__(self, on_exit) -> None:
        self._on_exit = on_exit

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._on_exit()
