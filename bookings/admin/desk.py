"""Pages that make a booking and change one: forms before the desk's services.

They open no transaction, as Django's forms do: the desk has its own.
"""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from accounts.actors import Actor
from accounts.tenant_admin import EVERY_ROLE, TenantAdmin, actor_of
from bookings.admin.times import local_time
from bookings.guests import GuestDetails
from bookings.models import Booking, Slot
from bookings.requests.create import SeatsWanted
from bookings.rules import MAX_GUEST_COUNT, MAX_SLOT_COUNT, Party, refusal
from bookings.selectors import slots_between
from bookings.services.bookings import (
    MAX_NOTES,
    MAX_REASON,
    create_booking,
    reschedule_booking,
    update_booking,
)
from bookings.states import CHANGEABLE
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid, NotFound
from venues.models import Venue


class FindForm(forms.Form):
    """Where, when and how many: what the slots to choose from follow from."""

    venue = forms.ModelChoiceField(Venue.objects.none())
    date = forms.DateField(widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    guest_count = forms.IntegerField(
        min_value=1, max_value=MAX_GUEST_COUNT, initial=2, label="Party"
    )
    slot_count = forms.IntegerField(
        min_value=1, max_value=MAX_SLOT_COUNT, initial=1, label="Consecutive slots"
    )


class GuestForm(forms.Form):
    """For whom. What is wrong with it the service says."""

    name = forms.CharField()
    email = forms.CharField(required=False, label="E-mail address")
    phone = forms.CharField(required=False)
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    key = forms.CharField(widget=forms.HiddenInput)


class BookingDesk(TenantAdmin):
    """Making, moving and resizing, for all who work at the venue."""

    add_roles = EVERY_ROLE

    def get_urls(self) -> list[Any]:
        site = self.admin_site
        return [
            path(
                "<path:object_id>/move/",
                site.admin_view(self.move_view),
                name="bookings_booking_move",
            ),
            path(
                "<path:object_id>/party/",
                site.admin_view(self.party_view),
                name="bookings_booking_party",
            ),
            *super().get_urls(),
        ]

    # --- Making one ------------------------------------------------------------------

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Find a slot by venue, day and party; then say who comes."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        find = self._find_form(request)
        is_found = find.is_valid()
        slots = self._bookable(request, find.cleaned_data) if is_found else []
        guest = GuestForm(request.POST or None, initial={"key": uuid4()})
        if request.method == "POST" and is_found and guest.is_valid():
            booking = self._book(request, find.cleaned_data, guest)
            if booking is not None:
                self.message_user(request, f"{booking} is made.", messages.SUCCESS)
                return HttpResponseRedirect(_page_of(booking.pk))
        context = {
            "title": "Add booking",
            "find": find,
            "is_found": is_found,
            "slots": slots,
            "chosen": request.POST.get("slot") or request.GET.get("slot"),
            "guest": guest,
            "maximum_notes": MAX_NOTES,
            "media": self.media + find.media,
        }
        return self._page(request, "admin/bookings/booking/make.html", context)

    def _find_form(self, request: HttpRequest) -> FindForm:
        asked = request.GET.dict()
        venues = self.admin_site.get_model_admin(Venue)
        assert isinstance(venues, TenantAdmin)
        form = FindForm(_defaults(asked) if asked else None)
        field: Any = form.fields["venue"]
        field.queryset = venues.rows(request, EVERY_ROLE)
        if "slot" in asked and "date" not in asked:
            # From a calendar, which knows the slot alone.
            form = self._find_by_slot(request, asked, form)
        elif not asked:
            form.fields["date"].initial = now().date()
        return form

    def _find_by_slot(
        self, request: HttpRequest, asked: dict[str, Any], form: FindForm
    ) -> FindForm:
        field: Any = form.fields["venue"]
        try:
            slot = Slot.objects.select_related("venue").get(pk=Slot.parse_id(asked["slot"]))
        except (Invalid, Slot.DoesNotExist):
            return form
        if not self._works_at(request, slot.venue):
            return form
        day = slot.venue.local(slot.starts_at).date()
        data = _defaults({"venue": str(slot.venue_id), "date": day.isoformat()})
        found = FindForm(data)
        found.fields["venue"] = field
        return found

    def _works_at(self, request: HttpRequest, venue: Venue) -> bool:
        venues = self.admin_site.get_model_admin(Venue)
        assert isinstance(venues, TenantAdmin)
        return venues.permits(request, EVERY_ROLE, venue)

    def _bookable(self, request: HttpRequest, asked: dict[str, Any]) -> list[tuple[str, Slot]]:
        party = Party(asked["guest_count"], by_staff=True)
        return _slots_for(actor_of(request), asked["venue"], asked["date"], party)

    def _book(
        self, request: HttpRequest, asked: dict[str, Any], guest: GuestForm
    ) -> Booking | None:
        values = guest.cleaned_data
        try:
            return create_booking(
                actor=actor_of(request),
                seats=SeatsWanted(
                    venue_id=asked["venue"].pk,
                    slot_id=Slot.parse_id(request.POST.get("slot", "")),
                    guest_count=asked["guest_count"],
                    slot_count=asked["slot_count"],
                    notes=values["notes"],
                    guest=GuestDetails(values["name"], values["email"], values["phone"]),
                    # The same form sent twice makes one booking.
                    idempotency_key=values["key"][:255],
                ),
            )
        except Invalid as refused:
            for name, sentences in refused.details.get("errors", {"": [refused.text]}).items():
                field = name.removeprefix("guest.")
                guest.add_error(field if field in guest.fields else None, sentences)
        except DomainError as refused:
            guest.add_error(None, refused.text)
        return None

    # --- Changing one ----------------------------------------------------------------

    def move_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose another slot of the venue, by day."""
        booking = self._changeable(request, object_id)
        if booking is None:
            return self._gone(request, object_id)
        if request.method == "POST":

            def move() -> None:
                slot_id = Slot.parse_id(request.POST.get("slot", ""))
                reason = request.POST.get("reason", "")
                reschedule_booking(
                    actor=actor_of(request), booking_id=booking.pk, slot_id=slot_id, reason=reason
                )

            if self._done(request, move, f"{booking} is moved."):
                return HttpResponseRedirect(_page_of(booking.pk))
        day = _day(request.GET.get("date")) or booking.venue.local(booking.starts_at).date()
        party = Party(booking.guest_count, by_staff=True)
        try:
            slots = _slots_for(actor_of(request), booking.venue, day, party)
        except Invalid:
            return HttpResponseRedirect(request.path)
        context = {
            "title": f"Move {booking}",
            "original": booking,
            "starts": local_time(booking.venue, booking.starts_at),
            "day": day.isoformat(),
            "slots": slots,
            "maximum_reason": MAX_REASON,
            "media": self.media,
        }
        return self._page(request, "admin/bookings/booking/move.html", context)

    def party_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Takes the form with size and notes that stands on the booking's page."""
        booking = self._changeable(request, object_id)
        if booking is None or request.method != "POST":
            return self._gone(request, object_id)

        def change() -> None:
            try:
                guest_count = int(request.POST.get("guest_count", ""))
            except ValueError:
                raise Invalid.field("guest_count", "Say how many come.") from None
            update_booking(
                actor=actor_of(request),
                booking_id=booking.pk,
                guest_count=guest_count,
                notes=request.POST.get("notes", ""),
                reason=request.POST.get("reason", ""),
            )

        self._done(request, change, f"{booking} is changed.")
        return HttpResponseRedirect(_page_of(booking.pk))

    def _changeable(self, request: HttpRequest, object_id: str) -> Booking | None:
        booking: Booking | None = self.get_object(request, object_id)
        if booking is None or not self.permits(request, EVERY_ROLE, booking):
            return None
        return booking if booking.status_at(now()) in CHANGEABLE else None

    def _gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Back to the booking where there is one, and else to the start, as Django does."""
        if (booking := self.get_object(request, object_id)) is not None:
            return HttpResponseRedirect(_page_of(booking.pk))
        return HttpResponseRedirect(reverse("admin:index"))

    def _done(self, request: HttpRequest, change: Callable[[], None], text: str) -> bool:
        """Do it, and tell what came of it."""
        try:
            change()
        except NotFound:
            self.message_user(request, "Choose one of the slots.", messages.ERROR)
        except DomainError as refused:
            self.message_user(request, refused.text, messages.ERROR)
        else:
            self.message_user(request, text, messages.SUCCESS)
            return True
        return False

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, shared | context)


def _slots_for(actor: Actor, venue: Venue, day: date, party: Party) -> list[tuple[str, Slot]]:
    """The slots of a day that would take a party, each with its times; the desk decides."""
    moment = now()
    slots = slots_between(actor=actor, venue_id=venue.pk, first_day=day, last_day=day)
    return [
        (f"{slot.venue.local(slot.starts_at):%H:%M}–{slot.venue.local(slot.ends_at):%H:%M}", slot)
        for slot in slots
        if not refusal(
            venue=slot.venue, resource=slot.resource, slots=[slot], party=party, now=moment
        )
    ]


def _defaults(asked: dict[str, Any]) -> dict[str, Any]:
    return {"guest_count": 2, "slot_count": 1} | asked


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _page_of(booking_id: UUID) -> str:
    return reverse("admin:bookings_booking_change", args=[booking_id])
