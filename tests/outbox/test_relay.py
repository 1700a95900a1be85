from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Now

from reserve.core.ids import new_id
from reserve.outbox import services
from reserve.outbox.models import Event
from reserve.outbox.selectors import age_of_oldest_undelivered, count_undelivered
from reserve.outbox.services import record, relay_pending_events
from reserve.outbox.tasks import relay_events
from reserve.outbox.words import blank_reasons, without_reason

pytestmark = pytest.mark.django_db

heard: list[tuple[UUID, int]] = []
broken: set[UUID] = set()


def listen(events: Sequence[Event]) -> None:
    if any(event.subject_id in broken for event in events):
        raise RuntimeError("This subject cannot be handled.")
    heard.extend((event.subject_id, event.sequence) for event in events)


ROUTES = {"test.happened": (listen,)}


@pytest.fixture(autouse=True)
def _routes(settings) -> None:
    settings.EVENT_ROUTES = f"{__name__}.ROUTES"
    heard.clear()
    broken.clear()


def _happened(subject: UUID, *sequences: int, **payload: object) -> None:
    organization = new_id()
    record(
        [
            Event(
                organization_id=organization,
                name="test.happened",
                subject_id=subject,
                sequence=sequence,
                payload=payload,
            )
            for sequence in sequences
        ]
    )


def _make_due() -> None:
    Event.objects.update(next_attempt_at=Now() - timedelta(seconds=1))


def test_an_event_reaches_its_handler_once() -> None:
    subject = new_id()
    _happened(subject, 1)
    assert count_undelivered() == 1
    assert age_of_oldest_undelivered() >= timedelta()

    assert relay_pending_events() == 1
    assert relay_pending_events() == 0
    assert heard == [(subject, 1)]
    assert count_undelivered() == 0
    assert age_of_oldest_undelivered() == timedelta()


def test_events_of_one_subject_are_delivered_in_order() -> None:
    subject = new_id()
    _happened(subject, 3, 1, 2)
    for _ in range(3):
        relay_pending_events()
    assert heard == [(subject, 1), (subject, 2), (subject, 3)]


def test_one_run_goes_on_until_nothing_is_left() -> None:
    subjects = [new_id(), new_id()]
    for subject in subjects:
        _happened(subject, 1, 2, 3)
    assert relay_events() == 6
    for subject in subjects:
        assert [number for about, number in heard if about == subject] == [1, 2, 3]
    assert relay_events() == 0


def test_a_failure_holds_back_its_own_subject_only() -> None:
    poisoned, healthy = new_id(), new_id()
    _happened(poisoned, 1, 2)
    _happened(healthy, 1)
    broken.add(poisoned)

    relay_pending_events()
    assert heard == [(healthy, 1)]
    assert relay_pending_events() == 0

    broken.clear()
    _make_due()
    relay_pending_events()
    relay_pending_events()
    assert heard == [(healthy, 1), (poisoned, 1), (poisoned, 2)]


def test_after_enough_attempts_an_event_is_given_up_and_says_why() -> None:
    poisoned = new_id()
    _happened(poisoned, 1)
    broken.add(poisoned)
    for _ in range(services.MAX_ATTEMPTS):
        _make_due()
        relay_pending_events()
    event = Event.objects.get()
    assert event.dead_at is not None
    assert event.last_error == "RuntimeError: This subject cannot be handled."
    _make_due()
    assert relay_pending_events() == 0


def test_the_claim_of_a_relay_that_died_lapses() -> None:
    subject = new_id()
    _happened(subject, 1)
    services._claim()
    assert relay_pending_events() == 0, "somebody has claimed it"
    _make_due()
    assert relay_pending_events() == 1
    assert heard == [(subject, 1)]


def test_a_relay_that_comes_too_late_does_not_undo_the_outcome_of_the_next() -> None:
    subject = new_id()
    _happened(subject, 1)
    late = services._claim()
    _make_due()
    relay_pending_events()
    services._record_outcomes(late, {late[0]: RuntimeError("too late")})
    assert Event.objects.get().delivered_at is not None
    assert Event.objects.get().last_error == ""


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another"},
        {"payload": {"forged": True}},
        {"payload": {"reason": "forged", "number": 1}},
        {"payload": {"reason": "", "number": 2}},
        {"payload": without_reason("payload"), "name": "another"},
        {"payload": F("payload")},
        {"sequence": F("sequence") + 1},
    ],
)
def test_what_is_recorded_cannot_be_changed(change: dict[str, object]) -> None:
    _happened(new_id(), 1, reason="Ill", number=1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Event.objects.update(**change)


def test_a_reason_alone_can_be_blanked() -> None:
    subject, other = new_id(), new_id()
    for whose in (subject, other):
        _happened(whose, 1, reason="Ill", number=1)
        _happened(whose, 2, number=2)
    organization_ids = set(Event.objects.values_list("organization_id", flat=True))
    assert blank_reasons(organization_ids=organization_ids, subject_ids=[subject]) == 1
    payloads = Event.objects.order_by("sequence").values_list("payload", flat=True)
    assert payloads.get(subject_id=subject, sequence=1) == {"reason": "", "number": 1}
    assert payloads.get(subject_id=other, sequence=1) == {"reason": "Ill", "number": 1}
    assert blank_reasons(organization_ids=organization_ids, subject_ids=[subject]) == 0


def test_what_is_recorded_cannot_be_removed() -> None:
    _happened(new_id(), 1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Event.objects.all().delete()
