"""Each event says which request caused it, however many share a transaction."""

from collections.abc import Sequence

import pytest
import structlog

from bookings.batches import commit
from bookings.desk import Desk
from bookings.models import Booking
from bookings.requests.create import TakeSeats
from bookings.states import BookingStatus
from reserve.core.context import begin_request, client_address, on_behalf_of, request_id
from reserve.core.logging import get_logger
from reserve.outbox import services
from reserve.outbox.models import Event
from reserve.outbox.services import relay_pending_events
from tests.factories import make_customer, make_slot, seats_on

pytestmark = pytest.mark.django_db(transaction=True)

_LISTENING = "tests.bookings.test_causes.ROUTES"


def _taking(cause: str) -> TakeSeats:
    with on_behalf_of(cause):
        return TakeSeats(make_customer(), seats_on(make_slot()), BookingStatus.PENDING)


def _causes(name: str) -> dict[str, str]:
    """The causes of events by the id of their booking."""
    found = Event.objects.filter(name=name)
    return {str(event.subject_id): event.request_id for event in found}


def test_events_of_a_batch_carry_the_id_of_their_own_request_and_so_do_confirmations() -> None:
    begin_request("whoever-serves", address="192.0.2.7")
    causes = [f"cause-{number}" for number in range(5)]
    booked = commit([_taking(cause) for cause in causes])
    expected = {}
    for booking, cause in zip(booked, causes, strict=True):
        assert isinstance(booking, Booking)
        expected[str(booking.pk)] = cause
    assert _causes("booking.created") == expected
    assert (request_id(), client_address()) == ("whoever-serves", "192.0.2.7")

    begin_request("a-task-of-the-relay")
    while relay_pending_events():
        pass
    assert _causes("booking.confirmed") == expected
    assert request_id() == "a-task-of-the-relay"


def test_a_caller_that_serves_others_keeps_its_own_context() -> None:
    begin_request("mine", address="192.0.2.7")
    booking = Desk().submit(_taking("mine"))
    assert _causes("booking.created") == {str(booking.pk): "mine"}
    assert (request_id(), client_address()) == ("mine", "192.0.2.7")


_heard: list[tuple[str, int]] = []


def _listen(events: Sequence[Event]) -> None:
    get_logger(__name__).warning("heard", events=len(events))
    _heard.append((request_id(), len(events)))


@services.mixes_requests
def _listen_to_all(events: Sequence[Event]) -> None:
    _heard.append(("all", len(events)))
    raise RuntimeError("One of them is poison.")


ROUTES: services.Routes = {"booking.created": (_listen, _listen_to_all)}


def test_a_handler_works_by_the_id_of_the_request_that_caused_the_event(settings) -> None:
    settings.EVENT_ROUTES = _LISTENING
    _heard.clear()
    commit([_taking(cause) for cause in ("one", "two", "two")])
    begin_request("a-task-of-the-relay")
    with structlog.testing.capture_logs(
        processors=[lambda _logger, _name, event: event | {"request_id": request_id()}]
    ) as lines:
        relay_pending_events()
    assert sorted(_heard[:2]) == [("one", 1), ("two", 2)]
    assert [line["request_id"] for line in lines if line["event"] == "heard"] == [
        cause for cause, _ in _heard[:2]
    ]
    # Together at first, then each for itself, with the id of its own request in the log.
    assert _heard[2:] == [("all", 3), *[("all", 1)] * 3]
    failed = [line["request_id"] for line in lines if line["event"] == "handler_failed"]
    assert sorted(failed) == ["one", "two", "two"]
    assert request_id() == "a-task-of-the-relay"
