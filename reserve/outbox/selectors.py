from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, Min
from django.db.models.functions import Now

from reserve.outbox.models import Event


def age_of_oldest_undelivered() -> timedelta:
    """How long the oldest event that the relay still owes has been waiting."""
    age = ExpressionWrapper(Now() - Min("recorded_at"), output_field=DurationField())
    waiting = Event.objects.filter(delivered_at=None, dead_at=None).aggregate(age=age)
    return waiting["age"] or timedelta()


def count_undelivered() -> int:
    return Event.objects.filter(delivered_at=None, dead_at=None).count()


def count_dead() -> int:
    """Events that the relay gave up and nobody has retried or discarded."""
    return Event.objects.filter(dead_at__isnull=False, delivered_at=None).count()
