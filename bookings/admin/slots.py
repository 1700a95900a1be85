from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm, AdminErrorList, AdminForm
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminDateWidget, AdminTimeWidget
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.actors import Actor
from accounts.tenant_admin import EVERY_ROLE, TenantAdmin, TenantFilter, actor_of
from bookings.admin.filters import ComingDayFilter
from bookings.admin.times import brief_time, local_time
from bookings.models import Slot
from bookings.selectors import free_lapsed_seats
from bookings.services.bookings import MAX_REASON
from bookings.services.slots import add_slot, change_slot
from bookings.states import SlotStatus
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid
from venues.models import Resource
from venues.schedule import instant

# Rows that one action takes on; each is a transaction of its own.
MAX_ROWS_OF_ACTION = 200


class SlotActionForm(ActionForm):
    capacity = forms.IntegerField(required=False, help_text="For another capacity: seats.")
    reason = forms.CharField(
        required=False, max_length=MAX_REASON, help_text="Kept in the slot's history."
    )


class NewSlotForm(forms.Form):
    """A slot beside the schedule, by the venue's clock."""

    resource = forms.ModelChoiceField(Resource.objects.none())
    day = forms.DateField(widget=AdminDateWidget, help_text="By the venue's calendar.")
    start_time = forms.TimeField(widget=AdminTimeWidget, help_text="By the venue's clock.")
    end_time = forms.TimeField(
        widget=AdminTimeWidget, help_text="Not after the start: on the next day."
    )
    capacity = forms.IntegerField(required=False, help_text="Seats; the resource's where empty.")

    def add(self, actor: Actor) -> Slot | None:
        """The slot that was added; or None, with the service's sentences in the form."""
        values = self.cleaned_data
        resource, day = values["resource"], values["day"]
        starts, ends = values["start_time"], values["end_time"]
        zone = resource.venue.zone
        try:
            last_day = day + timedelta(days=1) if ends <= starts else day
            return add_slot(
                actor=actor,
                resource_id=resource.pk,
                starts_at=instant(day, starts, zone),
                ends_at=instant(last_day, ends, zone),
                capacity=values["capacity"],
            )
        except OverflowError:
            self.add_error("day", "There is no such day in this zone.")
        except Invalid as refused:
            for name, sentences in refused.details["errors"].items():
                self.add_error(name, sentences)
        except DomainError as refused:
            self.add_error(None, refused.text)
        return None


class _SlotList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        free_lapsed_seats(list(self.result_list), now())


@admin.register(Slot)
class SlotAdmin(TenantAdmin):
    add_roles = EVERY_ROLE
    action_form = SlotActionForm
    actions = ("close", "reopen", "set_capacity")

    list_display = (
        *("starts_locally", "venue", "resource_name", "capacity", "taken", "remaining"),
        *("closed", "status"),
    )
    list_filter = (
        ComingDayFilter,
        ("venue", TenantFilter),
        ("resource", TenantFilter),
        "is_closed",
    )
    list_select_related = ("venue", "resource__venue", "organization")
    ordering = ("starts_at", "pk")
    # Its presence shows the box; what is found is `get_search_results`'s.
    search_fields = ("resource__name",)
    search_help_text = "Venue, resource or id"
    readonly_fields = ("public_id", "starts", "ends", "taken", "remaining", "status")
    fields = (
        *("public_id", "venue", "resource", "starts", "ends", "status", "is_closed"),
        *("capacity", "taken", "remaining", "version"),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _SlotList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        slot = super().get_object(request, object_id, from_field)
        if slot is not None:
            free_lapsed_seats([slot], now())
        return slot

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By public id, or by words in the names of resource and venue."""
        words = search_term.split()
        if not words:
            return queryset, False
        try:
            return queryset.filter(pk=Slot.parse_id(search_term.strip())), False
        except Invalid:
            pass
        # The resources first: there are few of them, and each has an index of its slots.
        resources = Resource.objects.all()
        for word in words:
            resources = resources.filter(Q(name__icontains=word) | Q(venue__name__icontains=word))
        return queryset.filter(resource__in=resources.values("pk")), False

    @admin.display(description="Starts", ordering="starts_at")
    def starts_locally(self, slot: Slot) -> str:
        return brief_time(slot.venue, slot.starts_at)

    @admin.display(description="Starts")
    def starts(self, slot: Slot) -> str:
        return local_time(slot.venue, slot.starts_at)

    @admin.display(description="Ends")
    def ends(self, slot: Slot) -> str:
        return local_time(slot.venue, slot.ends_at)

    @admin.display(description="Resource", ordering="resource__name")
    def resource_name(self, slot: Slot) -> str:
        return slot.resource.name

    @admin.display(description="Reserved", ordering="reserved")
    def taken(self, slot: Slot) -> int:
        return slot.reserved

    @admin.display(description="Closed", ordering="is_closed")
    def closed(self, slot: Slot) -> str:
        return "Closed" if slot.is_closed else ""

    @admin.display(description="Remaining")
    def remaining(self, slot: Slot) -> int:
        return slot.remaining

    @admin.display(description="Status")
    def status(self, slot: Slot) -> str:
        return str(SlotStatus(slot.status_at(now())).label)

    # --- Changes ---------------------------------------------------------------------

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self.permits(request, EVERY_ROLE)

    @admin.action(description="Close", permissions=("act",))
    def close(self, request: HttpRequest, slots: QuerySet[Slot]) -> None:
        self._change(request, slots, "closed", is_closed=True)

    @admin.action(description="Reopen", permissions=("act",))
    def reopen(self, request: HttpRequest, slots: QuerySet[Slot]) -> None:
        self._change(request, slots, "open", is_closed=False)

    @admin.action(description="Give another capacity", permissions=("act",))
    def set_capacity(self, request: HttpRequest, slots: QuerySet[Slot]) -> None:
        try:
            capacity = int(request.POST.get("capacity", ""))
        except ValueError:
            text = "Say how many seats. Nothing has been changed."
            self.message_user(request, text, messages.ERROR)
            return
        self._change(request, slots, f"now for {capacity}", capacity=capacity)

    def _change(
        self, request: HttpRequest, slots: QuerySet[Slot], done: str, **changes: Any
    ) -> None:
        """Do the same with each of some slots, and tell what came of each."""
        chosen = list(slots[: MAX_ROWS_OF_ACTION + 1])
        if len(chosen) > MAX_ROWS_OF_ACTION:
            text = f"Choose {MAX_ROWS_OF_ACTION} slots or fewer. Nothing has been changed."
            self.message_user(request, text, messages.ERROR)
            return
        reason = request.POST.get("reason", "").strip()
        for slot in chosen:
            try:
                change_slot(actor=actor_of(request), slot_id=slot.pk, reason=reason, **changes)
            except DomainError as refused:
                self.message_user(request, f"{slot}: {_sentences(refused)}", messages.ERROR)
            else:
                self.message_user(request, f"{slot} is {done}.", messages.SUCCESS)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Adds a slot by hand, outside Django's transaction: the desk opens one of its own."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form: Any = NewSlotForm(request.POST or None)
        resources = self.admin_site.get_model_admin(Resource)
        assert isinstance(resources, TenantAdmin)
        form.fields["resource"].queryset = resources.rows(request, EVERY_ROLE).select_related(
            "venue"
        )
        if form.is_valid() and (slot := form.add(actor_of(request))):
            self.log_addition(request, slot, [{"added": {}}])
            return self.response_add(request, slot)
        page = AdminForm(form, [(None, {"fields": list(form.fields)})], {}, model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": "Add slot",
            "adminform": page,
            "errors": AdminErrorList(form, []),
            "inline_admin_formsets": [],
            "is_popup": False,
            "media": self.media + page.media,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
            **(extra_context or {}),
        }
        return self.render_change_form(request, context, add=True, form_url=form_url)


def _sentences(refused: DomainError) -> str:
    """What a service says, each sentence with the name of its field."""
    errors: dict[str, list[str]] = refused.details.get("errors") or {}
    named = [f"{name.replace('_', ' ')}: {' '.join(texts)}" for name, texts in errors.items()]
    return " ".join(named) or refused.text
