"""Saying what one wants to be told, and when not."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.selectors import current_user
from notifications.kinds import Audience, Channel, Kind, kinds_for
from notifications.models import Preference, QuietHours
from notifications.selectors import Choice, Preferences, preferences_of
from reserve.core.errors import Invalid
from reserve.core.sentences import no_choice


class Unset:
    """Stands for what is left out, where None says something."""


UNSET = Unset()

_PEOPLE = (Audience.GUEST, Audience.STAFF)
_CHOICES: Mapping[str, Any] = {"audience": _PEOPLE, "kind": Kind, "channel": Channel}
# Every choice there is, said twice over.
MAX_CHOICES = 2 * len(_PEOPLE) * len(Kind) * len(Channel)


def update_preferences(
    *,
    actor: Actor,
    choices: Sequence[Mapping[str, Any]] = (),
    quiet_from: time | Unset | None = UNSET,
    quiet_until: time | Unset | None = UNSET,
) -> Preferences:
    """Say what the actor wants; what is not named stays as it is.

    Args:
        choices: each with `audience`, `kind`, `channel` and `is_wanted`; the last of
            several on the same thing counts.
        quiet_from, quiet_until: from when to when devices stay silent, by the clock of the
            actor's time zone; None for never.

    Raises:
        Unauthenticated: nobody is logged in.
        Invalid: a choice that there is not (`preferences.1.kind` is the second's), or
            quiet hours that have one end, or no length.
    """
    user = current_user(actor=actor)
    errors: dict[str, list[str]] = {}
    wanted = _read(choices, errors)
    quiet_hours = _quiet_hours(user.pk, quiet_from, quiet_until)
    if quiet_hours is not None:
        errors |= _errors_of_quiet_hours(*quiet_hours)
    if errors:
        raise Invalid(errors=errors)
    with transaction.atomic():
        Preference.objects.bulk_create(
            [
                Preference(
                    user=user,
                    audience=choice.audience,
                    kind=choice.kind,
                    channel=choice.channel,
                    is_wanted=choice.is_wanted,
                )
                for choice in wanted
            ],
            update_conflicts=True,
            unique_fields=("user", "audience", "kind", "channel"),
            update_fields=("is_wanted",),
        )
        if quiet_hours is not None:
            _write_quiet_hours(user.pk, *quiet_hours)
    return preferences_of(actor=actor)


def _read(choices: Sequence[Mapping[str, Any]], errors: dict[str, list[str]]) -> list[Choice]:
    if len(choices) > MAX_CHOICES:
        errors["preferences"] = [f"There must be at most {MAX_CHOICES}."]
        return []
    read: dict[tuple[object, ...], Choice] = {}
    for position, choice in enumerate(choices):
        wrong = {
            f"preferences.{position}.{name}": [no_choice(choice[name])]
            for name, known in _CHOICES.items()
            if choice[name] not in known
        }
        if not wrong and choice["kind"] not in kinds_for(Audience(choice["audience"])):
            wrong = {f"preferences.{position}.kind": ["Staff are not told of this."]}
        if wrong:
            errors |= wrong
            continue
        what = Audience(choice["audience"]), Kind(choice["kind"]), Channel(choice["channel"])
        # In order of time the last one counts; in order of keys they are written.
        read[what] = Choice(*what, choice["is_wanted"])
    return [read[key] for key in sorted(read, key=str)]


def _quiet_hours(
    user_id: UUID, begin: time | Unset | None, end: time | Unset | None
) -> tuple[time | None, time | None] | None:
    """What they are to be; None where nothing is said of them."""
    if isinstance(begin, Unset) and isinstance(end, Unset):
        return None
    present = QuietHours.objects.filter(user_id=user_id).first()
    if isinstance(begin, Unset):
        begin = present.begin if present else None
    if isinstance(end, Unset):
        end = present.end if present else None
    return begin, end


def _errors_of_quiet_hours(begin: time | None, end: time | None) -> dict[str, list[str]]:
    if (begin is None) != (end is None):
        missing = "quiet_from" if begin is None else "quiet_until"
        return {missing: ["Quiet hours have a beginning and an end."]}
    if begin is not None and begin == end:
        return {"quiet_until": ["This must differ from the beginning."]}
    if any(moment is not None and moment.tzinfo is not None for moment in (begin, end)):
        return {"quiet_from": ["This must be a time of day without an offset."]}
    return {}


def _write_quiet_hours(user_id: UUID, begin: time | None, end: time | None) -> None:
    if begin is None or end is None:
        QuietHours.objects.filter(user_id=user_id).delete()
    else:
        QuietHours.objects.update_or_create(user_id=user_id, defaults={"begin": begin, "end": end})
