"""Forms of hours: a week, special days, and what of them the models refuse."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from accounts.tenant_admin import MANAGING, TenantInline
from venues.models import OpeningHours, SpecialHours, Venue, Weekday
from venues.services.checks import MAX_OPENINGS, MAX_SPECIAL_HOURS, clashing

_SLOT_FIELDS = (
    *("opens_at", "closes_at", "slot_minutes", "interval_minutes"),
    *("buffer_before_minutes", "buffer_after_minutes", "capacity"),
)


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Leaves ranges and texts to the models' validators, which the services ask too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            if isinstance(field, forms.IntegerField):
                field.validators = []


class OpeningHoursForm(RuleForm):
    def has_changed(self) -> bool:
        """A new line that names its day alone is a day without hours."""
        if self.instance._state.adding:  # noqa: SLF001
            return not {*self.changed_data} <= {"weekday"}
        return super().has_changed()


class RuleFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """The rules of one owner, who has only so many, and none that overlap."""

    maximum: int

    def kept_forms(self) -> list[Any]:
        """The forms whose rules the owner is to have."""
        return [
            form
            for form in self.forms
            if not self._should_delete_form(form)  # type: ignore[attr-defined]
            and (form.has_changed() or not form.instance._state.adding)  # noqa: SLF001
        ]

    def clean(self) -> None:
        super().clean()
        kept = self.kept_forms()
        if any(form.errors for form in kept):
            return
        if len(kept) > self.maximum:
            raise ValidationError(f"There must be at most {self.maximum}.")
        for position, sentence in clashing(form.instance for form in kept).items():
            kept[position].add_error("opens_at", sentence)


class OpeningHoursFormSet(RuleFormSet):
    maximum = MAX_OPENINGS


class SpecialHoursFormSet(RuleFormSet):
    maximum = MAX_SPECIAL_HOURS


class RuleInline(TenantInline):
    """The rules of the venue or the resource whose page it is."""

    form = RuleForm
    add_roles = MANAGING
    change_roles = MANAGING
    delete_roles = MANAGING

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rules = super().get_queryset(request).select_related("venue")
        # On the venue's page only its own: those of a resource are on that one's.
        return rules.filter(resource=None) if self.parent_model is Venue else rules


class OpeningHoursInline(RuleInline):
    """A week: the days that have hours, and a line to fill in for each that has none."""

    model = OpeningHours
    form = OpeningHoursForm
    formset = OpeningHoursFormSet
    ordering = ("weekday", "opens_at")
    verbose_name_plural = "opening hours: the week (a day without times is closed)"
    fields = ("weekday", *_SLOT_FIELDS, "valid_from", "valid_until")

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return len(self.days_without_hours(request, obj))

    def days_without_hours(self, request: HttpRequest, owner: Any) -> list[int]:
        """The weekdays of which the venue or resource says nothing yet."""
        if not self.has_add_permission(request, owner):
            return []
        named: set[int] = set()
        if owner is not None and not owner._state.adding:  # noqa: SLF001
            rules = OpeningHours.objects.filter(
                **{"venue": owner, "resource": None}
                if isinstance(owner, Venue)
                else {"resource": owner}
            )
            named = set(rules.values_list("weekday", flat=True))
        return [day for day in Weekday.values if day not in named]


class SpecialHoursInline(RuleInline):
    model = SpecialHours
    formset = SpecialHoursFormSet
    fields = ("first_date", "last_date", "reason", *_SLOT_FIELDS)
