"""What a list shows, as a file: CSV or Excel, in the list's order."""

import csv
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID

import xlsxwriter
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.urls import path, reverse

from accounts.tenant_admin import TenantAdmin
from bookings.models import Booking
from reserve.core.clock import now
from reserve.core.logging import get_logger

MAX_EXPORTED = 50_000
_CHUNK = 1_000
# Signs with which spreadsheets begin a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEADER = (
    *("code", "status", "venue", "resource", "date", "start", "end", "party", "seats"),
    *("name", "email", "phone", "notes", "created"),
)
Row = tuple[str | int, ...]

log = get_logger(__name__)


class _Lines:
    """A file of which each line is handed out as soon as it is written."""

    def write(self, line: str) -> str:
        return line


class BookingExport(TenantAdmin):
    """Adds the files to the list of bookings."""

    change_list_template = "admin/bookings/booking/change_list.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export_view)
        return [
            path("export/<str:kind>/", view, name="bookings_booking_export"),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The bookings that the list of the same query shows, up to MAX_EXPORTED."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        list_address = reverse("admin:bookings_booking_changelist")
        if kind not in {"csv", "xlsx"}:
            return HttpResponseRedirect(list_address)
        try:
            found = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(list_address)
        # The keys first, so that nothing stays open between the parts of the answer.
        keys = list(found.values_list("pk", flat=True)[: MAX_EXPORTED + 1])
        if len(keys) > MAX_EXPORTED:
            text = f"Filter to {MAX_EXPORTED:,} bookings or fewer; there are more."
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(f"{list_address}?{request.META['QUERY_STRING']}")
        log.info("bookings_exported", user_id=str(request.user.pk), kind=kind, count=len(keys))
        name = f"bookings-{now():%Y-%m-%d}.{kind}"
        return _as_csv(keys, name) if kind == "csv" else _as_excel(keys, name)


def _as_csv(keys: Sequence[UUID], name: str) -> HttpResponseBase:
    writer = csv.writer(_Lines())
    lines = (writer.writerow([harmless(value) for value in row]) for row in _rows(keys))
    response = StreamingHttpResponse(_encoded(lines), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    # By the mark spreadsheets know the encoding.
    yield b"\xef\xbb\xbf"
    for line in lines:
        yield line.encode()


def _as_excel(keys: Sequence[UUID], name: str) -> HttpResponseBase:
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115 (the answer closes it)
    # Row by row through the disk. Text is text: nothing becomes a formula or a link.
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet("Bookings")
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(_rows(keys)):
            sheet.write_row(number, 0, row)
    file.seek(0)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return FileResponse(file, as_attachment=True, filename=name, content_type=kind)


def harmless(value: str | int) -> str | int:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def _rows(keys: Sequence[UUID]) -> Iterator[Row]:
    yield HEADER
    moment = now()
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        bookings = Booking.objects.select_related("venue", "resource", "guest").in_bulk(chunk)
        # One may have gone meanwhile, with the account that made it.
        for booking in (bookings[key] for key in chunk if key in bookings):
            venue = booking.venue
            begins, ends = venue.local(booking.starts_at), venue.local(booking.ends_at)
            yield (
                *(booking.confirmation_code, booking.status_at(moment).value),
                *(venue.name, booking.resource.name, f"{begins:%Y-%m-%d}"),
                *(f"{begins:%H:%M}", f"{ends:%H:%M}", booking.guest_count, booking.seats),
                *(booking.guest.name, booking.guest.email, booking.guest.phone, booking.notes),
                venue.local(booking.created_at).isoformat(timespec="seconds"),
            )
