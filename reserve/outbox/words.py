"""What people wrote, where it stands in JSON beside facts."""

from collections.abc import Collection
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, F, Func, JSONField, QuerySet, Value

from reserve.outbox.models import Event


def without_reason(column: str) -> Func:
    """A column of JSON with an empty reason in place of the one that it has."""
    return Func(
        F(column),
        Value(["reason"], output_field=ArrayField(CharField())),
        Value("", output_field=JSONField()),
        function="jsonb_set",
        output_field=JSONField(),
    )


def blank_reasons(*, organization_ids: Collection[UUID], subject_ids: Collection[UUID]) -> int:
    """Forget why the events of these subjects happened; return of how many somebody had said.

    The facts stay: the log refuses every other change of them. What a failed delivery
    said of it goes as well.
    """
    events: QuerySet[Event] = Event.objects.filter(
        organization_id__in=organization_ids, subject_id__in=subject_ids
    )
    events.exclude(last_error="").update(last_error="")
    said = events.filter(payload__has_key="reason").exclude(payload__reason="")
    return said.update(payload=without_reason("payload"))
