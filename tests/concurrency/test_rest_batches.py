"""Bookings by REST: those who come together share transactions, however few threads there are."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from bookings.models import Booking
from tests.clients import Answer, RestApi
from tests.factories import make_customer, make_resource, make_slot, seats_on

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 24


def test_those_who_come_together_share_transactions(server: str) -> None:
    full = make_slot(make_resource(capacity=1))
    slots = [make_slot() for _ in range(CALLERS)]
    customers = [make_customer() for _ in slots]
    api = RestApi(server)
    assert api.create_booking(customers[0], seats_on(full, guest_count=1)).code is None

    def book(number: int) -> Answer:
        return api.create_booking(customers[number], seats_on(slots[number], guest_count=1))

    with ThreadPoolExecutor(CALLERS + 1) as crowd:
        refused = crowd.submit(api.create_booking, customers[0], seats_on(full, guest_count=1))
        answers = list(crowd.map(book, range(CALLERS)))

    assert refused.result().code == "SLOT_UNAVAILABLE"
    assert [answer.code for answer in answers] == [None] * CALLERS
    assert len({answer.body["id"] for answer in answers}) == CALLERS
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT xmin::text) FROM bookings_booking WHERE id <> %s",
            [Booking.objects.get(slots=full).pk],
        )
        (transactions,) = cursor.fetchone()
    # As many as four threads could bring along would be six; a loaded machine spreads them.
    assert transactions < CALLERS / 2
