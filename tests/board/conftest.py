import pytest
from django.test import Client

from accounts.models import Role, User
from bookings.models import Slot
from tests.factories import make_member, make_slot


@pytest.fixture
def slot(db: None) -> Slot:
    return make_slot()


@pytest.fixture
def staff(slot: Slot) -> User:
    return make_member(slot.venue.organization, Role.STAFF)


@pytest.fixture
def browser(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client
