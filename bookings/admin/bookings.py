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
from accounts.tenant_admin import EVERY_ROLE, TenantAdmin, TenantFilter, tenancy_of
from bookings.admin.filters import BookingStatusFilter, DayFilter
from bookings.admin.times import local_time
from bookings.errors import InvalidState
from bookings.models import Booking
from bookings.selectors import slots_of_bookings
from bookings.services.bookings import change_status
from bookings.states import TRANSITIONS, BookingStatus
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid, NotFound
from reserve.outbox.models import Event

# Rows that one action takes on; each is a transaction of its own.
MAX_ROWS_OF_ACTION = 200
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class _Move:
    """What staff may do with a booking."""

    label: str
    done: str
    status: BookingStatus
    # Where the status alone would not tell this from another move.
    only_from: BookingStatus | None = None

    def starts_from(self, status: BookingStatus) -> bool:
        return self.status in TRANSITIONS[status] and self.only_from in {None, status}


_MOVES = {
    "approve": _Move("Approve", "approved", BookingStatus.CONFIRMED, BookingStatus.PENDING),
    "decline": _Move("Decline", "declined", BookingStatus.DECLINED),
    "check_in": _Move("Check in", "checked in", BookingStatus.CHECKED_IN),
    "undo_check_in": _Move(
        "Undo check-in", "no longer checked in", BookingStatus.CONFIRMED, BookingStatus.CHECKED_IN
    ),
    "no_show": _Move("Mark as no-show", "marked as no-show", BookingStatus.NO_SHOW),
    "complete": _Move("Complete", "completed", BookingStatus.COMPLETED),
    "cancel": _Move("Cancel", "cancelled", BookingStatus.CANCELLED),
}


def _action(name: str, move: _Move) -> Any:
    @admin.action(description=move.label, permissions=("act",))
    def act(
        model_admin: "BookingAdmin", request: HttpRequest, bookings: QuerySet[Booking]
    ) -> HttpResponse | None:
        return model_admin.move(request, bookings, move)

    act.__name__ = name
    return act


class ReasonForm(ActionForm):
    reason = forms.CharField(
        required=False, max_length=MAX_REASON, help_text="Kept in the booking's history."
    )


@dataclass(frozen=True, slots=True)
class _HistoryLine:
    at: str | None
    what: str
    by: str
    reason: str


@admin.register(Booking)
class BookingAdmin(TenantAdmin):
    list_display = (
        *("confirmation_code", "venue", "starts", "guest", "guest_count", "effective_status"),
        "created",
    )
    list_filter = (DayFilter, BookingStatusFilter, ("venue", TenantFilter))
    list_select_related = ("venue", "resource__venue", "guest", "organization")
    ordering = ("-starts_at", "-pk")
    search_fields = ("^confirmation_code", "guest__name", "guest__email", "guest__phone")
    search_help_text = "Confirmation code, or the guest's name, e-mail address or phone; or an id"
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
    actions = tuple(_action(name, move) for name, move in _MOVES.items())

    # --- Columns -------------------------------------------------------------------

    @admin.display(description="Starts", ordering="starts_at")
    def starts(self, booking: Booking) -> str | None:
        return local_time(booking.venue, booking.starts_at)

    @admin.display(description="Ends", ordering="ends_at")
    def ends(self, booking: Booking) -> str | None:
        return local_time(booking.venue, booking.ends_at)

    @admin.display(description="Created", ordering="created_at")
    def created(self, booking: Booking) -> str | None:
        return local_time(booking.venue, booking.created_at)

    @admin.display(description="Cancelled")
    def cancelled(self, booking: Booking) -> str | None:
        return local_time(booking.venue, booking.cancelled_at)

    @admin.display(description="Hold until")
    def hold_ends(self, booking: Booking) -> str | None:
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
        self, request: HttpRequest, bookings: QuerySet[Booking], move: _Move
    ) -> HttpResponse | None:
        """Do the same with each of some bookings, and tell what came of each."""
        chosen = list(bookings[: MAX_ROWS_OF_ACTION + 1])
        if len(chosen) > MAX_ROWS_OF_ACTION:
            text = f"Choose {MAX_ROWS_OF_ACTION} bookings or fewer. Nothing has been changed."
            self.message_user(request, text, messages.ERROR)
            return None
        for booking in chosen:
            try:
                self._move_one(request, booking, move)
            except DomainError as refused:
                text = f"{booking.confirmation_code}: {self._reason_of(request, refused)}"
                self.message_user(request, text, messages.ERROR)
            else:
                text = f"{booking.confirmation_code} is {move.done}."
                self.message_user(request, text, messages.SUCCESS)
        if "_from_page" in request.POST and len(chosen) == 1:
            return HttpResponseRedirect(
                reverse("admin:bookings_booking_change", args=(chosen[0].pk,))
            )
        return None

    def _move_one(self, request: HttpRequest, booking: Booking, move: _Move) -> None:
        user = request.user
        assert isinstance(user, User)
        reason = request.POST.get("reason", "").strip()
        if len(reason) > MAX_REASON:
            raise Invalid.field("reason", f"This is longer than {MAX_REASON} characters.")
        status = booking.status_at(now())
        if move.only_from not in {None, status}:
            raise InvalidState(status=status, wanted=move.status)
        change_status(
            actor=account(user.pk),
            booking_id=booking.pk,
            status=move.status,
            reason=reason,
        )

    def _reason_of(self, request: HttpRequest, refused: DomainError) -> str:
        if isinstance(refused, NotFound) and tenancy_of(request).is_superuser:
            return "Only members of its organization can do this."
        return refused.text

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
                    (name, move.label) for name, move in _MOVES.items() if move.starts_from(status)
                ],
                "max_reason": MAX_REASON,
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
