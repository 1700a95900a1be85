"""Saying when a venue and its resources are open.

Each service that may move slots records `venue.schedule_changed`. All of them may
run inside a transaction of the caller's, who looks at what would become of the
slots and rolls it back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, time
from typing import Any, TypeVar
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q

from accounts.actors import Actor
from reserve.core.errors import Invalid, NotFound
from venues.models import Closure, OpeningHours, SpecialHours, Venue
from venues.services.access import lock_venue, record_schedule_change, require_resource
from venues.services.checks import (
    MAX_CLOSURES,
    MAX_OPENINGS,
    MAX_SPECIAL_HOURS,
    apply_changes,
    clashing,
    errors_of,
    errors_of_rules,
    refuse,
)

CLOSURE_FIELDS = frozenset({"resource_id", "first_date", "last_date", "reason"})

_Rule = TypeVar("_Rule", OpeningHours, SpecialHours)
_Owned = TypeVar("_Owned", SpecialHours, Closure)


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of one weekday, by the venue's clock; Monday is 0.

    `venues.models.OpeningHours` tells what each field means.
    """

    weekday: int
    opens_at: time
    closes_at: time
    slot_minutes: int | None = None
    capacity: int | None = None
    interval_minutes: int | None = None
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialOpening:
    """One stretch of every day from one date to another, both included."""

    first_date: date
    last_date: date
    opens_at: time
    closes_at: time
    reason: str = ""
    slot_minutes: int | None = None
    capacity: int | None = None
    interval_minutes: int | None = None
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0


def set_opening_hours(
    *, actor: Actor, venue_id: UUID, resource_id: UUID | None, openings: Sequence[Opening]
) -> list[OpeningHours]:
    """Replace the week of a resource, or with None that of the venue.

    The venue's week is that of every resource without one of its own.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says; also a resource of another venue.
        Invalid: openings that make no sense or overlap (`openings.1.opens_at` is the
            second's), or more than MAX_OPENINGS; the old hours stay.
    """
    with transaction.atomic():
        venue = lock_venue(actor=actor, venue_id=venue_id)
        require_resource(venue, resource_id)
        rules = [
            OpeningHours(
                organization_id=venue.organization_id,
                venue=venue,
                resource_id=resource_id,
                **asdict(opening),
            )
            for opening in openings
        ]
        refuse(errors_of_rules(rules, name="openings", maximum=MAX_OPENINGS))
        return _replace(OpeningHours, actor, venue, resource_id, rules)


def set_special_hours(
    *,
    actor: Actor,
    venue_id: UUID,
    resource_id: UUID | None,
    special_hours: Sequence[SpecialOpening],
) -> list[SpecialHours]:
    """Replace all special hours of a resource, or with None those of the venue.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says; also a resource of another venue.
        Invalid: openings that make no sense or overlap (`special_hours.1.opens_at` is the
            second's), or more than MAX_SPECIAL_HOURS; the old ones stay.
    """
    with transaction.atomic():
        venue = lock_venue(actor=actor, venue_id=venue_id)
        require_resource(venue, resource_id)
        rules = [_special_hours(venue, resource_id, opening) for opening in special_hours]
        refuse(errors_of_rules(rules, name="special_hours", maximum=MAX_SPECIAL_HOURS))
        return _replace(SpecialHours, actor, venue, resource_id, rules)


def add_special_hours(
    *, actor: Actor, venue_id: UUID, resource_id: UUID | None, opening: SpecialOpening
) -> SpecialHours:
    """Open at other hours from one local date to another, at a venue or one resource.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says; also a resource of another venue.
        Invalid: a value that makes no sense, an overlap with special hours that are there,
            or more than MAX_SPECIAL_HOURS.
    """
    with transaction.atomic():
        venue = lock_venue(actor=actor, venue_id=venue_id)
        require_resource(venue, resource_id)
        rule = _special_hours(venue, resource_id, opening)
        refuse(errors_of(rule))
        others = list(venue.special_hours.filter(Q(resource_id=resource_id)))
        if len(others) >= MAX_SPECIAL_HOURS:
            raise Invalid(f"There must be at most {MAX_SPECIAL_HOURS} special hours.")
        if sentence := clashing([*others, rule]).get(len(others)):
            raise Invalid.field("opens_at", sentence)
        rule.save(force_insert=True)
        record_schedule_change(venue, ["special_hours"], actor=actor, resource_id=resource_id)
    return rule


def remove_special_hours(*, actor: Actor, special_hours_id: UUID) -> None:
    """Raises what `lock_venue` does; NotFound also where there are no such special hours."""
    with transaction.atomic():
        rule = _locked(SpecialHours, actor, special_hours_id)
        rule.delete()
        record_schedule_change(
            rule.venue, ["special_hours"], actor=actor, resource_id=rule.resource_id
        )


def add_closure(
    *,
    actor: Actor,
    venue_id: UUID,
    first_date: date,
    last_date: date,
    reason: str = "",
    resource_id: UUID | None = None,
) -> Closure:
    """Offer nothing from one local date to another, both included, at a venue or one resource.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says; also a resource of another venue.
        Invalid: dates in the wrong order or too far apart, or more than MAX_CLOSURES.
    """
    with transaction.atomic():
        venue = lock_venue(actor=actor, venue_id=venue_id)
        require_resource(venue, resource_id)
        closure = Closure(
            organization_id=venue.organization_id,
            venue=venue,
            resource_id=resource_id,
            first_date=first_date,
            last_date=last_date,
            reason=reason,
        )
        refuse(errors_of(closure))
        if venue.closures.count() >= MAX_CLOSURES:
            raise Invalid(f"There must be at most {MAX_CLOSURES} closures.")
        closure.save(force_insert=True)
        record_schedule_change(venue, ["closures"], actor=actor, resource_id=resource_id)
    return closure


def update_closure(*, actor: Actor, closure_id: UUID, changes: Mapping[str, Any]) -> Closure:
    """Change a closure's dates, reason or resource.

    Raises:
        NotFound, Forbidden, Busy: as `lock_venue` says; also a resource of another venue.
        Invalid: an unknown name, or dates in the wrong order or too far apart.
    """
    with transaction.atomic():
        closure = _locked(Closure, actor, closure_id)
        changed = apply_changes(closure, changes, CLOSURE_FIELDS)
        require_resource(closure.venue, closure.resource_id)
        refuse(errors_of(closure))
        if changed:
            closure.save(update_fields=changed)
        if changed - {"reason"}:
            # Of two resources it concerns both.
            resource_id = None if "resource_id" in changed else closure.resource_id
            record_schedule_change(
                closure.venue, ["closures"], actor=actor, resource_id=resource_id
            )
    return closure


def remove_closure(*, actor: Actor, closure_id: UUID) -> None:
    """Raises what `lock_venue` does; NotFound also where there is no such closure."""
    with transaction.atomic():
        closure = _locked(Closure, actor, closure_id)
        closure.delete()
        record_schedule_change(
            closure.venue, ["closures"], actor=actor, resource_id=closure.resource_id
        )


def _special_hours(venue: Venue, resource_id: UUID | None, opening: SpecialOpening) -> SpecialHours:
    return SpecialHours(
        organization_id=venue.organization_id,
        venue=venue,
        resource_id=resource_id,
        **asdict(opening),
    )


def _locked(model: type[_Owned], actor: Actor, row_id: UUID) -> _Owned:
    """A row with its venue, which is locked."""
    rows = model._default_manager.filter(pk=row_id)  # noqa: SLF001
    venue_id = rows.values_list("venue_id", flat=True).first()
    if venue_id is None:
        raise NotFound
    venue = lock_venue(actor=actor, venue_id=venue_id)
    # Somebody may have removed it while the lock was waited for.
    row = rows.first()
    if row is None:
        raise NotFound
    row.venue = venue
    return row


def _replace(
    model: type[_Rule], actor: Actor, venue: Venue, resource_id: UUID | None, rules: list[_Rule]
) -> list[_Rule]:
    """Make these the rules of an owner; those that are there already keep their rows."""
    present = model._default_manager.filter(Q(venue=venue, resource_id=resource_id))  # noqa: SLF001
    outdated = {_content(rule): rule for rule in present}
    replaced = [outdated.pop(_content(rule), rule) for rule in rules]
    added = [rule for rule in replaced if rule._state.adding]  # noqa: SLF001
    if outdated:
        present.filter(pk__in=[rule.pk for rule in outdated.values()]).delete()
    if added:
        model._default_manager.bulk_create(added)  # noqa: SLF001
    if outdated or added:
        changed = "opening_hours" if model is OpeningHours else "special_hours"
        record_schedule_change(venue, [changed], actor=actor, resource_id=resource_id)
    return replaced


def _content(rule: models.Model) -> tuple[object, ...]:
    return tuple(
        getattr(rule, field.attname)
        for field in rule._meta.fields  # noqa: SLF001
        if not field.primary_key
    )
