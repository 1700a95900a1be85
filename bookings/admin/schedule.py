"""Pages that may move slots: what they would do is shown first, and then done.

The pages themselves are those of venues, which know no slots.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html

from accounts.tenant_admin import actor_of
from bookings.admin.calendar import VenueCalendar
from bookings.difference import ConflictKind
from bookings.services.conflicts import schedule_conflicts
from bookings.services.previews import MAX_TOLD, Preview, PreviewConflict, preview
from reserve.core.errors import Forbidden, Invalid
from venues.admin import ClosureAdmin, ResourceAdmin, ServiceAdmin, VenueAdmin
from venues.models import Closure, Resource, Venue
from venues.services.schedule import remove_closure

# How the second request of a page says which schedule its person was shown.
SEEN = "_seen_schedule_version"

# Of one action, of which each venue's slots are looked through.
MAX_CLOSURES_OF_ACTION = 50

_WHY = {
    ConflictKind.NOT_PLANNED: "Booked, and no longer offered",
    ConflictKind.CAPACITY: "More seats are taken than offered",
    ConflictKind.BLOCKED: "In the way of another slot",
}


class PreviewedAdmin(ServiceAdmin):
    """Asks before it saves what moves slots, and again where the schedule has changed meanwhile."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        def save() -> HttpResponse:
            return super(PreviewedAdmin, self).changeform_view(
                request, object_id, form_url, extra_context
            )

        venue_id = self._venue_id(request, object_id) if request.method == "POST" else None
        if venue_id is None:
            return save()
        version = _schedule_version(venue_id)
        if request.POST.get(SEEN) == str(version):
            return save()
        found, response = _tried(request, venue_id, save)
        if found is None:
            # Nothing moves, or it is refused: neither needs a question.
            return save() if response.status_code == 302 else response  # noqa: PLR2004
        return self._ask(request, object_id, venue_id, version, found)

    def _venue_id(self, request: HttpRequest, object_id: str | None) -> UUID | None:
        """The venue whose slots may move, where whoever asks may save the page."""
        if object_id is None:
            return self._venue_id_of_new(request)
        row = self.get_object(request, object_id)
        if row is None or not self.has_change_permission(request, row):
            return None
        venue_id: UUID = row.pk if isinstance(row, Venue) else row.venue_id
        return venue_id

    def _venue_id_of_new(self, request: HttpRequest) -> UUID | None:
        if not self.has_add_permission(request):
            return None
        form = self.get_form(request)(request.POST)
        form.is_valid()
        venue = form.cleaned_data.get("venue")
        return venue.pk if venue and self.has_add_permission(request, venue) else None

    def _ask(
        self,
        request: HttpRequest,
        object_id: str | None,
        venue_id: UUID,
        version: int,
        found: Preview,
    ) -> HttpResponse:
        again = {"csrfmiddlewaretoken", SEEN}
        fields = [
            (name, value)
            for name, values in request.POST.lists()
            if name not in again
            for value in values
        ]
        return _question(
            self,
            request,
            previews={venue_id: found},
            fields=[*fields, (SEEN, version)],
            original=self.get_object(request, object_id) if object_id else None,
        )


def _question(
    page: ServiceAdmin,
    request: HttpRequest,
    *,
    previews: Mapping[UUID, Preview],
    fields: Sequence[tuple[str, object]],
    **context: Any,
) -> HttpResponse:
    """What becomes of the slots of some venues, and a form that says to go on."""
    names = dict(Venue.objects.filter(pk__in=previews).values_list("pk", "name"))
    shown = {
        **page.admin_site.each_context(request),
        "title": "What this would change",
        "opts": page.opts,
        "previews": [
            (names[venue_id], preview_context(found, venue_id))
            for venue_id, found in previews.items()
        ],
        "booking_count": sum(found.booking_count for found in previews.values()),
        "fields": fields,
        "media": page.media,
        **context,
    }
    return TemplateResponse(request, "admin/schedule_confirmation.html", shown)


def _tried(
    request: HttpRequest, venue_id: UUID, save: Callable[[], HttpResponse]
) -> tuple[Preview | None, HttpResponse]:
    """What saving a page would do to the slots, or None where it would do nothing to them."""
    answers: list[HttpResponse] = []
    versions = [_schedule_version(venue_id)]

    def change() -> None:
        answers.append(save())
        versions.append(_schedule_version(venue_id))

    found = preview(actor=actor_of(request), venue_id=venue_id, change=change)
    # What it said of itself has not come true.
    storage: Any = messages.get_messages(request)
    storage._queued_messages.clear()  # noqa: SLF001 (Django offers no other way)
    return (found if versions[0] != versions[1] else None), answers[0]


def _schedule_version(venue_id: UUID) -> int:
    return Venue.objects.values_list("schedule_version", flat=True).get(pk=venue_id)


def preview_context(found: Preview, venue_id: UUID) -> dict[str, Any]:
    """What the templates show of a preview."""
    names = _resource_names(venue_id)
    kinds = {
        "New slots": found.added,
        "Deleted, never used": found.removed,
        "Withdrawn": found.withdrawn,
        "Offered again": found.restored,
        "Given another capacity": found.changed,
    }
    return {
        "groups": [
            (title, listed, [(names.get(slot.resource_id, ""), slot) for slot in listed.first])
            for title, listed in kinds.items()
            if listed.count
        ],
        "counts": [(title, listed.count) for title, listed in kinds.items()],
        "conflict_count": found.conflicts.count,
        "conflict_rows": _conflict_rows(found.conflicts.first, names),
        "booking_count": found.booking_count,
    }


def _conflict_rows(
    conflicts: Sequence[PreviewConflict], names: Mapping[UUID, str]
) -> list[tuple[str, str, PreviewConflict]]:
    """Each with the name of its resource, and why it is one."""
    return [
        (names.get(conflict.slot.resource_id, ""), _WHY[conflict.kind], conflict)
        for conflict in conflicts
    ]


def _resource_names(venue_id: UUID) -> dict[UUID, str]:
    return dict(Resource.objects.filter(venue_id=venue_id).values_list("pk", "name"))


class PreviewedVenueAdmin(VenueCalendar, PreviewedAdmin, VenueAdmin):
    list_display = (*VenueAdmin.list_display, "conflicts")
    list_select_related = (*VenueAdmin.list_select_related, "publication")
    readonly_fields = (*VenueAdmin.readonly_fields, "published_until", "conflicts")
    fieldsets = (
        *VenueAdmin.fieldsets[:-1],
        ("Slots", {"fields": ("published_until", "conflicts")}),
        *VenueAdmin.fieldsets[-1:],
    )

    def get_urls(self) -> list[Any]:
        conflicts = path(
            "<path:object_id>/conflicts/",
            self.admin_site.admin_view(self.conflicts_view),
            name="venues_venue_conflicts",
        )
        return [conflicts, *super().get_urls()]

    @admin.display(description="Published until", empty_value="–")
    def published_until(self, venue: Venue) -> date | None:
        publication = getattr(venue, "publication", None)
        return publication.published_until if publication else None

    @admin.display(description="In conflict", ordering="publication__conflict_count")
    def conflicts(self, venue: Venue) -> str:
        """How many slots the last publication found, and where they are listed."""
        if venue._state.adding:  # noqa: SLF001
            return "–"
        publication = getattr(venue, "publication", None)
        address = reverse("admin:venues_venue_conflicts", args=[venue.pk])
        count = publication.conflict_count if publication else 0
        return format_html('<a href="{}">{}</a>', address, count)

    def conflicts_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The slots that stand against the schedule now, with their bookings."""
        venue = self.get_object(request, object_id)
        if venue is None or not self.has_view_permission(request, venue):
            raise PermissionDenied
        try:
            page = schedule_conflicts(
                actor=actor_of(request),
                venue_id=venue.pk,
                first=MAX_TOLD,
                after=request.GET.get("after"),
            )
        except Forbidden:
            raise PermissionDenied from None
        except Invalid:
            # A cursor of somebody's own making.
            return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "title": "In conflict with the schedule",
            "opts": self.opts,
            "original": venue,
            "conflict_count": page.total,
            "conflict_rows": _conflict_rows(page.items, _resource_names(venue.pk)),
            "after": page.cursors[-1] if page.has_next else None,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/schedule_conflicts_page.html", context)

    def _venue_id_of_new(self, request: HttpRequest) -> UUID | None:
        # A new venue has no slots yet.
        return None


class PreviewedResourceAdmin(PreviewedAdmin, ResourceAdmin):
    pass


_DELETING = {
    "lead": "Nothing has been deleted yet. When you delete, slots follow within seconds.",
    "go_on": "Delete",
    "go_back": "Back, without deleting",
}


class PreviewedClosureAdmin(PreviewedAdmin, ClosureAdmin):
    """Asks before it deletes too, one closure or several."""

    actions = ("delete_selected",)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        closure = self.get_object(request, object_id) if request.method == "POST" else None
        if closure is not None and request.POST.get(SEEN) != str(
            _schedule_version(closure.venue_id)
        ):
            text = "The schedule has changed. Look what deleting would change now."
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        return super().delete_view(request, object_id, extra_context)

    def render_delete_form(self, request: HttpRequest, context: Any) -> HttpResponse:
        closure: Closure = context["object"]
        version = _schedule_version(closure.venue_id)
        fields = [("post", "yes"), (SEEN, version)]
        fields += [("_popup", "1")] if context["is_popup"] else []
        return _question(
            self,
            request,
            previews=_without(request, [closure]),
            fields=fields,
            original=closure,
            **_DELETING,
        )

    @admin.action(description="Delete selected closures", permissions=("delete",))
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Closure]
    ) -> HttpResponse | None:
        """In place of Django's action of that name, which shows nothing of slots."""
        closures = list(queryset.order_by("venue_id", "pk")[: MAX_CLOSURES_OF_ACTION + 1])
        if len(closures) > MAX_CLOSURES_OF_ACTION:
            text = f"Choose {MAX_CLOSURES_OF_ACTION} closures or fewer. Nothing has been deleted."
            self.message_user(request, text, messages.ERROR)
            return None
        versions = [
            f"{venue_id}:{_schedule_version(venue_id)}"
            for venue_id in sorted({closure.venue_id for closure in closures})
        ]
        if request.POST.get("post") and request.POST.getlist(SEEN) == versions:
            with transaction.atomic():
                self.log_deletions(request, closures)  # type: ignore[arg-type]
                self.delete_queryset(request, queryset)
            text = f"{len(closures)} deleted."
            self.message_user(request, text, messages.SUCCESS)
            return None
        fields = [(ACTION_CHECKBOX_NAME, closure.pk) for closure in closures]
        return _question(
            self,
            request,
            previews=_without(request, closures),
            fields=[
                *(("action", "delete_selected"), ("post", "yes")),
                *fields,
                *((SEEN, version) for version in versions),
            ],
            **_DELETING,
        )


def _without(request: HttpRequest, closures: Sequence[Closure]) -> dict[UUID, Preview]:
    """What removing closures would do, by venue."""
    actor = actor_of(request)
    of_venues: dict[UUID, list[Closure]] = {}
    for closure in closures:
        of_venues.setdefault(closure.venue_id, []).append(closure)

    def remove(some: Sequence[Closure]) -> None:
        for closure in some:
            remove_closure(actor=actor, closure_id=closure.pk)

    return {
        venue_id: preview(actor=actor, venue_id=venue_id, change=partial(remove, some))
        for venue_id, some in of_venues.items()
    }


for _model, _pages in (
    (Venue, PreviewedVenueAdmin),
    (Resource, PreviewedResourceAdmin),
    (Closure, PreviewedClosureAdmin),
):
    admin.site.unregister(_model)
    admin.site.register(_model, _pages)
