"""Pages that may move slots: what they would do is shown first, and then done.

The pages themselves are those of venues, which know no slots.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.actors import account
from bookings.difference import ConflictKind
from bookings.services.previews import MAX_TOLD, Preview, preview
from venues.admin import ClosureAdmin, ResourceAdmin, ServiceAdmin, VenueAdmin
from venues.models import Closure, Resource, Venue
from venues.services.schedule import remove_closure

# How the second request of a page says which schedule its person was shown.
SEEN = "_seen_schedule_version"

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
        context = {
            **self.admin_site.each_context(request),
            **preview_context(found, venue_id),
            "title": "What this would change",
            "opts": self.opts,
            "original": self.get_object(request, object_id) if object_id else None,
            "fields": [*fields, (SEEN, version)],
            "media": self.media,
        }
        return TemplateResponse(request, "admin/schedule_confirmation.html", context)


def _tried(
    request: HttpRequest, venue_id: UUID, save: Callable[[], HttpResponse]
) -> tuple[Preview | None, HttpResponse]:
    """What saving a page would do to the slots, or None where it would do nothing to them."""
    answers: list[HttpResponse] = []
    versions = [_schedule_version(venue_id)]

    def change() -> None:
        answers.append(save())
        versions.append(_schedule_version(venue_id))

    assert isinstance(request.user.pk, UUID)
    found = preview(actor=account(request.user.pk), venue_id=venue_id, change=change)
    # What it said of itself has not come true.
    storage: Any = messages.get_messages(request)
    storage._queued_messages.clear()  # noqa: SLF001 (Django offers no other way)
    return (found if versions[0] != versions[1] else None), answers[0]


def _schedule_version(venue_id: UUID) -> int:
    return Venue.objects.values_list("schedule_version", flat=True).get(pk=venue_id)


def preview_context(found: Preview, venue_id: UUID) -> dict[str, Any]:
    """What the templates show of a preview."""
    names = dict(Resource.objects.filter(venue_id=venue_id).values_list("pk", "name"))
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
        "conflicts": found.conflicts,
        "conflict_rows": [
            (names.get(conflict.slot.resource_id, ""), _WHY[conflict.kind], conflict)
            for conflict in found.conflicts.first
        ],
        "booking_count": found.booking_count,
        "max_told": MAX_TOLD,
    }


class PreviewedVenueAdmin(PreviewedAdmin, VenueAdmin):
    def _venue_id_of_new(self, request: HttpRequest) -> UUID | None:
        # A new venue has no slots yet.
        return None


class PreviewedResourceAdmin(PreviewedAdmin, ResourceAdmin):
    pass


class PreviewedClosureAdmin(PreviewedAdmin, ClosureAdmin):
    delete_confirmation_template = "admin/closure_delete_confirmation.html"

    def render_delete_form(self, request: HttpRequest, context: Any) -> HttpResponse:
        closure: Closure = context["object"]
        assert isinstance(request.user.pk, UUID)
        actor = account(request.user.pk)
        found = preview(
            actor=actor,
            venue_id=closure.venue_id,
            change=lambda: remove_closure(actor=actor, closure_id=closure.pk),
        )
        shown = context | preview_context(found, closure.venue_id)
        return super().render_delete_form(request, shown)


for _model, _pages in (
    (Venue, PreviewedVenueAdmin),
    (Resource, PreviewedResourceAdmin),
    (Closure, PreviewedClosureAdmin),
):
    admin.site.unregister(_model)
    admin.site.register(_model, _pages)
