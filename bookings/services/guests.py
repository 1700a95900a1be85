"""Guests whose account was deleted."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from bookings.models import Booking, Guest

ERASED_NAME = "Deleted guest"


def erase_guests(*, account_ids: Collection[UUID]) -> int:
    """Erase people from their guests and from the notes of their bookings.

    The bookings stay as they are, with their seats and their history. Returns how many
    guests there were.
    """
    with transaction.atomic():
        Booking.objects.filter(customer_id__in=account_ids).exclude(notes="").update(notes="")
        return Guest.objects.filter(account_id__in=account_ids).update(
            account=None, name=ERASED_NAME, email="", phone="", locale="en"
        )
