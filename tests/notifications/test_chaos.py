"""Everything that follows a booking happens once, however things break.

Two workers, their pools and beat are killed with -9 every three seconds, every message is
published three times, events are handed over again, Redis is emptied, and the mail server
and the push service refuse, fail, are slow or silent, while people book. `make chaos` does
it with a thousand bookings. Another system is told by webhook meanwhile: at least once, each
time under the same id.
"""

import os
from collections import Counter
from contextlib import ExitStack
from time import sleep

import pytest
from django.db.models import Count

from accounts.actors import ANONYMOUS
from bookings.guests import GuestDetails
from bookings.models import Booking
from bookings.services.bookings import create_booking
from bookings.states import BookingStatus
from notifications.models import Delivery, DeliveryState
from reserve.outbox.models import Event
from reserve.outbox.selectors import count_undelivered
from tests.factories import make_resource, make_slot, seats_on
from tests.notifications.chaos import Staff, Trouble, clock, say
from tests.notifications.servers import mail_server, push_service
from tests.processes import wait_until
from tests.redis_server import own_redis_server
from tests.webhooks.conftest import make_webhook
from tests.webhooks.receiver import receiver as webhook_receiver
from webhooks.models import WebhookDelivery

BOOKINGS = int(os.environ.get("CHAOS_BOOKINGS", "100"))
# The short one has time for a dozen kills, the long one for as many as a thousand take.
_SECONDS = BOOKINGS * 0.25
_REDELIVERED_WITHIN = 90


@pytest.mark.django_db(transaction=True)
def test_each_booking_is_told_of_exactly_once_whatever_is_killed() -> None:
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server())
        push = stack.enter_context(push_service())
        redis = stack.enter_context(own_redis_server())
        receiver = stack.enter_context(webhook_receiver())
        staff = Staff(
            {
                "REDIS_URL": redis.url,
                "EMAIL_URL": mail.url,
                "WEBHOOK_ALLOW_LOOPBACK": "true",
                **push.environment,
            }
        )
        stack.callback(staff.stop)
        trouble = Trouble(staff=staff, redis=redis, mail=mail, push=push)
        stack.enter_context(trouble.looked_after())
        slot = make_slot(make_resource(capacity=BOOKINGS))
        make_webhook(slot, receiver.url)
        with trouble.going_on():
            booked = _book(slot)
            # On a machine that is busy it may take until now for anything to be repeated.
            wait_until(lambda: trouble.repeated > 0, seconds=60, interval=0.5)
        began_at = clock()
        wait_until(_is_settled, seconds=_REDELIVERED_WITHIN, interval=0.5)
        settled_within = clock() - began_at
        say(
            kills=staff.kills,
            published=trouble.published,
            flushes=trouble.flushes,
            repeated=trouble.repeated,
            mails=len(mail.messages),
            webhooks=len(receiver.requests),
            settled_within=round(settled_within, 1),
        )

        assert Booking.objects.filter(status=BookingStatus.CONFIRMED).count() == BOOKINGS
        states = Delivery.objects.values_list("state").annotate(Count("pk")).order_by()
        # A mail for each guest, and the topic's message.
        assert dict(states) == {DeliveryState.SENT: 2 * BOOKINGS}
        mails = Counter(str(message["To"]) for message in mail.received())
        assert len(mails) == BOOKINGS
        assert set(mails.values()) == {1}
        published = {
            attributes["delivery_id"]: attributes["booking_id"]
            for attributes in map(push.attributes, push.to_topic())
        }
        assert Counter(published.values()) == Counter(booked)
        happened = Event.objects.filter(name__in=("booking.created", "booking.confirmed"))
        assert happened.count() == 2 * BOOKINGS
        assert set(receiver.ids) == {event.public_id for event in happened}
        assert not WebhookDelivery.objects.exclude(state="SENT").exists()
        assert staff.kills >= 5
        assert trouble.flushes >= 1
        assert trouble.repeated > 0


def _book(slot) -> list[str]:
    booked = []
    ends_at = clock() + _SECONDS
    for number in range(BOOKINGS):
        guest = GuestDetails(name=f"Guest {number}", email=f"guest{number}@example.org")
        booking = create_booking(actor=ANONYMOUS, seats=seats_on(slot, 1, guest=guest))
        booked.append(booking.public_id)
        # So that they come all along.
        pause = (ends_at - clock()) / (BOOKINGS - number)
        if pause > 0:
            sleep(pause)
    return booked


def _is_settled() -> bool:
    return (
        count_undelivered() == 0
        and not Booking.objects.filter(status=BookingStatus.PENDING).exists()
        and not Delivery.objects.filter(state=DeliveryState.QUEUED).exists()
        and not WebhookDelivery.objects.filter(state="QUEUED").exists()
    )
