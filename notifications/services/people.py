"""Forgetting people who deleted their accounts."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from bookings.models import Booking
from bookings.services.guests import in_batches
from notifications.models import Delivery, DeliveryState, Device, Preference, QuietHours
from reserve.outbox.words import without_reason


def forget_people(*, user_ids: Collection[UUID]) -> None:
    """Remove what they registered and wished, and who got what; nothing more goes to them.

    Messages about their bookings forget why, whoever got them.
    """
    with transaction.atomic():
        for model in (Device, Preference, QuietHours):
            model._default_manager.filter(user_id__in=user_ids).delete()  # noqa: SLF001
        owed = Delivery.objects.filter(user_id__in=user_ids)
        owed.filter(state__in=(DeliveryState.QUEUED, DeliveryState.DEAD)).update(
            state=DeliveryState.SKIPPED, outcome="account_deleted"
        )
        owed.update(user=None)
        theirs = Booking.objects.filter(customer_id__in=user_ids)
        for organization_ids, booking_ids in in_batches(theirs):
            about = Delivery.objects.filter(
                organization_id__in=organization_ids, booking_id__in=booking_ids
            )
            about.exclude(facts__reason="").update(facts=without_reason("facts"))
