"""What SIGTERM ends in order, what ends it at once, and that the order has a bound."""

import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from accounts.actors import ANONYMOUS
from bookings.models import Booking, Slot
from bookings.services.bookings import create_booking
from bookings.states import BookingStatus
from reserve.celery import app
from reserve.embedded import commands
from reserve.outbox.models import Event
from tests.clients import Answer, GraphQLApi
from tests.factories import (
    make_consecutive_slots,
    make_resource,
    make_slot,
    seats_on,
    somebody,
)
from tests.locks import locked, someone_waits
from tests.processes import answers, free_port, process, wait_until
from tests.sockets import initialise, open_socket
from tests.webhooks.conftest import make_webhook
from tests.webhooks.receiver import receiver
from venues.models import Venue
from webhooks.kinds import TEST_TYPE
from webhooks.models import Webhook, WebhookDelivery

pytestmark = pytest.mark.django_db(transaction=True)
# Far less than what is given to those who still work: 10 s.
_AT_ONCE_SECONDS = 3.0


class _Web:
    """What `make start` becomes, with one process; or that process alone."""

    def __init__(self, stack: ExitStack, *, graceful_seconds: int | None = None) -> None:
        port = str(free_port())
        self.address = f"http://127.0.0.1:{port}"
        command = ["-m", "reserve.embedded.workers", "127.0.0.1", port, "1"]
        if graceful_seconds is not None:
            command = commands.web(address=("127.0.0.1", int(port)), graceful=graceful_seconds)[1:]
        self.process = stack.enter_context(process(*command))
        self.answer: Answer | None = None

    def is_live(self) -> bool:
        return answers(f"{self.address}/health/live")

    def begin_to_book(self, slot: Slot) -> threading.Thread:
        def book() -> None:
            try:
                wanted = seats_on(slot, 1, guest=somebody())
                self.answer = GraphQLApi(self.address).create_booking(ANONYMOUS, wanted)
            except httpx.TransportError as error:
                self.answer = Answer(type(error).__name__, None)

        thread = threading.Thread(target=book)
        thread.start()
        return thread

    def refuses_connections(self) -> bool:
        parts = urlsplit(self.address)
        try:
            socket.create_connection((parts.hostname, parts.port), 1).close()
        except OSError:
            return True
        return False


def test_a_web_process_answers_whom_it_began_with_and_closes_the_rest() -> None:
    resource = make_resource(capacity=5)
    slot, other = make_consecutive_slots(resource, 2)
    with ExitStack() as stack:
        patient, hurried = _Web(stack), _Web(stack)
        bounded = _Web(stack, graceful_seconds=1)
        for web in (patient, hurried, bounded):
            wait_until(web.is_live)
        sockets = [
            initialise(stack.enter_context(open_socket(web.address))) for web in (patient, hurried)
        ]
        sockets[0].watch(Venue.format_id(slot.venue_id))
        locks = [stack.enter_context(locked(one)) for one in (slot, other)]
        # Each at a slot of its own, or one would wait for the other's guard.
        patiently, hurriedly = patient.begin_to_book(slot), hurried.begin_to_book(other)
        wait_until(lambda: all(map(someone_waits, locks)))
        unfinished = _send_half_a_request(bounded)

        for web in (patient, hurried, bounded):
            web.process.send_signal(signal.SIGTERM)
        began_at = time.monotonic()
        wait_until(patient.refuses_connections)
        wait_until(hurried.refuses_connections)
        assert [one.close_code() for one in sockets] == [1012, 1012]
        assert patient.answer is None
        hurried.process.send_signal(signal.SIGTERM)
        hurried.process.wait(_AT_ONCE_SECONDS)
        hurriedly.join()
        assert hurried.answer is not None
        assert hurried.answer.code in {"RemoteProtocolError", "ReadError"}
        locks[0].rollback()
        patiently.join()
        assert patient.answer is not None
        assert patient.answer.code is None, patient.answer
        assert patient.process.wait(_AT_ONCE_SECONDS) == 0
        # Whoever sends nothing more keeps no process.
        assert bounded.process.wait(_AT_ONCE_SECONDS + 1) == -signal.SIGTERM
        assert time.monotonic() - began_at < 10
        unfinished.close()
    assert Booking.objects.filter(status=BookingStatus.PENDING).count() == 1
    slot.refresh_from_db()
    assert slot.reserved == 1


def _send_half_a_request(web: _Web) -> socket.socket:
    parts = urlsplit(web.address)
    client = socket.create_connection((parts.hostname, parts.port), 5)
    client.settimeout(5)
    client.sendall(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    return client


def _owed(webhook: Webhook) -> WebhookDelivery:
    return WebhookDelivery.objects.create(
        organization_id=webhook.organization_id,
        webhook=webhook,
        type=TEST_TYPE,
        subject_id=webhook.pk,
        sequence=1,
    )


@pytest.mark.parametrize(
    ("times", "status"), [(1, BookingStatus.CONFIRMED), (2, BookingStatus.PENDING)]
)
def test_a_worker_ends_its_task_first_unless_it_is_asked_twice(
    times: int, status: BookingStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = make_slot(make_resource(capacity=5))
    # Not before the other task is at work: who waits for a lock gives up soon.
    monkeypatch.setattr("bookings.batches.wake_relay", lambda: None)
    booking = create_booking(actor=ANONYMOUS, seats=seats_on(slot, 1, guest=somebody()))
    with (
        receiver() as slow,
        process(*commands.worker()[1:], WEBHOOK_ALLOW_LOOPBACK="true") as worker,
        locked(slot) as lock,
    ):
        # Its task is over long before it answers; a thread waits for that.
        slow.delay = 4.0
        delivery = _owed(make_webhook(slot, slow.url))
        app.send_task("webhooks.tasks.send_webhooks")
        wait_until(lambda: slow.requests)
        app.send_task("reserve.outbox.tasks.relay_events")
        wait_until(lambda: someone_waits(lock))
        worker.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(0.5)
        if times == 1:
            lock.rollback()
            assert worker.wait(10) == 0
        else:
            worker.send_signal(signal.SIGTERM)
            worker.wait(10)
            wait_until(lambda: not someone_waits(lock))
    booking.refresh_from_db()
    assert booking.status == status
    delivery.refresh_from_db()
    assert delivery.state == ("SENT" if times == 1 else "QUEUED")
    # A task that ends by itself would have told that it waited in vain.
    assert not Event.objects.filter(subject_id=booking.pk).exclude(last_error="").exists()
