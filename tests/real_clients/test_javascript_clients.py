"""Apollo Client and graphql-ws, as npm has them, drive a running server."""

import json
import os
import subprocess

import pytest

from bookings.models import Booking, Slot
from bookings.states import BookingStatus
from reserve.core.ids import new_id
from tests.factories import PASSWORD, make_login_user, make_resource, make_slot, make_venue
from tests.nodejs import node
from tests.processes import PROJECT

pytestmark = pytest.mark.django_db(transaction=True)

_SECONDS = 90


@pytest.mark.parametrize("client", ["apollo", "graphql-ws"])
def test_a_client_from_npm_books_and_subscribes(server: str, client: str) -> None:
    user = make_login_user()
    slot = make_slot(make_resource(make_venue()))
    world = {
        "graphql": f"{server}/graphql",
        "websocket": f"{server.replace('http', 'ws', 1)}/graphql",
        "email": user.email,
        "password": PASSWORD,
        "venueId": slot.venue.public_id,
        "slotId": slot.public_id,
        "absentSlotId": Slot.format_id(new_id()),
        "date": slot.starts_at.date().isoformat(),
        "nonce": new_id().hex,
    }

    ran = subprocess.run(
        [node(), "--test", f"tests/real_clients/{client}.test.mjs"],
        cwd=PROJECT,
        env=os.environ | {"WORLD": json.dumps(world)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
    # What the clients were told is what is written.
    statuses = set(Booking.objects.filter(customer=user).values_list("status", flat=True))
    assert statuses == (
        {BookingStatus.CANCELLED} if client == "apollo" else {BookingStatus.PENDING}
    )
