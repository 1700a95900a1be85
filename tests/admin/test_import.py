"""Bookings from a CSV file: looked through, then imported by the desk, each line for itself."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import Role
from bookings.models import Booking, Guest, Slot
from bookings.services.imports import MAX_BYTES, MAX_ROWS
from reserve.outbox.models import Event
from tests.admin.tenants import page_of
from tests.factories import make_member, make_slot

HEADER = "date,start,party,name,email,resource,end,notes,status\n"
ADDRESS = "/admin/bookings/booking/import/"


def line(slot: Slot, name: str, party: object = 2, *more: str) -> str:
    start = slot.venue.local(slot.starts_at)
    return ",".join((f"{start:%Y-%m-%d}", f"{start:%H:%M}", str(party), name, *more)) + "\n"


def upload(browser, venue, text: str | bytes):
    content = text.encode() if isinstance(text, str) else text
    file = SimpleUploadedFile("bookings.csv", content, content_type="text/csv")
    return browser.post_once(ADDRESS, {"venue": venue.pk, "file": file})


def confirm(browser, venue, text: str):
    return browser.post_once(ADDRESS, {"venue": venue.pk, "text": text, "confirm": "1"})


@pytest.fixture
def slot(ours) -> Slot:
    return make_slot(ours.resource, starts_at=ours.slot.ends_at)


def rows() -> tuple[int, int, int]:
    return Booking.objects.count(), Event.objects.count(), Guest.objects.count()


def test_a_file_is_looked_through_and_then_imported(ours, slot, admin_of) -> None:
    browser = admin_of(ours.manager)
    next_slot = make_slot(ours.resource, starts_at=slot.ends_at)
    end = ours.venue.local(next_slot.ends_at)
    text = HEADER + (
        line(slot, "Ada", 2, "ada@example.org", ours.resource.name.upper(), f"{end:%H:%M}")
        + line(slot, "Bo", 3, "", "", "", "=1+1")
        + line(slot, "Cy", 6)
        + line(slot, "Di", 8, "", "", "", "", "cancelled")
        + line(slot, "Ada", 2, "ada@example.org", ours.resource.name)
    )
    before = rows()
    found = upload(browser, ours.venue, text).context["lines"]
    assert [(one.number, one.is_good, one.is_known) for one in found] == [
        (2, True, False),
        (3, True, False),
        (4, False, False),
        (5, True, False),
        (6, False, True),
    ]
    assert found[2].errors == ["Fewer seats are left than asked for."]
    assert rows() == before

    done = confirm(browser, ours.venue, text)
    assert done.context["good"] == 3
    made = Booking.objects.filter(guest__name__in=["Ada", "Bo", "Cy", "Di"])
    assert {(one.guest.name, one.status, one.seats) for one in made} == {
        ("Ada", "CONFIRMED", 2),
        ("Bo", "CONFIRMED", 3),
        ("Di", "CANCELLED", 8),
    }
    taken = [Slot.objects.get(pk=each.pk).reserved for each in (slot, next_slot)]
    assert taken == [5, 2]
    events = Event.objects.filter(name="booking.imported", subject_id__in=made.values("pk"))
    assert {event.payload["actor"] for event in events} == {ours.manager.public_id}
    assert events.count() == 3

    # The same again adds nothing.
    before = rows()
    again = confirm(browser, ours.venue, text)
    assert (again.context["good"], again.context["known"]) == (0, 4)
    assert rows() == before


def test_every_line_says_what_is_wrong_with_it(ours, slot, admin_of) -> None:
    start = ours.venue.local(slot.starts_at)
    wrong = {
        "never,12:00,2,Ada": "date and start must be",
        f"{start:%Y-%m-%d},25:00,2,Ada": "date and start must be",
        line(slot, "Ada", 0): "party:",
        line(slot, "Ada", "many"): "party:",
        line(slot, ""): "name:",
        line(slot, "Ada", 2, "nobody"): "email:",
        line(slot, "Ada", 2, "", "Elsewhere"): "No slot starts then on that resource.",
        line(slot, "Ada", 2, "", "", "04:04"): "end: No slot ends then.",
        line(slot, "Ada", 2, "", "", "", "x" * 2_001): "notes:",
        line(slot, "Ada", 2, "", "", "", "", "HELD"): "status:",
        line(slot, "Ada", 11): "Fewer seats",
        f"{start - timedelta(days=3):%Y-%m-%d},12:00,2,Ada": "No slot starts then.",
    }
    text = HEADER + "".join(each.strip() + "\n" for each in wrong)
    browser = admin_of(ours.owner)
    before = rows()
    for send in (upload, confirm):
        found = send(browser, ours.venue, text).context["lines"]
        for one, sentence in zip(found, wrong.values(), strict=True):
            assert any(error.startswith(sentence) for error in one.errors), (one, sentence)
    assert rows() == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("code,venue\n", "must name date, start, party, name"),
        (HEADER.encode("utf-16"), "UTF-8"),
        (HEADER + "\0", "must be text"),
        (HEADER + "2030-01-01,12:00,2,A\n2032-01-01,12:00,2,A\n", "within 400 days"),
        (HEADER + "2030-01-01,12:00,2,A\n" * (MAX_ROWS + 1), "at most 1,000"),
        (HEADER + "x" * MAX_BYTES, "larger than 256 KiB"),
        (HEADER + '"' + "x" * 140_000 + '"\n', "cannot be read"),
    ],
)
def test_what_is_no_such_file_is_refused(text, sentence, ours, admin_of) -> None:
    before = rows()
    page = upload(admin_of(ours.manager), ours.venue, text)
    assert page.context["lines"] is None
    assert sentence in page.content.decode()
    assert rows() == before


def test_only_managers_import_and_for_their_venues(ours, theirs, slot, admin_of) -> None:
    text = HEADER + line(slot, "Ada")
    before = rows()
    for send in (upload, confirm):
        assert send(admin_of(ours.staff), ours.venue, text).status_code == 403
        page = send(admin_of(theirs.owner), ours.venue, text)
        assert page.context["lines"] is None
    assert rows() == before
    address = reverse("admin:bookings_booking_import")
    for role in Role:
        list_page = admin_of(make_member(ours.organization, role)).get(
            page_of(Booking, "changelist")
        )
        assert (address in list_page.content.decode()) == (role != Role.STAFF)


def test_an_export_can_be_imported_again(ours, slot, admin_of) -> None:
    browser = admin_of(ours.manager)
    name = "-Dash"
    confirm(browser, ours.venue, HEADER + line(slot, name))
    exported = b"".join(
        browser.get("/admin/bookings/booking/export/csv/?status=CONFIRMED").streaming_content
    )
    assert b"'-Dash" in exported
    found = upload(browser, ours.venue, exported).context["lines"]
    assert [one.is_known for one in found] == [True]
