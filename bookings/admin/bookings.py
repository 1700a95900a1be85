from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.actors import ActorKind, account
from accounts.models import User
from accounts.tenant_admin import EVERY_ROLE, TenantFilter, tenancy_of
from bookings import states
from bookings.admin.desk import BookingDesk
from bookings.admin.export import BookingExport
from bookings.admin.filters import BookingStatusFilter, DayFilter
from bookings.admin.imports import BookingImport
from bookings.admin.search import found_by_words
from bookings.admin.times import brief_time, local_time
from bookings.models import Booking
from bookings.selectors import matches, slots_of_bookings
from bookings.services.bookings import MAX_NOTES, MAX_REASON, apply_transition
from bookings.states import Transition
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid
from reserve.outbox.models import Event

# Rows that one action takes on; each is a transaction of its own.
MAX_ROWS_OF_ACTION = 200
# Whose bookings a search lists: of a name that half the town has, the newest guests'.
MAX_GUESTS_FOUND = 500


_TRANSITIONS = {
    transition.verb.replace(" ", "_").replace("-", "_"): transition
    for transition in (
        states.APPROVE,
        states.DECLINE,
        states.CHECK_IN,
        states.UNDO_CHECK_IN,
        states.MARK_NO_SHOW,
        states.COMPLETE,
        states.CANCEL,
    )
}


def _action(name: str, transition: Transition) -> Any:
    @admin.action(description=transition.verb.capitalize(), permissions=("act",))
    def act(
        model_admin: "BookingAdmin", request: HttpRequest, bookings: QuerySet[Booking]
    ) -> HttpResponse | None:
        return model_admin.move(request, bookings, transition)

    act.__name__ = name
    return act


class ReasonForm(ActionForm):
    reason = forms.CharField(
        required=False, max_length=MAX_REASON, help_text="Kept in the booking's history."
    )


@dataclass(frozen=True, slots=True)
class _HistoryLine:
    at: str
    what: str
    by: str
    reason: str


@admin.register(Booking)
class BookingAdmin(BookingDesk, BookingExport, BookingImport):
    list_display = ("code", "venue", "starts_locally", "guest", "party", "effective_status")
    list_filter = (DayFilter, BookingStatusFilter, ("venue", TenantFilter))
    list_select_related = ("venue", "resource__venue", "guest", "organization")
    ordering = ("-starts_at", "-pk")
    # Its presence shows the box; what is found is `get_search_results`'s.
    search_fields = ("confirmation_code",)
    search_help_text = (
        "Confirmation code, or the guest's name, e-mail address or phone; or an id."
        f" Of a frequent name, the bookings of the newest {MAX_GUESTS_FOUND} guests"
    )
    readonly_fields = (
        *("public_id", "resource_name", "starts", "ends", "effective_status", "contact"),
        *("hold_ends", "created", "cancelled"),
    )
    fieldsets = (
        (None, {"fields": ("confirmation_code", "effective_status", "hold_ends", "cancelled")}),
        ("Place and time", {"fields": ("venue", "resource_name", "starts", "ends")}),
        ("Party", {"fields": ("guest", "contact", "guest_count", "seats", "notes")}),
        ("Record", {"fields": ("public_id", "created")}),
    )
    action_form = ReasonForm
    actions = tuple(_action(name, transition) for name, transition in _TRANSITIONS.items())

    # --- Lists ---------------------------------------------------------------------

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By the start, which an index of each organization has; over all of them by age."""
        return ("-pk",) if tenancy_of(request).is_superuser else self.ordering

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By public id, by the code or its beginning, or by the guest's words and numbers."""
        return found_by_words(
            self,
            request,
            queryset,
            search_term,
            lambda words, reach: matches(
                words, organization_ids=reach, most_guests=MAX_GUESTS_FOUND
            ),
        )

    # --- Columns -------------------------------------------------------------------

    @admin.display(description="Code", ordering="confirmation_code")
    def code(self, booking: Booking) -> str:
        return booking.confirmation_code

    @admin.display(description="Party", ordering="guest_count")
    def party(self, booking: Booking) -> int:
        return booking.guest_count

    @admin.display(description="Starts", ordering="starts_at")
    def starts_locally(self, booking: Booking) -> str:
        return brief_time(booking.venue, booking.starts_at)

    @admin.display(description="Starts")
    def starts(self, booking: Booking) -> str:
        return local_time(booking.venue, booking.starts_at)

    @admin.display(description="Ends")
    def ends(self, booking: Booking) -> str:
        return local_time(booking.venue, booking.ends_at)

    @admin.display(description="Created")
    def created(self, booking: Booking) -> str:
        return local_time(booking.venue, booking.created_at)

    @admin.display(description="Cancelled")
    def cancelled(self, booking: Booking) -> str:
        return local_time(booking.venue, booking.cancelled_at)

    @admin.display(description="Hold until")
    def hold_ends(self, booking: Booking) -> str:
        return local_time(booking.venue, booking.hold_expires_at)

    @admin.display(description="Status", ordering="status")
    def effective_status(self, booking: Booking) -> str:
        return str(booking.status_at(now()).label)

    @admin.display(description="Resource")
    def resource_name(self, booking: Booking) -> str:
        return booking.resource.name

    @admin.display(description="Contact")
    def contact(self, booking: Booking) -> str:
        return ", ".join(filter(None, (booking.guest.email, booking.guest.phone)))

    # --- Changes -------------------------------------------------------------------

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self.permits(request, EVERY_ROLE)

    def move(
        self, request: HttpRequest, bookings: QuerySet[Booking], transition: Transition
    ) -> HttpResponse | None:
        """Do the same with each of some bookings, and tell what came of each."""
        chosen = list(bookings[: MAX_ROWS_OF_ACTION + 1])
        if len(chosen) > MAX_ROWS_OF_ACTION:
            text = f"Choose {MAX_ROWS_OF_ACTION} bookings or fewer. Nothing has been changed."
            self.message_user(request, text, messages.ERROR)
            return None
        for booking in chosen:
            try:
                self._move_one(request, booking, transition)
            except DomainError as refused:
                text = f"{booking.confirmation_code}: {refused.text}"
                self.message_user(request, text, messages.ERROR)
            else:
                text = f"{booking.confirmation_code} is {transition.done}."
                self.message_user(request, text, messages.SUCCESS)
        if "_from_front" in request.POST:
            return HttpResponseRedirect(reverse("admin:index"))
        if "_from_page" in request.POST and len(chosen) == 1:
            return HttpResponseRedirect(
                reverse("admin:bookings_booking_change", args=(chosen[0].pk,))
            )
        return None

    def _move_one(self, request: HttpRequest, booking: Booking, transition: Transition) -> None:
        user = request.user
        assert isinstance(user, User)
        apply_transition(
            actor=account(user.pk),
            booking_id=booking.pk,
            transition=transition,
            reason=request.POST.get("reason", "").strip(),
        )

    # --- The page of one booking ------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **options: Any
    ) -> Any:
        obj = options.get("obj")
        if obj is not None:
            status = obj.status_at(now())
            context |= {
                "slots": [
                    (
                        local_time(obj.venue, slot.starts_at),
                        local_time(obj.venue, slot.ends_at),
                        slot,
                    )
                    for slot in slots_of_bookings([obj.pk])[obj.pk]
                ],
                "history": _history_of(obj),
                "moves": [
                    (name, transition.verb.capitalize())
                    for name, transition in _TRANSITIONS.items()
                    if status in transition.sources
                ],
                "max_reason": MAX_REASON,
                "max_notes": MAX_NOTES,
                "is_changeable": status in states.CHANGEABLE,
            }
        return super().render_change_form(request, context, *args, **options)


def _history_of(booking: Booking) -> list[_HistoryLine]:
    events = list(
        Event.objects.filter(
            organization_id=booking.organization_id, subject_id=booking.pk
        ).order_by("sequence")
    )
    names = _names_of(event.payload.get("actor", "") for event in events)
    return [
        _HistoryLine(
            at=local_time(booking.venue, event.recorded_at),
            what=event.name.partition(".")[2].replace("_", " ").capitalize(),
            by=names.get(event.payload.get("actor", ""), ""),
            reason=event.payload.get("reason", ""),
        )
        for event in events
    ]


def _names_of(actors: Iterable[str]) -> dict[str, str]:
    """How the actors of events are called, by what their payloads say."""
    names = {kind.value: kind.value.capitalize() for kind in ActorKind}
    ids = {}
    for actor in set(actors):
        try:
            ids[User.parse_id(actor)] = actor
        except Invalid:
            names.setdefault(actor, actor)
    people = User.objects.in_bulk(list(ids))
    return names | {
        actor: people[user_id].name if user_id in people else actor
        for user_id, actor in ids.items()
    }
