"""The public booking page in a real browser, on everything that `make dev` starts."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from tests.browser.pictures import Pictures
from tests.browser.soon import shows_soon
from tests.browser.watch import Watch

BARBER = "kestrel/kamiya-barber"
RESTAURANT = "kestrel/havnekaer"


@pytest.fixture
def http_client(live_server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{live_server_url}/api/v1", timeout=20) as client:
        yield client


def _venue(http: httpx.Client, search: str) -> str:
    found = http.get("/venues", params={"search": search}).json()["results"]
    return str(found[0]["id"])


def _slots(http: httpx.Client, venue: str, **asked: Any) -> Iterator[tuple[str, list[Any]]]:
    """Days from the one after tomorrow, each with what is free on it."""
    for days in range(2, 25):
        day = (date.today() + timedelta(days=days)).isoformat()
        slots = http.get(f"/venues/{venue}/slots", params={"date": day} | asked).json()
        if slots:
            yield day, slots


def _book(http: httpx.Client, venue: str, slot: Any, guests: int) -> None:
    guest = {"name": "Quick Guest", "email": f"quick{slot['id'][-6:].lower()}@example.org"}
    body = {"venue_id": venue, "slot_id": slot["id"], "guest_count": guests, "guest": guest}
    answer = http.post("/bookings", json=body)
    assert answer.status_code == 201, answer.text


def test_two_guests_after_the_last_seat(
    browser: Browser, live_server_url: str, http_client: httpx.Client
) -> None:
    venue = _venue(http_client, "Kamiya")
    day, slots = next(
        (day, slots)
        for day, slots in _slots(http_client, venue, guest_count=1)
        if len({slot["start_time"] for slot in slots}) >= 3
    )
    wanted = f"#{slots[0]['id']}"
    contexts = [browser.new_context() for _ in range(2)]
    watch = Watch(live_server_url.partition("//")[2])
    try:
        quick, slow = (context.new_page() for context in contexts)
        watch.attach(quick)
        for page in (quick, slow):
            # The slow one sees what was true when the page came: its socket is cut.
            if page is slow:
                page.route_web_socket("**/graphql", lambda route: route.close())
            page.goto(f"{live_server_url}/book/{BARBER}/?date={day}&party=1")
            expect(page.locator(f"button{wanted}")).to_be_visible()
        quick.locator(wanted).click()
        expect(quick.locator(".countdown time")).to_contain_text(":")
        slow.locator(wanted).click()
        expect(slow.get_by_role("alert")).to_contain_text("somebody else was a moment quicker")
        offered = slow.locator(".others button")
        expect(offered.first).to_be_visible()
        Pictures("guests-gone").take(slow, "alternatives")
        offered.first.click()
        expect(slow.get_by_role("heading", name="Kept for you")).to_be_visible()
    finally:
        for context in contexts:
            context.close()
    assert watch.problems == []


def test_times_change_without_reloading_when_somebody_books(
    page: Page, live_server_url: str, http_client: httpx.Client, watch: Watch
) -> None:
    venue = _venue(http_client, "Havnekær")
    day, slots = next(_slots(http_client, venue, guest_count=8))
    watch.attach(page)
    page.goto(f"{live_server_url}/book/{RESTAURANT}/?date={day}&party=2")
    slot = page.locator(f"#{slots[0]['id']}")
    expect(slot).to_contain_text(f"{slots[0]['remaining_capacity']} left")
    page.wait_for_function("document.documentElement.classList.contains('scripted')")
    # Subscribed: its socket has been answered.
    page.wait_for_timeout(700)
    left = slots[0]["remaining_capacity"]

    def book() -> str:
        nonlocal left
        _book(http_client, venue, slots[0], 1)
        left -= 1
        return f"{left} left"

    shows_soon(page, f"#{slots[0]['id']}", [book, book])
    # Another day and another party, without leaving the page.
    page.get_by_label("How many are you?").select_option("5")
    expect(page).to_have_url(re.compile("party=5"))
    page.locator("a.day:not([aria-current])").first.click()
    expect(page.locator("a.day[aria-current]")).to_be_focused()
    page.go_back()
    expect(page.locator(f"#day-{day}")).to_have_attribute("aria-current", "date")


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(80):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The keyboard does not reach {selector}.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_whole_way_by_keyboard_and_without_a_fault(
    browser: Browser, live_server_url: str, http_client: httpx.Client, scheme: Any
) -> None:
    day, _ = next(_slots(http_client, _venue(http_client, "Havnekær"), guest_count=2))
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": 390, "height": 844}, accept_downloads=True
    )
    page = context.new_page()
    watch = Watch(live_server_url.partition("//")[2])
    watch.attach(page)
    pictures = Pictures(f"guests-{scheme}", watch)
    try:
        page.goto(f"{live_server_url}/book/{RESTAURANT}/?party=2")
        pictures.take(page, "calendar")
        _tab_to(page, f"#day-{day}")
        page.keyboard.press("Enter")
        expect(page.locator(f"#day-{day}")).to_have_attribute("aria-current", "date")
        _tab_to(page, "button.time")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Kept for you")).to_be_visible()
        pictures.take(page, "details")
        _tab_to(page, "#id_name")
        page.keyboard.type("Kay Board")
        page.keyboard.press("Tab")
        page.keyboard.type("kay@example.org")
        _tab_to(page, "button.wide")
        page.keyboard.press("Enter")
        # The queue confirms, and the page hears of it.
        expect(page.get_by_role("heading", name="You are booked")).to_be_visible(timeout=15_000)
        pictures.take(page, "booked")
        code = page.locator(".code code").inner_text()
        with page.expect_download() as download:
            page.get_by_role("button", name="Add to calendar").press("Enter")
        assert code in download.value.suggested_filename

        page.get_by_role("link", name="Find your booking").press("Enter")
        pictures.take(page, "look-up")
        page.get_by_label("Confirmation code").fill(code)
        page.get_by_label("E-mail address").fill("kay@example.org")
        page.keyboard.press("Enter")
        page.get_by_text("Cancel this booking").press("Enter")
        page.get_by_role("button", name="Yes, cancel it").press("Enter")
        expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()
        pictures.take(page, "cancelled")
    finally:
        context.close()
    assert watch.problems == []


def _go_through(place: Page | Frame, name: str) -> None:
    """Book the last free time of whatever day is shown."""
    place.locator("button.time").last.click()
    expect(place.get_by_role("heading", name="Kept for you")).to_be_in_viewport()
    place.get_by_label("Your name").fill(name)
    place.get_by_label("Phone").fill("+45 11 22 33 44")
    place.get_by_role("button", name="Book", exact=True).click()
    expect(place.locator(".code code")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_has_an_account_logs_in_and_books_by_it(
    browser: Browser, live_server_url: str, http_client: httpx.Client, scheme: Any
) -> None:
    day, _ = next(_slots(http_client, _venue(http_client, "Havnekær"), guest_count=2))
    context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844})
    page = context.new_page()
    watch = Watch(live_server_url.partition("//")[2])
    watch.attach(page)
    pictures = Pictures(f"guests-account-{scheme}", watch)
    try:
        page.goto(f"{live_server_url}/book/{RESTAURANT}/?date={day}&party=2")
        # Seats first, and who one is afterwards: they are kept meanwhile.
        page.locator("button.time").first.click()
        page.locator("main").get_by_role("link", name="Log in").click()
        pictures.take(page, "log-in")
        page.get_by_label("E-mail address").fill("user@example.com")
        page.get_by_label("Password").fill("securepass")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".account")).to_contain_text("Log out")
        pictures.take(page, "held")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator(".who")).to_contain_text("user@example.com")
        expect(page.get_by_label("Phone")).to_have_count(0)
        pictures.take(page, "details")
        page.get_by_role("button", name="Book", exact=True).click()
        expect(page.locator(".code code")).to_have_text(re.compile(r"[2-9A-HJKMNP-Z]{8}"))
        expect(page.get_by_role("heading", name="You are booked")).to_be_visible(timeout=20_000)
        pictures.take(page, "booked")
        page.get_by_text("Cancel this booking").click()
        page.get_by_role("button", name="Yes, cancel it").click()
        expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.locator(".account")).to_contain_text("Log in")
    finally:
        context.close()
    assert watch.problems == []


def test_it_works_without_scripts(browser: Browser, live_server_url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    try:
        page.goto(f"{live_server_url}/book/{RESTAURANT}/")
        page.get_by_label("How many are you?").select_option("3")
        page.get_by_role("button", name="Show").click()
        page.locator("a.day").last.click()
        _go_through(page, "Noa Script")
        page.get_by_text("Cancel this booking").click()
        page.get_by_role("button", name="Yes, cancel it").click()
        expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()
    finally:
        context.close()


@contextmanager
def _site(embedded: str) -> Iterator[str]:
    """Another origin, with a page that shows ours by one line, and more below."""
    style = "width: 100%; height: 48rem; border: 0"
    line = f'<iframe src="{embedded}" title="Book" style="{style}"></iframe>'
    site_page = f'<!doctype html><title>A venue</title>{line}<p style="height: 60rem">'

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(site_page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}/"
        site.shutdown()


def test_in_a_frame_of_another_site(browser: Browser, live_server_url: str) -> None:
    ours = live_server_url.replace("127.0.0.1", "localhost")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    try:
        with _site(f"{ours}/embed/{RESTAURANT}/") as site:
            page = context.new_page()
            page.goto(site)
            frame = page.frames[1]
            expect(frame.get_by_label("How many are you?")).to_be_visible()
            # The frame is scrolled inside, and so is the site around it.
            frame.evaluate("scrollTo(0, 10_000)")
            page.evaluate("scrollTo(0, 450)")
            _go_through(frame, "Fay Frame")
            assert f"{ours}/embed/" in frame.url
            # Cookies of a frame are what browsers refuse; there are none.
            assert context.cookies() == []
        with _site(f"{ours}/book/{RESTAURANT}/") as site:
            page = context.new_page()
            page.goto(site)
            page.wait_for_timeout(500)
            assert "/book/" not in page.frames[1].url
    finally:
        context.close()
