"""Bookings by REST: those who wait together share a transaction, however few threads there are."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest
from django.db import connection

from bookings.models import Booking
from bookings.queue import COMMITTERS
from tests.clients import Answer, RestApi
from tests.factories import make_customer, make_resource, make_slot, seats_on
from tests.locks import locked, someone_waits
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 24
# Those who wait for a lock give up after 2 s.
_GATHERING_SECONDS = 1.0


def test_those_who_wait_together_share_transactions(server: str) -> None:
    full = make_slot(make_resource(capacity=1))
    busy = [make_slot() for _ in range(COMMITTERS)]
    slots = [make_slot() for _ in range(CALLERS)]
    customers = [make_customer() for _ in slots]
    api = RestApi(server)
    assert api.create_booking(customers[0], seats_on(full, guest_count=1)).code is None

    def book(number: int) -> Answer:
        return api.create_booking(customers[number], seats_on(slots[number], guest_count=1))

    with ThreadPoolExecutor(COMMITTERS + CALLERS + 1) as crowd, ExitStack() as locks:
        # Whoever could decide a batch waits, and everybody else for them.
        for slot in busy:
            lock = locks.enter_context(locked(slot))
            crowd.submit(api.create_booking, make_customer(), seats_on(slot, guest_count=1))
            wait_until(partial(someone_waits, lock))
        refused = crowd.submit(api.create_booking, customers[0], seats_on(full, guest_count=1))
        waiting = [crowd.submit(book, number) for number in range(CALLERS)]
        time.sleep(_GATHERING_SECONDS)
        locks.close()
        answers = [answer.result() for answer in waiting]

    assert refused.result().code == "SLOT_UNAVAILABLE"
    assert [answer.code for answer in answers] == [None] * CALLERS
    assert len({answer.body["id"] for answer in answers}) == CALLERS
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT xmin::text) FROM bookings_booking WHERE id = ANY(%s)",
            [list(Booking.objects.filter(slots__in=slots).values_list("pk", flat=True))],
        )
        (transactions,) = cursor.fetchone()
    # As many as four threads could bring along would be six; a busy machine sends some late.
    assert transactions < CALLERS / 6
