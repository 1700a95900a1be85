"""Claims of rows that many workers take their work from: claim, commit, do it, record.

A claim is a `next_attempt_at` in the future, so that the claim of a worker that died lapses
by itself. `attempts` tells one claim from the next: what a worker records counts for as long
as no other has claimed the row since.
"""

import random
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import models, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

# Longer than a worker has for what it claimed: a relay's task, a turn at a server.
LEASE = timedelta(seconds=40)


class Claimable(models.Model):
    """A row that waits until it is due."""

    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Claimable)


def claim_due(rows: QuerySet[Row], *, limit: int) -> list[Row]:
    """Claim those that have been due longest; no other gets them before the lease is over."""
    with transaction.atomic():
        claimed = list(
            rows.filter(next_attempt_at__lte=Now())
            .select_for_update(skip_locked=True, no_key=True, of=("self",))
            .order_by("next_attempt_at")[:limit]
        )
        keys = [row.pk for row in claimed]
        rows.model._default_manager.filter(pk__in=keys).update(  # noqa: SLF001
            attempts=F("attempts") + 1, next_attempt_at=Now() + LEASE
        )
    for row in claimed:
        row.attempts += 1
    return claimed


def held(row: Row, *, among: QuerySet[Row]) -> QuerySet[Row]:
    """The row, for as long as the claim is still this one."""
    return among.filter(pk=row.pk, attempts=row.attempts)


def give_back(held: QuerySet[Row], until: datetime | None = None) -> None:
    """End a claim as if nobody had made it: the row is due at once, or at some later time."""
    held.update(attempts=F("attempts") - 1, next_attempt_at=until or Now())


def spread(pause: timedelta, by: float = 0.25) -> timedelta:
    """A pause, longer or shorter by up to a part: what failed together comes again by itself."""
    return pause * random.uniform(1 - by, 1 + by)  # noqa: S311 (spread, not secret)
