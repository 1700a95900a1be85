"""Forgetting people who deleted their accounts."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from notifications.models import Delivery, DeliveryState, Device, Preference, QuietHours


def forget_people(*, user_ids: Collection[UUID]) -> None:
    """Remove what they registered and wished, and who got what; nothing more goes to them."""
    with transaction.atomic():
        for model in (Device, Preference, QuietHours):
            model._default_manager.filter(user_id__in=user_ids).delete()  # noqa: SLF001
        owed = Delivery.objects.filter(user_id__in=user_ids)
        owed.filter(state__in=(DeliveryState.QUEUED, DeliveryState.DEAD)).update(
            state=DeliveryState.SKIPPED, outcome="account_deleted"
        )
        owed.update(user=None)
