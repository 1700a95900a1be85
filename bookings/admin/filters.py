from datetime import date, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from bookings.states import BookingStatus
from reserve.core.clock import now
from venues.models import Venue
from venues.schedule import day_bounds


class DayFilter(admin.SimpleListFilter):
    """By the local day of the start: each venue's today is its own."""

    title = "day at the venue"
    parameter_name = "day"
    template = "admin/day_filter.html"
    default: ClassVar[str] = "all"

    # Offsets from today; None leaves that end open.
    _spans: ClassVar[dict[str, tuple[str, int | None, int | None]]] = {
        "all": ("All", None, None),
        "upcoming": ("From today", 0, None),
        "today": ("Today", 0, 0),
        "tomorrow": ("Tomorrow", 1, 1),
        "week": ("Next 7 days", 0, 6),
        "past": ("Last 7 days", -6, 0),
    }

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self._venues = model_admin.admin_site.get_model_admin(Venue)
        # What the form for another date has to carry along.
        self.other_parameters = [
            (name, value)
            for name, values in request.GET.lists()
            for value in values
            if name not in {self.parameter_name, "p"}
        ]

    @property
    def chosen(self) -> str:
        return self.value() or self.default

    @property
    def chosen_date(self) -> str:
        return "" if self.chosen in self._spans else self.chosen

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, label) for key, (label, _, _) in self._spans.items()]

    def choices(self, changelist: Any) -> Any:
        for key, label in self.lookup_choices:
            yield {
                "selected": self.chosen == key,
                "query_string": changelist.get_query_string({self.parameter_name: key}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.chosen == "all":
            return queryset
        zones = self._venues.get_queryset(request).order_by().values_list("timezone", flat=True)
        condition = Q(pk__in=())
        try:
            for zone in zones.distinct():
                condition |= Q(venue__timezone=zone) & self._starts_within(ZoneInfo(zone))
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters from error
        return queryset.filter(condition)

    def _starts_within(self, zone: ZoneInfo) -> Q:
        first, last = self._days(zone)
        condition = Q()
        if first is not None:
            condition &= Q(starts_at__gte=day_bounds(first, zone)[0])
        if last is not None:
            condition &= Q(starts_at__lt=day_bounds(last, zone)[1])
        return condition

    def _days(self, zone: ZoneInfo) -> tuple[date | None, date | None]:
        span = self._spans.get(self.chosen)
        if span is None:
            day = date.fromisoformat(self.chosen)
            return day, day
        today = now().astimezone(zone).date()
        _, first, last = span
        return (
            None if first is None else today + timedelta(days=first),
            None if last is None else today + timedelta(days=last),
        )


class ComingDayFilter(DayFilter):
    default = "upcoming"


class BookingStatusFilter(admin.SimpleListFilter):
    """By the status as everybody sees it: a lapsed hold is expired, swept or not."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return BookingStatus.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        status = self.value()
        if not status:
            return queryset
        lapsed = Q(status=BookingStatus.HELD, hold_expires_at__lte=now())
        if status == BookingStatus.EXPIRED:
            return queryset.filter(Q(status=status) | lapsed)
        return queryset.filter(Q(status=status) & ~lapsed)
