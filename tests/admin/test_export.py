"""A list as a file: what is filtered, whose it is, and nothing that a spreadsheet would run."""

import csv
import re
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.admin import export
from bookings.models import Booking, Guest
from tests.admin.tenants import make_rows

CSV = "/admin/bookings/booking/export/csv/"
EXCEL = "/admin/bookings/booking/export/xlsx/"


def lines(response) -> list[list[str]]:
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(StringIO(text)))


def codes(response) -> set[str]:
    return {line[0] for line in lines(response)[1:]}


def test_what_is_filtered_is_exported(ours, theirs, superuser, admin_of) -> None:
    browser = admin_of(ours.staff)
    all_of_ours = set(
        Booking.objects.filter(venue=ours.venue).values_list("confirmation_code", flat=True)
    )
    assert codes(browser.get(CSV)) == all_of_ours
    code = ours.booking.confirmation_code
    assert codes(browser.get(f"{CSV}?status=PENDING&day=tomorrow")) == {code}
    assert codes(browser.get(f"{CSV}?q={code}")) == {code}
    assert codes(browser.get(f"{CSV}?q=nobody+at+all")) == set()
    assert len(codes(admin_of(superuser).get(CSV))) == 4
    header, line = lines(browser.get(f"{CSV}?q={code}"))
    row = dict(zip(header, line, strict=True))
    starts = ours.venue.local(ours.slot.starts_at)
    assert row["date"] == f"{starts:%Y-%m-%d}"
    assert row["start"] == f"{starts:%H:%M}"
    assert (row["party"], row["status"]) == ("2", "PENDING")
    assert browser.get(f"{CSV}?day=9999-12-31").status_code == 302
    assert browser.get("/admin/bookings/booking/export/exe/").status_code == 302


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(sign, ours, admin_of) -> None:
    evil = f'{sign}HYPERLINK("http://evil.example","x")'
    Guest.objects.filter(pk=ours.guest.pk).update(name=evil)
    Booking.objects.filter(pk=ours.booking.pk).update(notes=f" {evil}")
    browser = admin_of(ours.staff)
    header, *rows = lines(browser.get(CSV))
    column = header.index("name")
    assert {row[column] for row in rows} == {f"'{evil}"}
    notes = {row[header.index("notes")] for row in rows}
    assert f"' {evil}" in notes
    answer = browser.get(EXCEL)
    with ZipFile(BytesIO(b"".join(answer.streaming_content))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "evil.example" in sheet
    # Numbers are numbers: the party and the seats of each.
    assert len(re.findall(r'<c r="[HI]\d+"><v>', sheet)) == 4


def test_an_export_is_bounded_and_costs_the_same(ours, admin_of, monkeypatch) -> None:
    browser = admin_of(ours.staff)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            lines(browser.get(CSV))
        return len(queries)

    cost()
    few = cost()
    for _ in range(5):
        make_rows(ours.organization, "more")
    assert cost() == few
    monkeypatch.setattr(export, "MAX_EXPORTED", 11)
    answer = browser.get(f"{CSV}?day=all")
    assert answer["Location"].endswith("/admin/bookings/booking/?day=all")
    assert "11 bookings or fewer" in browser.get(answer["Location"]).content.decode()
