"""Guests whose account was deleted."""

from collections.abc import Collection, Iterator
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from bookings.idempotency import forget_keys_of
from bookings.models import Booking, Guest
from reserve.outbox.words import blank_reasons

ERASED_NAME = "Deleted guest"
_BATCH = 1_000


def in_batches(bookings: QuerySet[Booking]) -> Iterator[tuple[set[UUID], list[UUID]]]:
    """Some organizations and ids of their bookings at a time, as the indexes want them."""
    found = list(bookings.values_list("organization_id", "pk").order_by("pk"))
    for start in range(0, len(found), _BATCH):
        batch = found[start : start + _BATCH]
        yield {organization_id for organization_id, _ in batch}, [pk for _, pk in batch]


def erase_guests(*, account_ids: Collection[UUID]) -> int:
    """Erase people from their guests, and what was written on their bookings.

    The bookings stay as they are, with their seats and their history, but for their notes
    and the reasons that anybody gave. Returns how many guests there were.
    """
    with transaction.atomic():
        theirs = Booking.objects.filter(customer_id__in=account_ids)
        theirs.exclude(notes="").update(notes="")
        for organization_ids, booking_ids in in_batches(theirs):
            blank_reasons(organization_ids=organization_ids, subject_ids=booking_ids)
        forget_keys_of(account_ids=account_ids)
        return Guest.objects.filter(account_id__in=account_ids).update(
            account=None, name=ERASED_NAME, email="", phone="", locale="en"
        )
