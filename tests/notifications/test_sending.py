"""Servers that refuse, are gone, are slow or silent: nothing is lost, and nobody else is late."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.config import Config
from django.db.models.functions import Now

from accounts.actors import account
from accounts.services.logins import open_login
from bookings.models import Booking
from bookings.services.bookings import create_booking
from notifications.kinds import Urgency
from notifications.models import Delivery, DeliveryState, Device, Lane
from notifications.senders import sns
from notifications.services import claims, lanes, turns
from notifications.services.devices import register_device
from notifications.services.sending import send_due
from notifications.services.turns import Floor, Recording, Turn
from reserve.core.mail_server import mail_server as read_address
from tests.factories import (
    make_organization,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
)
from tests.notifications.conftest import relay, send
from tests.notifications.servers import (
    CREDENTIALS,
    MailServer,
    PushService,
    mail_server,
    push_service,
)
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_TIMEOUT = 1
        yield running


@pytest.fixture
def push(settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    impatient = {"connect_timeout": 1, "read_timeout": 1}
    monkeypatch.setattr(sns, "_CONFIG", sns._CONFIG.merge(Config(**impatient)))
    with push_service() as running:
        settings.SNS_TOPIC_ARN = running.topic
        settings.SNS_ANDROID_APPLICATION_ARN = running.application
        settings.AWS_ENDPOINT_URL = running.url
        yield running


def book(number: int = 1, *, slot=None, name: str = "guest") -> list[Booking]:
    slot = slot or make_slot(make_resource(capacity=1000))
    made = [
        create_booking(
            actor=account(make_user(email=f"{name}{each}@example.org").pk),
            seats=seats_on(slot, 1),
        )
        for each in range(number)
    ]
    relay()
    return made


def waiting() -> int:
    return Delivery.objects.filter(state=DeliveryState.QUEUED).count()


def test_a_message_keeps_its_id_whatever_becomes_of_the_answer(server: MailServer) -> None:
    book()
    server.mode = "forgetful"
    assert send() == 0
    server.mode = "ok"
    assert send(due_now=True) == 1
    assert list(server.ids.values()) == [2], "it came twice, and shows that it is the same"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.provider_id) == (DeliveryState.SENT, next(iter(server.ids)))
    assert delivery.public_id in delivery.provider_id
    (message,) = server.received()
    kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]


@pytest.mark.parametrize("mode", ["failing", "dropping", "silent"])
def test_a_server_that_fails_loses_nothing_and_is_tried_with_one(server, mode) -> None:
    book(5)
    server.mode = mode
    for _ in range(3):
        assert send() == 0
    # One was tried, once; the others wait untouched.
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 0, 0, 0, 1]
    assert lanes.closed() == {"email"}
    for _ in range(2):
        send(due_now=True)
    assert Lane.objects.get().failures == 3
    server.mode = "ok"
    send(due_now=True)
    send()
    assert (waiting(), len(server.received())) == (0, 5)
    assert max(server.ids.values()) == 1
    assert lanes.closed() == set()


def test_a_week_without_a_mail_server_loses_nothing(server: MailServer) -> None:
    book(3)
    server.mode = "failing"
    for day in range(8):
        Delivery.objects.update(created_at=Now() - timedelta(days=day))
        for _ in range(4):
            send(due_now=True)
    assert waiting() == 3
    server.mode = "ok"
    send(due_now=True)
    send(due_now=True)
    assert len(server.received()) == 3

    # At some point it is news no more, and somebody decides.
    book(1, name="late")
    server.mode = "failing"
    Delivery.objects.filter(state=DeliveryState.QUEUED).update(
        created_at=Now() - timedelta(days=11)
    )
    send(due_now=True)
    dead = Delivery.objects.get(state=DeliveryState.DEAD)
    assert dead.outcome == "SMTPDataError 451"
    server.mode = "ok"
    assert claims.retry([dead.pk]) == 1
    send(due_now=True)
    assert len(server.received("late")) == 1


def test_one_address_that_is_refused_is_that_one_s_affair(server, caplog) -> None:
    book(3)
    server.mode, server.refused = "refusing", {"guest1@example.org"}
    assert send() == 2
    assert lanes.closed() == set()
    refused = Delivery.objects.get(state=DeliveryState.QUEUED)
    assert refused.outcome == "SMTPRecipientsRefused 550"
    assert send() == 0, "not at once again"
    for _ in range(claims.MAX_REFUSALS):
        send(due_now=True)
    refused.refresh_from_db()
    assert (refused.state, refused.attempts) == (DeliveryState.DEAD, claims.MAX_REFUSALS)
    assert claims.discard([refused.pk]) == 1
    assert claims.retry([refused.pk]) == 0
    assert "guest1@example.org" not in caplog.text


def test_a_dead_server_of_one_organization_is_not_another_s(server, settings) -> None:
    with mail_server() as own:
        house = make_organization(slug="house")
        settings.ORGANIZATION_MAIL_SERVERS = {"house": read_address(own.url, allow_console=False)}
        slot = make_slot(make_resource(make_venue(organization=house), capacity=1000))
        own.mode = "silent"
        book(60, slot=slot, name="house")
        book(3, name="other")
        began_at = time.monotonic()
        send_due(urgency=Urgency.PROMPT, within=timedelta(seconds=10))
        assert len(server.received("other")) == 3
        assert not server.received("house")
        assert time.monotonic() - began_at < 6
        assert lanes.closed() == {"email.house"}

        own.mode = "ok"
        send(due_now=True)
        send(due_now=True)
        assert len(own.received("house")) == 60
        assert waiting() == 0


def test_a_silent_mail_server_keeps_no_booking_waiting(server, settings) -> None:
    settings.EMAIL_TIMEOUT = 5
    server.mode = "silent"
    began_at = time.monotonic()
    bookings = book(30)
    took = time.monotonic() - began_at
    confirmed = Booking.objects.filter(pk__in=[each.pk for each in bookings], status="CONFIRMED")
    assert confirmed.count() == 30
    assert waiting() == 30, "owed, and not sent by the relay"
    assert took < 5, "the mail server's time-out is nobody's"


def test_a_long_queue_of_one_organization_keeps_no_other_waiting(server) -> None:
    book(claims.CLAIM_SIZE * 3, name="many")
    book(1, name="few")
    send()
    places = [str(message["To"]) for message in server.messages]
    (place,) = [place for place, to in enumerate(places) if "few" in to]
    assert place <= claims.CLAIM_SIZE


def test_a_slow_server_is_waited_for_by_one_thread(server, monkeypatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("notifications.services.delivery_turns._TURN_SECONDS", 1.2)
    book(10)
    server.mode, server.seconds = "slow", 0.8
    went_on = threading.Event()
    began_at = time.monotonic()
    within = timedelta(seconds=0.15)
    send_due(urgency=Urgency.PROMPT, within=within, more=went_on.set)
    assert time.monotonic() - began_at < server.seconds
    assert lanes.closed() == {"email"}, "whether it answers at all is not known yet"
    wait_until(lambda: not lanes.closed(), seconds=5, interval=0.02)
    # It does: others may come, but no second turn of this process.
    assert send_due(urgency=Urgency.PROMPT, within=within) == 0
    turns.finish(timedelta(seconds=5))
    assert went_on.wait(5)
    assert len(server.messages) == 2
    assert Counter(Delivery.objects.values_list("state", "attempts")) == {
        ("SENT", 1): 2,
        # What was not tried is as new.
        ("QUEUED", 0): 8,
    }
    server.mode = "ok"
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 30.0)
    assert send() == 8
    assert Lane.objects.get().reason == ""
    assert max(server.ids.values()) == 1


def test_whoever_comes_after_a_silent_server_is_not_late(server, settings, monkeypatch) -> None:
    """Neither when it falls silent nor when it is tried again."""
    settings.EMAIL_TIMEOUT = 1.5
    with mail_server() as own:
        own.mode = "silent"
        house = make_organization(slug="house")
        settings.ORGANIZATION_MAIL_SERVERS = {"house": read_address(own.url, allow_console=False)}
        at_house = make_slot(make_resource(make_venue(organization=house), capacity=1000))

        def seconds(name: str) -> float:
            """How long a mail takes that is owed when a sender has met the silent server."""
            book(2, slot=at_house, name=f"house-{name}-")
            Lane.objects.update(paused_until=Now())
            began_at = time.monotonic()
            send_due(urgency=Urgency.PROMPT, within=timedelta(seconds=0.2))
            took = time.monotonic() - began_at
            book(1, name=name)
            began_at = time.monotonic()
            send_due(urgency=Urgency.PROMPT, within=timedelta(seconds=0.2))
            assert len(server.received(name)) == 1
            return took + time.monotonic() - began_at

        monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.2)
        for failures, name in enumerate(("found", "tried"), 1):
            assert seconds(name) < settings.EMAIL_TIMEOUT
            assert lanes.closed() == {"email.house"}
            turns.finish(timedelta(seconds=5))
            # The thread has written down what became of it.
            lane = Lane.objects.get(name="email.house")
            assert (lane.failures, lane.reason) == (failures, "SMTPServerDisconnected")
        assert sum(Delivery.objects.filter(state="QUEUED").values_list("attempts", flat=True)) == 2
        # Whoever waits for it has all others wait.
        monkeypatch.setattr(turns, "PATIENCE_SECONDS", 30.0)
        assert seconds("late") > settings.EMAIL_TIMEOUT


def test_servers_that_have_failed_do_not_take_every_thread(monkeypatch) -> None:
    monkeypatch.setattr(turns, "_MOST", 4)
    monkeypatch.setattr(turns, "_MOST_TRIALS", 2)
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.05)
    is_over = threading.Event()

    class Stuck(Turn):
        def post(self) -> Iterator[Recording]:
            is_over.wait(20)
            yield lambda: True

        def release(self) -> None:
            pass

    Lane.objects.bulk_create(
        Lane(name=f"failed.{number}", failures=1, reason="x") for number in range(3)
    )
    try:
        with Floor() as floor:
            begun = []
            for lane in ("failed.0", "failed.1", "failed.2", "new.0", "new.1", "new.2"):
                leave = floor.enter(lane)
                if leave is not None:
                    floor.begin(Stuck(lane, leave))
                    begun.append(lane)
        assert begun == ["failed.0", "failed.1", "new.0", "new.1"]
        # What was not begun is not left alone for it.
        assert lanes.closed() == set(begun)
    finally:
        is_over.set()
        turns.finish(timedelta(seconds=5))
    assert floor.sent == 0


def test_the_claim_of_a_sender_that_died_lapses(server) -> None:
    (booking,) = book()
    organization_id = booking.organization_id
    claimed = claims.claim(
        organization_id=organization_id, urgency=Urgency.PROMPT, channel="EMAIL", limit=5
    )
    assert len(claimed) == 1
    assert send() == 0, "somebody has it"
    late = claimed[0]
    assert send(due_now=True) == 1
    # What the late one finds does not undo it.
    claims.record_failure(late, "too late")
    claims.record_skipped(late, "too late")
    assert Delivery.objects.get().state == DeliveryState.SENT


def test_the_topic_hears_facts_and_nobody_s_name(push: PushService, server) -> None:
    (booking,) = book()
    send()
    (published,) = push.to_topic()
    attributes = push.attributes(published)
    assert attributes["kind"] == "CONFIRMED"
    assert attributes["status"] == "CONFIRMED"
    assert attributes["venue_id"] == booking.venue.public_id
    assert attributes["organization_id"] == booking.venue.organization.public_id
    assert booking.public_id in published["Message"]
    for secret in ("guest0", booking.confirmation_code):
        assert secret not in str(published)
    row = Delivery.objects.get(audience="TOPIC")
    assert (row.state, bool(row.provider_id)) == (DeliveryState.SENT, True)


@pytest.mark.parametrize("mode", ["throttling", "failing", "silent"])
def test_a_push_service_that_fails_loses_nothing_and_keeps_no_mail(push, server, mode) -> None:
    book(2)
    push.mode = mode
    assert send() == 2, "the mails"
    assert lanes.closed() == {"push"}
    push.mode = "ok"
    send(due_now=True)
    send(due_now=True)
    assert len(push.to_topic()) == 2
    assert waiting() == 0


def test_a_device_is_told_once_registered_and_forgotten_once_gone(push, server) -> None:
    guest = make_user(email="phone@example.org")
    me = account(guest.pk)
    slot = make_slot(make_resource(make_venue(name="Noma")))
    device = register_device(actor=me, token="a-token-that-works", platform="ANDROID")
    booking = create_booking(actor=me, seats=seats_on(slot, 1))
    relay()
    send()
    (told,) = [each for each in push.published if each.get("TargetArn")]
    assert "Your booking at Noma is confirmed" in told["Message"]
    assert booking.confirmation_code not in told["Message"]
    assert push.attributes(told)["booking_id"] == booking.public_id
    device.refresh_from_db()
    assert device.endpoint == told["TargetArn"]

    # A login that was ended, or another owner, hears nothing.
    open_login(guest)
    login = guest.logins.get()
    Device.objects.filter(pk=device.pk).update(login=login)
    guest.logins.update(revoked_at=Now())
    create_booking(actor=me, seats=seats_on(slot, 1))
    relay()
    send()
    assert len([each for each in push.published if each.get("TargetArn")]) == 1

    # The app was removed: the endpoint goes, and the device with it.
    Device.objects.filter(pk=device.pk).update(login=None)
    push.client.set_endpoint_attributes(
        EndpointArn=device.endpoint, Attributes={"Enabled": "false"}
    )
    create_booking(actor=me, seats=seats_on(slot, 1))
    relay()
    send()
    assert not Device.objects.exists()
    gone = Delivery.objects.filter(outcome__startswith="device_gone")
    assert gone.get().state == DeliveryState.SKIPPED
    assert lanes.closed() == set()


def test_quiet_hours_hold_back_pushes_and_no_mail(push, server, monkeypatch) -> None:
    guest = make_user(email="quiet@example.org")
    me = account(guest.pk)
    register_device(actor=me, token="a-token-that-works", platform="ANDROID")
    until = []
    monkeypatch.setattr(
        "notifications.services.messages.Batch.quiet_until",
        lambda _batch, delivery: until[0] if until and delivery.device_id else None,
    )
    create_booking(actor=me, seats=seats_on(make_slot(), 1))
    relay()
    until.append(Delivery.objects.first().created_at + timedelta(hours=5))
    send()
    assert len(server.received("quiet")) == 1
    held = Delivery.objects.get(state=DeliveryState.QUEUED)
    assert (held.attempts, held.next_attempt_at) == (0, until.pop())
    send(due_now=True)
    assert waiting() == 0


def test_nothing_is_pushed_while_the_topic_is_unset(server, settings) -> None:
    assert not settings.SNS_TOPIC_ARN
    guest = make_user()
    register_device(actor=account(guest.pk), token="a-token-that-works", platform="IOS")
    create_booking(actor=account(guest.pk), seats=seats_on(make_slot(), 1))
    relay()
    assert set(Delivery.objects.values_list("channel", flat=True)) == {"EMAIL"}
