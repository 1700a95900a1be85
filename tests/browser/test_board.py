"""The live board in a real browser, on everything that `make dev` starts."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pictures import Pictures
from tests.browser.soon import shows_soon
from tests.browser.watch import Watch
from tests.processes import wait_until

STAFF = {"email": "owner@kestrel.example", "password": "ownerpass-123"}
RESTAURANT = "Restaurant Havnekær"
SCREENS = {"phone": (390, 844), "wall": (2560, 1440), "laptop": (1366, 768)}


@pytest.fixture
def http(live_server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{live_server_url}/api/v1", timeout=20) as client:
        token = client.post("/auth/login", json=STAFF).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _free_slot(http: httpx.Client) -> tuple[str, Any]:
    """The restaurant's id, and a slot of the coming days that nobody has booked."""
    venues = http.get("/venues", params={"search": "Havnekær"}).json()["results"]
    venue = next(one["id"] for one in venues if one["name"] == RESTAURANT)
    for days in range(2, 20):
        day = (date.today() + timedelta(days=days)).isoformat()
        for slot in http.get(f"/venues/{venue}/slots", params={"date": day}).json():
            if slot["remaining_capacity"] == slot["capacity"] and slot["capacity"] >= 10:
                return venue, slot
    raise AssertionError("The demo data has no empty slot.")


def _open(page: Page, base_url: str, venue: str, slot: Any) -> None:
    page.goto(f"{base_url}/dashboard/{venue}/?date={slot['start_time'][:10]}")
    if "/login/" in page.url:
        page.get_by_label("Email").fill(STAFF["email"])
        page.get_by_label("Password").fill(STAFF["password"])
        page.get_by_role("button", name="Log in").click()
    expect(page.locator("#connection")).to_have_text("Live")


def _book(http: httpx.Client, venue: str, slot: Any, guests: int, name: str) -> Any:
    body = {
        "venue_id": venue,
        "slot_id": slot["id"],
        "guest_count": guests,
        "guest": {"name": name},
    }
    answer = http.post("/bookings", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_one_books_and_the_others_board_changes_within_a_second(
    browser: Browser, live_server_url: str, http: httpx.Client
) -> None:
    venue, slot = _free_slot(http)
    watch = Watch(live_server_url.partition("//")[2])
    contexts = [browser.new_context() for _ in range(2)]
    try:
        pages = [context.new_page() for context in contexts]
        for page in pages:
            watch.attach(page)
            _open(page, live_server_url, venue, slot)
        seated, watching = pages
        cell = f"#{slot['id']}"
        expect(watching.locator(f"{cell} .count")).to_have_text(f"0/{slot['capacity']}")

        # A walk-in: the slot, and the size of the party.
        seated.locator(cell).click()
        seated.locator("#panel").get_by_role("button", name="3", exact=True).click()
        expect(watching.locator(f"{cell} .count")).to_have_text(f"3/{slot['capacity']}")
        expect(seated.locator("#panel .booking")).to_have_count(1)
        seated.get_by_role("button", name="Close").click()

        made: list[Any] = []

        def book() -> str:
            made.append(_book(http, venue, slot, 2, "Ada Board"))
            return f"5/{slot['capacity']}"

        def cancel() -> str:
            assert http.post(f"/bookings/{made.pop()['id']}/cancel", json={}).status_code == 200
            return f"3/{slot['capacity']}"

        shows_soon(watching, f"{cell} .count", [book, cancel, book, cancel, book])
        (booking,) = made
        arrival = watching.locator(f"#{booking['id']}-arrive")
        expect(arrival).to_contain_text("Ada Board")
        arrival.get_by_role("button", name=re.compile("^Check in")).click()
        expect(seated.locator(f"#{booking['id']}-leave")).to_be_visible()
        expect(watching.locator(".feed")).to_contain_text("Ada Board")
    finally:
        for context in contexts:
            context.close()
    assert watch.problems == []


def test_a_lost_connection_is_said_and_repaired(
    page: Page, live_server_url: str, http: httpx.Client
) -> None:
    venue, slot = _free_slot(http)
    # What goes over the socket passes through here, and can be cut.
    routes: list[Any] = []
    is_cut = False

    def through(route: Any) -> None:
        if is_cut:
            route.close()
            return
        route.connect_to_server()
        routes.append(route)

    page.route_web_socket(re.compile("/ws/venues/"), through)
    _open(page, live_server_url, venue, slot)
    is_cut = True
    routes[-1].close()
    expect(page.locator("#connection")).to_have_attribute("data-state", "lost")
    expect(page.locator("#connection")).to_contain_text("Connection lost")
    _book(http, venue, slot, 4, "Bo Board")
    is_cut = False
    expect(page.locator("#connection")).to_have_text("Live", timeout=20_000)
    expect(page.locator(f"#{slot['id']} .count")).to_have_text(f"4/{slot['capacity']}")


def test_a_board_begins_where_the_day_is_now(
    page: Page, live_server_url: str, http: httpx.Client
) -> None:
    venue, slot = _free_slot(http)
    page.set_viewport_size({"width": 390, "height": 844})
    _open(page, live_server_url, venue, slot)
    scrolled = "document.querySelector('.scroll').scrollLeft > 0"
    assert not page.evaluate(scrolled)

    def in_the_evening(route: Any) -> None:
        answer = route.fetch()
        before, _, after = answer.text().rpartition('<th scope="col">')
        route.fulfill(response=answer, body=f'{before}<th scope="col" class="now">{after}')

    page.route("**/dashboard/*/?date=*", in_the_evening)
    page.reload()
    # The page's policy forbids what Playwright's own waiting evaluates.
    wait_until(lambda: page.evaluate(scrolled), seconds=20)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_boards_are_accessible_and_worked_by_keyboard(
    browser: Browser, live_server_url: str, http: httpx.Client, scheme: Any
) -> None:
    venue, slot = _free_slot(http)
    _book(http, venue, slot, 2, "Cy Board")
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    pictures = Pictures(f"board-{scheme}")
    try:
        _open(page, live_server_url, venue, slot)
        expect(page.locator(".bookings")).to_contain_text(["Cy Board"])
        for name, (width, height) in SCREENS.items():
            page.set_viewport_size({"width": width, "height": height})
            pictures.take(page, name)
        page.locator(f"#{slot['id']}").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#panel")).to_be_visible()
        expect(page.locator("#panel .booking")).to_have_count(1)
        pictures.take(page, "panel")
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).not_to_be_visible()
        page.goto(f"{live_server_url}/dashboard/")
        pictures.take(page, "venues")
    finally:
        context.close()
