"""The admin's main paths in a real browser: from the front page to a booking that is moved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pictures import Pictures
from tests.browser.watch import Watch

OWNER = ("owner@kestrel.example", "ownerpass-123")
RESTAURANT = "Restaurant Havnekær"


@pytest.fixture(params=["light", "dark"])
def scheme(request: Any) -> str:
    found: str = request.param
    return found


@pytest.fixture
def staff(browser: Browser, live_server_url: str, watch: Watch, scheme: Any) -> Iterator[Page]:
    """The admin's front page, before the eyes of an owner."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    watch.attach(page)
    page.goto(f"{live_server_url}/admin/")
    page.get_by_label("Email").fill(OWNER[0])
    page.get_by_label("Password").fill(OWNER[1])
    page.get_by_role("button", name="Log in").click()
    yield page
    context.close()


def test_the_main_paths_of_staff(staff: Page, watch: Watch, scheme: str) -> None:
    """From the front page by the calendar to a booking that is made, moved and cancelled."""
    pictures = Pictures(f"admin-{scheme}", watch)
    page = staff
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    expect(page.get_by_role("heading", name="Arrivals next")).to_be_visible()
    pictures.take(page, "front")

    page.locator("section").get_by_role("link", name=RESTAURANT, exact=True).first.click()
    expect(page.locator("table.venue-calendar.week")).to_be_visible()
    pictures.take(page, "week")
    page.get_by_role("link", name="Month", exact=True).click()
    expect(page.locator("table.venue-calendar.month")).to_be_visible()
    pictures.take(page, "month")
    page.get_by_role("link", name="After ›").click()
    page.get_by_role("link", name="Day", exact=True).click()
    for _ in range(8):
        # A day on which the restaurant is closed offers nothing.
        if page.get_by_role("link", name="Book ").count():
            break
        page.get_by_role("link", name="After ›").click()
    pictures.take(page, "day")

    page.get_by_role("link", name="Book ").last.click()
    expect(page.locator("#make-booking")).to_be_visible()
    page.get_by_label("Name").fill("Ada Admin")
    page.get_by_label("Phone").fill("+45 12 34 56 78")
    pictures.take(page, "make")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("is made")
    pictures.take(page, "booking")

    page.get_by_role("link", name="Move to another slot").click()
    page.locator("[name=slot]").first.check()
    page.get_by_label("Reason").fill("They come earlier")
    pictures.take(page, "move")
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".messagelist")).to_contain_text("is moved")
    expect(page.locator("#booking-history")).to_contain_text("They come earlier")
    page.get_by_text("Change party or notes").click()
    page.get_by_role("spinbutton", name="Party").fill("1")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("is changed")
    pictures.take(page, "changed")
    page.locator("[name=reason]").first.fill("A test")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".messagelist")).to_contain_text("is cancelled")


def test_lists_files_and_guests(
    staff: Page, watch: Watch, live_server_url: str, scheme: str
) -> None:
    pictures = Pictures(f"admin-lists-{scheme}", watch)
    page = staff
    page.goto(f"{live_server_url}/admin/bookings/booking/?day=week")
    expect(page.locator("#result_list")).to_be_visible()
    pictures.take(page, "bookings")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export as CSV").click()
    exported = Path(started.value.path())
    assert exported.read_bytes().startswith(b"\xef\xbb\xbfcode,")
    page.get_by_role("link", name="Import from CSV").click()
    pictures.take(page, "upload")
    page.get_by_label("Venue").select_option(label=RESTAURANT)
    text = "date,start,party,name\n2020-01-01,12:00,2,Ada\nnever,12:00,2,Ada\n"
    file: Any = {"name": "bookings.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Look through it").click()
    expect(page.locator(".import-result")).to_contain_text("No slot starts then.")
    pictures.take(page, "looked-through")
    page.goto(f"{live_server_url}/admin/bookings/guest/")
    page.locator("#result_list tbody th a").first.click()
    expect(page.locator("#guest-visits")).to_be_visible()
    pictures.take(page, "guest")
