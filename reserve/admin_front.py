"""The admin's front page: what the staff of some venues have to know and do now.

It stands here because it brings together what several apps know. Each line is of
rows that whoever asks may see, by the rules of the admin's own pages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.tenant_admin import TenantAdmin, actor_of
from bookings.models import LedgerCheck
from bookings.selectors import Today, today_of
from notifications.models import Delivery, DeliveryState
from reserve.core.clock import now
from reserve.outbox.models import Event
from webhooks.kinds import DeliveryState as WebhookState
from webhooks.models import WebhookDelivery

# Beyond so many, another one does not change what is to be done.
_MOST = 1_000
# The check runs every night.
_CHECK_IS_OLD = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong, and the page where one can see to it."""

    text: str
    address: str


def admin_front(request: HttpRequest) -> HttpResponseBase:
    today = today_of(actor=actor_of(request))
    context = {
        "today": today,
        "arrivals": [
            (booking, booking.venue.local(booking.starts_at)) for booking in today.arrivals
        ],
        "pending": [(booking, booking.venue.local(booking.starts_at)) for booking in today.pending],
        "troubles": [*_troubles(request, today)],
    }
    return admin.site.index(request, extra_context=context)


def _troubles(request: HttpRequest, today: Today) -> Iterator[Trouble]:
    events = _count(_rows(request, Event).filter(dead_at__isnull=False, delivered_at=None))
    if events:
        yield Trouble(_number(events, "dead event"), _list(Event, "state=dead"))
    deliveries = _count(_rows(request, Delivery).filter(state=DeliveryState.DEAD))
    if deliveries:
        text = _number(deliveries, "message", " could not be sent")
        yield Trouble(text, _list(Delivery, "state__exact=DEAD"))
    unheard = _count(_rows(request, WebhookDelivery).filter(state=WebhookState.DEAD))
    if unheard:
        text = _number(unheard, "webhook message", " did not arrive")
        yield Trouble(text, _list(WebhookDelivery, "state__exact=DEAD"))
    if today.stuck:
        text = _number(today.stuck, "booking", " waiting for the queue to confirm")
        yield Trouble(text, reverse("admin:bookings_booking_changelist") + "?status=PENDING")
    yield from _of_ledger(request)
    for publication in today.in_conflict:
        text = _number(publication.conflict_count, "slot", " in conflict with the schedule")
        yield Trouble(
            f"{publication.venue}: {text}",
            reverse("admin:venues_venue_conflicts", args=[publication.venue_id]),
        )
    for venue in today.without_hours:
        text = f"{venue}: no opening hours, so nothing can be booked"
        yield Trouble(text, reverse("admin:venues_venue_change", args=[venue.pk]))


def _of_ledger(request: HttpRequest) -> Iterator[Trouble]:
    pages = admin.site.get_model_admin(LedgerCheck)
    if not pages.has_view_permission(request):
        return
    check = LedgerCheck.objects.order_by("-started_at").first()
    if check is None:
        yield Trouble("The ledger has never been checked", _list(LedgerCheck))
        return
    address = reverse("admin:bookings_ledgercheck_change", args=[check.pk])
    if check.problem_count:
        yield Trouble(_number(check.problem_count, "problem", " in the ledger"), address)
    if check.started_at < now() - _CHECK_IS_OLD:
        yield Trouble(f"The ledger was checked last on {check.started_at:%Y-%m-%d}", address)


def _rows(request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
    pages = cast(TenantAdmin, admin.site.get_model_admin(model))
    return pages.rows(request, pages.view_roles).select_related(None)


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:_MOST].count()


def _number(count: int, noun: str, rest: str = "") -> str:
    more = "or more " if count == _MOST else ""
    return f"{count:,} {more}{noun}{'' if count == 1 else 's'}{rest}"


def _list(model: type[Model], query: str = "") -> str:
    opts = model._meta  # noqa: SLF001 (Django's documented way)
    address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return f"{address}?{query}" if query else address


admin_front_page = admin.site.admin_view(admin_front)
