"""Venues in the admin: read by tenant, written through the services.

The forms ask the same questions as the services, and in the same words: what the
models' validators refuse, and what overlaps.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.actors import Actor, account
from accounts.tenant_admin import MANAGING, TenantAdmin, TenantFilter, TenantInline
from reserve.core.errors import DomainError, Forbidden
from venues.models import Closure, OpeningHours, Resource, SpecialHours, Venue, Weekday
from venues.services.checks import MAX_OPENINGS, MAX_SPECIAL_HOURS, clashing
from venues.services.resources import (
    RESOURCE_FIELDS,
    ResourceDetails,
    add_resource,
    update_resource,
)
from venues.services.schedule import (
    CLOSURE_FIELDS,
    Opening,
    SpecialOpening,
    add_closure,
    remove_closure,
    set_opening_hours,
    set_special_hours,
    update_closure,
)
from venues.services.venues import VENUE_FIELDS, VenueDetails, create_venue, update_venue

# Venues and resources stay: bookings, and the event log, refer to them.

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


class VenueForm(RuleForm):
    picture_urls = SimpleArrayField(
        forms.CharField(required=False),
        delimiter="\n",
        required=False,
        widget=forms.Textarea,
        help_text="One address on each line, by https.",
    )

    def clean_picture_urls(self) -> list[str]:
        return [url for url in self.cleaned_data["picture_urls"] if url]


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


class ResourceInline(TenantInline):
    model = Resource
    form = RuleForm
    add_roles = MANAGING
    change_roles = MANAGING
    fields = ("name", "booking_mode", "capacity", "position")
    show_change_link = True


class ServiceAdmin(TenantAdmin):
    """Pages whose rows are written by services, as whoever is logged in.

    What a service refuses after the form was found right is told on the page.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        change_form = super().changeform_view
        return self._told(request, lambda: change_form(request, object_id, form_url, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        delete = super().delete_view
        return self._told(request, lambda: delete(request, object_id, extra_context))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With it the actions."""
        change_list = super().changelist_view
        return self._told(request, lambda: change_list(request, extra_context))

    def _told(self, request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return answer()
        except Forbidden:
            raise PermissionDenied from None
        except DomainError as refusal:
            # Another's change came between: nothing of this one is written.
            self.message_user(request, refusal.text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Any, inline: Any, prefix: str
    ) -> dict[str, Any]:
        options = super().get_formset_kwargs(request, obj, inline, prefix)
        if isinstance(inline, OpeningHoursInline) and request.method != "POST":
            days = inline.days_without_hours(request, obj)
            options["initial"] = [{"weekday": day} for day in days]
        return options

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        # Tells the log of changes what is new, and writes nothing.
        formset.save(commit=False)
        if formset.model is Resource:
            _save_resources(_actor(request), form.instance.pk, formset)
        else:
            _save_rules(_actor(request), form.instance, formset)


@admin.register(Venue)
class VenueAdmin(ServiceAdmin):
    venue_field = "pk"
    form = VenueForm
    add_roles = MANAGING
    change_roles = MANAGING

    list_display: tuple[str, ...] = (
        "name",
        "address",
        "timezone",
        "is_public",
        "confirmation_mode",
    )
    list_filter = ("is_public", "confirmation_mode")
    list_select_related: ClassVar[tuple[str, ...]] = ("organization",)
    search_fields = ("name", "slug", "street", "city", "region")
    search_help_text = "Name, address or id"
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 (Django's type)
    readonly_fields: ClassVar[tuple[str, ...]] = ("public_id", "created_at")
    fieldsets: ClassVar[tuple[Any, ...]] = (
        (
            None,
            {
                "fields": (
                    *("organization", "name", "slug", "description", "picture_urls"),
                    "is_public",
                )
            },
        ),
        (
            "Place",
            {
                "fields": (
                    *("street", "postal_code", "city", "region", "country"),
                    *("latitude", "longitude", "timezone"),
                )
            },
        ),
        ("Contact", {"fields": ("contact_email", "contact_phone", "website")}),
        (
            "Rules of booking",
            {
                "fields": (
                    *("confirmation_mode", "accepts_guests", "accepts_unverified"),
                    *("booking_horizon_days",),
                    *("minimum_notice_minutes", "hold_seconds", "minimum_party_size"),
                    *("maximum_party_size", "open_bookings_per_customer"),
                    "cancellation_cutoff_minutes",
                )
            },
        ),
        ("Reminders", {"fields": ("reminder_minutes",)}),
        ("Record", {"fields": ("public_id", "created_at")}),
    )
    inlines = (ResourceInline, OpeningHoursInline, SpecialHoursInline)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # A new venue is created with its first resource, of which only the formsets tell.
        if change:
            changes = _changes(form, VENUE_FIELDS)
            update_venue(actor=_actor(request), venue_id=obj.pk, changes=changes)

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Iterable[Any], change: bool
    ) -> None:
        if change:
            super().save_related(request, form, formsets, change)
            return
        resources, *rules = formsets
        resources.save(commit=False)
        first, *others = [_details(ResourceDetails, row) for row in resources.new_objects] or [None]
        venue = form.instance
        created = create_venue(
            actor=_actor(request),
            organization_id=venue.organization_id,
            details=_details(VenueDetails, venue),
            resource=first,
        )
        # The page and the log refer to the form's row.
        venue.pk = created.pk
        for details in others:
            assert details is not None
            add_resource(actor=_actor(request), venue_id=venue.pk, details=details)
        for formset in rules:
            self.save_formset(request, form, formset, change)


@admin.register(Resource)
class ResourceAdmin(ServiceAdmin):
    form = RuleForm
    add_roles = MANAGING
    change_roles = MANAGING
    immutable_fields = ("venue",)
    organization_from = "venue"

    list_display = ("name", "venue", "booking_mode", "capacity")
    list_filter = (("venue", TenantFilter), "booking_mode")
    list_select_related = ("venue", "organization")
    search_fields = ("name", "venue__name")
    search_help_text = "Name, venue or id"
    autocomplete_fields = ("venue",)
    readonly_fields = ("public_id",)
    fields = ("venue", "name", "booking_mode", "capacity", "position", "public_id")
    inlines = (OpeningHoursInline, SpecialHoursInline)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            changes = _changes(form, RESOURCE_FIELDS)
            update_resource(actor=_actor(request), resource_id=obj.pk, changes=changes)
        else:
            details = _details(ResourceDetails, obj)
            added = add_resource(actor=_actor(request), venue_id=obj.venue_id, details=details)
            obj.pk = added.pk


class ClosureForm(RuleForm):
    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        venue, resource = values.get("venue"), values.get("resource")
        if venue and resource and resource.venue_id != venue.pk:
            self.add_error("resource", ValidationError("This is a resource of another venue."))
        return values


@admin.register(Closure)
class ClosureAdmin(ServiceAdmin):
    form = ClosureForm
    add_roles = MANAGING
    change_roles = MANAGING
    delete_roles = MANAGING
    immutable_fields = ("venue",)
    organization_from = "venue"

    list_display = ("venue", "resource_name", "first_date", "last_date", "reason")
    list_filter = (("venue", TenantFilter),)
    list_select_related = ("venue", "resource__venue", "organization")
    ordering = ("-first_date",)
    search_fields = ("venue__name", "resource__name", "reason")
    search_help_text = "Venue, resource, reason or id"
    autocomplete_fields = ("venue", "resource")
    fields = ("venue", "resource", "first_date", "last_date", "reason")

    @admin.display(description="Resource", ordering="resource__name", empty_value="All")
    def resource_name(self, closure: Closure) -> str | None:
        return closure.resource.name if closure.resource else None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        content = {name: getattr(obj, name) for name in CLOSURE_FIELDS}
        if change:
            update_closure(actor=_actor(request), closure_id=obj.pk, changes=content)
        else:
            obj.pk = add_closure(actor=_actor(request), venue_id=obj.venue_id, **content).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_closure(actor=_actor(request), closure_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        # All or none. By venue, or two who lock several could wait for each other.
        with transaction.atomic():
            for closure in queryset.order_by("venue_id", "pk"):
                remove_closure(actor=_actor(request), closure_id=closure.pk)


def _save_resources(actor: Actor, venue_id: UUID, formset: Any) -> None:
    for form in formset.forms:
        if form.instance in formset.new_objects:
            details = _details(ResourceDetails, form.instance)
            form.instance.pk = add_resource(actor=actor, venue_id=venue_id, details=details).pk
        elif form.has_changed():
            changes = _changes(form, RESOURCE_FIELDS)
            update_resource(actor=actor, resource_id=form.instance.pk, changes=changes)


def _save_rules(actor: Actor, owner: Venue | Resource, formset: RuleFormSet) -> None:
    venue_id = owner.pk if isinstance(owner, Venue) else owner.venue_id
    resource_id = None if isinstance(owner, Venue) else owner.pk
    rules = [form.instance for form in formset.kept_forms()]
    if formset.model is OpeningHours:
        set_opening_hours(
            actor=actor,
            venue_id=venue_id,
            resource_id=resource_id,
            openings=[_details(Opening, rule) for rule in rules],
        )
    else:
        set_special_hours(
            actor=actor,
            venue_id=venue_id,
            resource_id=resource_id,
            special_hours=[_details(SpecialOpening, rule) for rule in rules],
        )


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user.pk, UUID)
    return account(request.user.pk)


def _changes(form: Any, names: frozenset[str]) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in form.changed_data if name in names}


def _details(kind: Callable[..., Any], row: models.Model) -> Any:
    """A row as the services take it."""
    return kind(**{each.name: getattr(row, each.name) for each in fields(kind)})  # type: ignore[arg-type]
