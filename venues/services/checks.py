"""Refusing what makes no sense, before anything is written."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from reserve.core import sentences
from reserve.core.errors import Invalid
from venues.models import OpeningHours, SpecialHours
from venues.overlap import overlaps
from venues.validators import MAX_SLOTS_PER_DAY

MAX_OPENINGS = 100
MAX_SPECIAL_HOURS = 500
MAX_CLOSURES = 500

Errors = dict[str, list[str]]
Rule = OpeningHours | SpecialHours

# The first that fits a field decides: a date-time's field is a date's too.
_KINDS: tuple[tuple[type[Any], type | tuple[type, ...], str], ...] = (
    (models.BooleanField, bool, sentences.TRUE_OR_FALSE),
    (models.IntegerField, int, sentences.WHOLE_NUMBER),
    (models.FloatField, (int, float), sentences.NUMBER),
    (models.DateField, date, sentences.DATE),
    (models.TimeField, time, sentences.TIME_OF_DAY),
    (models.CharField, str, sentences.TEXT),
    (models.TextField, str, sentences.TEXT),
)


def errors_of(row: models.Model, *, prefix: str = "") -> Errors:
    """The sentences on a row's own values, by prefix and field.

    References and the database's constraints are not asked: each would take a query.
    """
    errors = _wrong_kinds(row)
    if not errors:
        references = {field.name for field in row._meta.fields if field.is_relation}  # noqa: SLF001
        try:
            row.full_clean(references, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            errors = error.message_dict
    return {f"{prefix}{name}": texts for name, texts in errors.items()}


def errors_of_rules(rules: Iterable[Rule], *, name: str, maximum: int) -> Errors:
    """The sentences on all the rules of one owner: `openings.1.opens_at` is the second's."""
    rules = list(rules)
    if len(rules) > maximum:
        return {name: [f"There must be at most {maximum}."]}
    errors: Errors = {}
    for position, rule in enumerate(rules):
        errors |= errors_of(rule, prefix=f"{name}.{position}.")
    if errors:
        return errors
    return {
        f"{name}.{position}.opens_at": [sentence] for position, sentence in clashing(rules).items()
    }


def clashing(rules: Iterable[Rule]) -> dict[int, str]:
    """A sentence on each rule of one owner that does not go with the earlier ones.

    It overlaps one of them, or there are more than MAX_SLOTS_PER_DAY with those of
    its days. By its position.
    """
    rules = list(rules)
    stretches = [rule.stretch for rule in rules]
    found = {
        position: f"This overlaps another: {rules[earlier]}."
        for position, earlier in overlaps(stretches).items()
    }
    counts = [rule.slot_count for rule in rules]
    for position, stretch in enumerate(stretches):
        beside = (
            counts[earlier] for earlier in range(position) if stretch.shares_day(stretches[earlier])
        )
        if position not in found and counts[position] + sum(beside) > MAX_SLOTS_PER_DAY:
            found[position] = (
                f"With the others there are more than {MAX_SLOTS_PER_DAY} slots on a day."
            )
    return found


def refuse(errors: Mapping[str, list[str]]) -> None:
    """Raises Invalid where there are any."""
    if errors:
        fields = {name: texts for name, texts in errors.items() if name != NON_FIELD_ERRORS}
        # What concerns several fields together has no field of its own.
        raise Invalid(" ".join(errors.get(NON_FIELD_ERRORS, ())) or None, errors=fields)


def apply_changes(row: models.Model, changes: Mapping[str, Any], fields: Iterable[str]) -> set[str]:
    """Set a row's fields; return the names of those that are another now.

    Raises:
        Invalid: a name that is none of these fields.
    """
    refuse({name: ["There is no such field."] for name in changes.keys() - set(fields)})
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    return {name for name, value in before.items() if not _same(value, changes[name])}


def _same(before: object, after: object) -> bool:
    # 1 and True are equal, and not the same.
    return before == after and isinstance(after, bool) == isinstance(before, bool)


def _wrong_kinds(row: models.Model) -> Errors:
    errors: Errors = {}
    for field in row._meta.fields:  # noqa: SLF001
        value = getattr(row, field.attname)
        if field.is_relation or not field.editable or (value is None and field.null):
            continue
        if isinstance(field, ArrayField):
            if not _holds(value, field.base_field):
                errors[field.name] = [_sentence_of(field)]
            continue
        for field_kind, kind, sentence in _KINDS:
            if isinstance(field, field_kind):
                # A boolean is an int to Python, and a date-time a date.
                disguised = kind is not bool and isinstance(value, bool | datetime)
                if disguised or not isinstance(value, kind):
                    errors[field.name] = [sentence]
                break
    return errors


def _holds(value: object, item: Any) -> bool:
    """Whether a value is a list of what the field of its items takes."""
    kind = int if isinstance(item, models.IntegerField) else str
    return isinstance(value, list | tuple) and all(
        isinstance(each, kind) and not isinstance(each, bool) for each in value
    )


def _sentence_of(field: Any) -> str:
    is_numbers = isinstance(field.base_field, models.IntegerField)
    return sentences.WHOLE_NUMBERS if is_numbers else sentences.TEXTS
