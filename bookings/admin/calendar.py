"""A venue's calendar by day, week and month, drawn by the server."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path

from accounts.tenant_admin import TenantAdmin, actor_of
from bookings.models import Booking, Slot
from bookings.selectors import Occupancy, occupancy_of_days, slots_between, slots_of_bookings
from bookings.states import SEATED
from reserve.core.clock import now
from venues.models import Venue
from venues.schedule import day_bounds

VIEWS = {"day": "Day", "week": "Week", "month": "Month"}
# Bookings that a day of a week names; the others are on the day itself.
MAX_NAMED = 30
# What every zone can tell the bounds of, with a month around it.
_FIRST, _LAST = date(1971, 1, 1), date(9998, 1, 1)
_WEEK = timedelta(days=7)


@dataclass(slots=True)
class Day:
    """A cell of the calendar."""

    date: date
    load: Occupancy
    is_today: bool
    is_outside: bool = False
    """Of the month before or after."""
    bookings: list[tuple[str, Booking]] = field(default_factory=list)
    """Each with the time of its start."""
    more: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A slot of a day with its times and who is on it."""

    times: str
    slot: Slot
    bookings: Sequence[Booking]


class VenueCalendar(TenantAdmin):
    """Adds the calendar to the pages of venues."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.calendar_view)
        return [
            path("<path:object_id>/calendar/", view, name="venues_venue_calendar"),
            *super().get_urls(),
        ]

    def calendar_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """`?view=day|week|month&date=`; a constant number of statements for each."""
        venue: Venue | None = self.get_object(request, object_id)
        if venue is None or not self.has_view_permission(request, venue):
            raise PermissionDenied
        view = request.GET.get("view", "week")
        today = venue.local(now()).date()
        try:
            chosen = date.fromisoformat(request.GET.get("date", today.isoformat()))
        except ValueError:
            return HttpResponseRedirect(request.path)
        if view not in VIEWS or not _FIRST <= chosen <= _LAST:
            return HttpResponseRedirect(request.path)
        first, last, before, after = _span(view, chosen)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Calendar of {venue}",
            "opts": self.opts,
            "original": venue,
            "media": self.media,
            "view": view,
            "views": VIEWS,
            "chosen": chosen.isoformat(),
            "first": first,
            "last": last,
            "before": before.isoformat(),
            "after": after.isoformat(),
            "today": today.isoformat(),
        }
        if view == "day":
            context |= self._day(request, venue, chosen)
        else:
            days = _days(venue, first, last, today, month=chosen.month if view == "month" else None)
            if view == "week":
                _name_bookings(venue, days)
            context["weeks"] = [days[start : start + 7] for start in range(0, len(days), 7)]
        return TemplateResponse(request, "admin/venues/venue/calendar.html", context)

    def _day(self, request: HttpRequest, venue: Venue, day: date) -> dict[str, Any]:
        actor = actor_of(request)
        slots = slots_between(actor=actor, venue_id=venue.pk, first_day=day, last_day=day)
        bookings = _bookings_between(venue, day, day)
        seated: defaultdict[object, list[Booking]] = defaultdict(list)
        slots_of = slots_of_bookings([booking.pk for booking in bookings])
        for booking in bookings:
            for slot in slots_of[booking.pk]:
                seated[slot.pk].append(booking)
        moment = now()
        lines: dict[str, list[Line]] = {}
        for slot in slots:
            begins, ends = venue.local(slot.starts_at), venue.local(slot.ends_at)
            line = Line(f"{begins:%H:%M}–{ends:%H:%M}", slot, seated[slot.pk])
            lines.setdefault(slot.resource.name, []).append(line)
        return {
            "resources": [*lines.items()],
            "can_book": {slot.pk for slot in slots if _takes_bookings(slot, moment)},
            "load": occupancy_of_days(venue=venue, first_day=day, last_day=day)[day],
        }


def _takes_bookings(slot: Slot, moment: Any) -> bool:
    return not slot.is_closed and slot.remaining > 0 and slot.ends_at > moment


def _span(view: str, chosen: date) -> tuple[date, date, date, date]:
    """The days that are shown, first and last, and where the neighbours are."""
    if view == "day":
        return chosen, chosen, chosen - timedelta(days=1), chosen + timedelta(days=1)
    monday = chosen - timedelta(days=chosen.weekday())
    if view == "week":
        return monday, monday + timedelta(days=6), chosen - _WEEK, chosen + _WEEK
    begin = chosen.replace(day=1)
    following = (begin + timedelta(days=31)).replace(day=1)
    end = following - timedelta(days=1)
    first = begin - timedelta(days=begin.weekday())
    last = end + timedelta(days=6 - end.weekday())
    return first, last, (begin - timedelta(days=1)).replace(day=1), following


def _days(venue: Venue, first: date, last: date, today: date, *, month: int | None) -> list[Day]:
    loads = occupancy_of_days(venue=venue, first_day=first, last_day=last)
    return [
        Day(day, load, day == today, is_outside=month is not None and day.month != month)
        for day, load in loads.items()
    ]


def _name_bookings(venue: Venue, days: Sequence[Day]) -> None:
    by_date = {day.date: day for day in days}
    for booking in _bookings_between(venue, days[0].date, days[-1].date):
        begins = venue.local(booking.starts_at)
        day = by_date[begins.date()]
        if len(day.bookings) < MAX_NAMED:
            day.bookings.append((f"{begins:%H:%M}", booking))
        else:
            day.more += 1


def _bookings_between(venue: Venue, first: date, last: date) -> list[Booking]:
    """Those that use seats, in order of their start."""
    begins_at, _ = day_bounds(first, venue.zone)
    _, ends_at = day_bounds(last, venue.zone)
    found = Booking.objects.filter(
        venue=venue, starts_at__gte=begins_at, starts_at__lt=ends_at, status__in=SEATED
    )
    moment = now()
    shown = ("starts_at", "guest_count", "status", "hold_expires_at", "guest__name")
    ordered = found.select_related("guest").only(*shown).order_by("starts_at", "pk")
    return [booking for booking in ordered if not booking.has_lapsed_at(moment)]
